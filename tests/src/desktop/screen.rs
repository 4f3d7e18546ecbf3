//! The hands of the person at the desktop: windows, keys, wheel and pointer, through X11 itself.

use super::script::Place;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ClientMessageEvent, ConnectionExt as _,
    EventMask, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Between two keys: a fast typist, and no program loses any.
const KEY_PAUSE: Duration = Duration::from_millis(8);
/// Between two looks for a window.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// What the window manager takes to bring a window to the front.
const RAISE_PAUSE: Duration = Duration::from_millis(120);

const RETURN: u32 = 0xff0d;
const CONTROL_LEFT: u32 = 0xffe3;
const SHIFT_LEFT: u32 = 0xffe1;
const WHEEL_UP: u8 = 4;
const WHEEL_DOWN: u8 = 5;

/// A connection that acts for the person.
pub(super) struct Screen {
    connection: RustConnection,
    root: Window,
    keys: HashMap<u32, Key>,
    atoms: HashMap<&'static str, u32>,
}

/// Where a character is on the keyboard.
#[derive(Debug, Clone, Copy)]
struct Key {
    code: u8,
    shifted: bool,
}

impl Screen {
    /// Connects to `display` and learns its keyboard.
    pub(super) fn open(display: &str) -> Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display))
            .with_context(|| format!("connecting to the display {display}"))?;
        let root = connection.setup().roots[screen].root;
        let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
        let mapping = connection.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        let mut keys = HashMap::new();
        let rows = mapping.keysyms.chunks(usize::from(mapping.keysyms_per_keycode).max(1));
        for (code, symbols) in (first..=last).zip(rows) {
            for (symbol, shifted) in symbols.iter().zip([false, true]) {
                keys.entry(*symbol).or_insert(Key { code, shifted });
            }
        }
        let mut atoms = HashMap::new();
        for name in [
            "_NET_ACTIVE_WINDOW",
            "_NET_CLIENT_LIST",
            "_NET_MOVERESIZE_WINDOW",
            "_NET_SUPPORTING_WM_CHECK",
        ] {
            atoms.insert(name, connection.intern_atom(false, name.as_bytes())?.reply()?.atom);
        }
        Ok(Self { connection, root, keys, atoms })
    }

    /// Waits until a window manager rules the screen.
    pub(super) fn wait_for_window_manager(&self, patience: Duration) -> Result<()> {
        self.wait(patience, "a window manager", || {
            Ok(self.windows_in("_NET_SUPPORTING_WM_CHECK")?.first().copied())
        })?;
        Ok(())
    }

    /// Waits until there is a window with this instance or class name.
    pub(super) fn wait_for(&self, name: &str, patience: Duration) -> Result<Window> {
        self.wait(patience, name, || self.find(name))
    }

    fn wait(
        &self,
        patience: Duration,
        what: &str,
        look: impl Fn() -> Result<Option<Window>>,
    ) -> Result<Window> {
        let start = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if start.elapsed() > patience {
                bail!("{what} did not show up on the desktop within {patience:?}");
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// The window with this instance or class name (lower case), if it is there.
    pub(super) fn find(&self, name: &str) -> Result<Option<Window>> {
        for window in self.windows_in("_NET_CLIENT_LIST")? {
            let (class, text) = (AtomEnum::WM_CLASS, AtomEnum::STRING);
            let asked = self.connection.get_property(false, window, class, text, 0, 1024)?;
            // A window that closes meanwhile is not the one.
            let Ok(class) = asked.reply() else { continue };
            let mut names = class.value.split(|byte| *byte == 0);
            if names.any(|own| own.eq_ignore_ascii_case(name.as_bytes())) {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    fn windows_in(&self, property: &'static str) -> Result<Vec<Window>> {
        let (name, kind) = (self.atoms[property], AtomEnum::WINDOW);
        let reply = self.connection.get_property(false, self.root, name, kind, 0, 1024)?.reply()?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    /// Asks the window manager to move and resize a window.
    pub(super) fn place(&self, window: Window, place: Place) -> Result<()> {
        // North-west gravity; x, y, width and height are given; asked for by a pager.
        let flags = 1 | 0b1111 << 8 | 2 << 12;
        let Place { x, y, width, height } = place;
        self.tell(window, "_NET_MOVERESIZE_WINDOW", [flags, x, y, width, height])
    }

    /// Brings a window to the front and gives it the keyboard.
    pub(super) fn activate(&self, window: Window) -> Result<()> {
        self.tell(window, "_NET_ACTIVE_WINDOW", [2, x11rb::CURRENT_TIME, 0, 0, 0])?;
        std::thread::sleep(RAISE_PAUSE);
        Ok(())
    }

    fn tell(&self, window: Window, message: &'static str, words: [u32; 5]) -> Result<()> {
        let event = ClientMessageEvent::new(32, window, self.atoms[message], words);
        let to = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.connection.send_event(false, self.root, to, event)?;
        self.connection.sync()?;
        Ok(())
    }

    /// Types ASCII text; `\n` is the return key.
    pub(super) fn type_text(&self, text: &str) -> Result<()> {
        for character in text.chars() {
            // Latin characters are their own key symbols.
            let symbol = if character == '\n' { RETURN } else { character.into() };
            let key = self.key(symbol)?;
            let shift = key.shifted.then(|| self.key(SHIFT_LEFT)).transpose()?;
            self.chord(shift, key)?;
        }
        Ok(())
    }

    /// Presses control and S.
    pub(super) fn save(&self) -> Result<()> {
        self.chord(Some(self.key(CONTROL_LEFT)?), self.key('s'.into())?)
    }

    /// Presses control and End, which goes to the end of a text.
    pub(super) fn go_to_end(&self) -> Result<()> {
        const END: u32 = 0xff57;
        self.chord(Some(self.key(CONTROL_LEFT)?), self.key(END)?)
    }

    fn key(&self, symbol: u32) -> Result<Key> {
        let key = self.keys.get(&symbol).copied();
        key.with_context(|| format!("the keyboard has no key for symbol {symbol:#x}"))
    }

    fn chord(&self, held: Option<Key>, key: Key) -> Result<()> {
        let held = held.map(|key| key.code);
        if let Some(code) = held {
            self.fake(KEY_PRESS_EVENT, code, 0, 0)?;
        }
        self.fake(KEY_PRESS_EVENT, key.code, 0, 0)?;
        self.fake(KEY_RELEASE_EVENT, key.code, 0, 0)?;
        if let Some(code) = held {
            self.fake(KEY_RELEASE_EVENT, code, 0, 0)?;
        }
        self.connection.sync()?;
        std::thread::sleep(KEY_PAUSE);
        Ok(())
    }

    /// Moves the pointer to a pixel of the screen.
    pub(super) fn point(&self, x: u32, y: u32) -> Result<()> {
        self.fake(MOTION_NOTIFY_EVENT, 0, i16::try_from(x)?, i16::try_from(y)?)?;
        self.connection.sync()?;
        Ok(())
    }

    /// Turns the wheel over the middle of a window; positive is down.
    pub(super) fn scroll(&self, window: Window, clicks: i32) -> Result<()> {
        let size = self.connection.get_geometry(window)?.reply()?;
        let (x, y) = (size.width / 2, size.height / 2);
        let (x, y) = (i16::try_from(x)?, i16::try_from(y)?);
        let at = self.connection.translate_coordinates(window, self.root, x, y)?.reply()?;
        self.fake(MOTION_NOTIFY_EVENT, 0, at.dst_x, at.dst_y)?;
        let button = if clicks < 0 { WHEEL_UP } else { WHEEL_DOWN };
        for _ in 0..clicks.unsigned_abs() {
            self.fake(BUTTON_PRESS_EVENT, button, 0, 0)?;
            self.fake(BUTTON_RELEASE_EVENT, button, 0, 0)?;
            self.connection.sync()?;
            std::thread::sleep(KEY_PAUSE * 3);
        }
        Ok(())
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) -> Result<()> {
        let now = x11rb::CURRENT_TIME;
        self.connection.xtest_fake_input(kind, detail, now, self.root, x, y, 0)?;
        Ok(())
    }
}
