//! Excluded windows on a real X server: no pixel of theirs is ever in a stored tile.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[expect(dead_code, reason = "shared with the tests of the X11 source, which use more of it")]
mod xserver;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::exclusion::{Exclusions, Rule};
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::source::x11::X11Source;
use deskreel_capture::source::{ScreenSource, SourceError};
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Pack, Segment, Storyboard, TileSize};
use std::sync::atomic::{AtomicBool, Ordering};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux,
    PropMode, StackMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;
use xserver::Server;

/// No other window has any of these colours.
const SECRET: u32 = 0xe0_17_9b;
const OTHER: u32 = 0x20_80_40;

/// A program with windows.
struct Program {
    connection: RustConnection,
    root: Window,
}

impl Program {
    fn start(server: &Server) -> Self {
        let (connection, screen) = x11rb::connect(Some(&server.display)).unwrap();
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// Makes a window of one colour; not mapped, without name or class.
    fn window(&self, colour: u32, at: (i16, i16, u16, u16), popup: bool) -> Window {
        let id = self.connection.generate_id().unwrap();
        let look =
            CreateWindowAux::new().background_pixel(colour).override_redirect(u32::from(popup));
        let (x, y, width, height) = at;
        self.connection
            .create_window(
                0,
                id,
                self.root,
                x,
                y,
                width,
                height,
                0,
                WindowClass::INPUT_OUTPUT,
                0,
                &look,
            )
            .unwrap();
        id
    }

    fn name(&self, window: Window, title: &str, class: &str) {
        let set = |name: AtomEnum, text: &[u8]| {
            let mode = PropMode::REPLACE;
            self.connection.change_property8(mode, window, name, AtomEnum::STRING, text).unwrap();
        };
        if !title.is_empty() {
            set(AtomEnum::WM_NAME, title.as_bytes());
        }
        set(AtomEnum::WM_CLASS, format!("{class}\0{class}\0").as_bytes());
        self.connection.sync().unwrap();
    }

    fn show(&self, window: Window) {
        self.connection.map_window(window).unwrap();
        self.connection.sync().unwrap();
    }

    fn change(&self, window: Window, how: &ConfigureWindowAux) {
        self.connection.configure_window(window, how).unwrap();
        self.connection.sync().unwrap();
    }
}

/// What the recording stores, and a look into every byte of it.
struct Recording {
    source: X11Source,
    screen: Screen,
    recorder: Recorder,
    time_ms: u64,
    /// The last storyboard shows the secret colour.
    in_storyboard: bool,
}

impl Recording {
    fn start(server: &Server, exclude: &[&str], only: &[&str]) -> Self {
        let parse = |rules: &[&str]| rules.iter().map(|rule| Rule::parse(rule).unwrap()).collect();
        let mut source = server.source();
        source.hide(Exclusions { exclude: parse(exclude), only: parse(only) }).unwrap();
        let settings = Settings {
            tile: TileSize::new(16).unwrap(),
            codec: Codec::Webp,
            interval_ms: 10_000,
            domain: DomainKey::new([1; 32]),
            budget: SeekBudget::default(),
            pack_pixels: 1 << 19,
        };
        let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
        recorder.make_storyboards();
        Self {
            source,
            screen: Screen::default(),
            recorder,
            time_ms: 1_763_900_000_000,
            in_storyboard: false,
        }
    }

    /// Takes a screenshot and gives the colours of every tile that is stored for it; the secret one
    /// too when only its storyboard shows it.
    fn shoot(&mut self) -> Result<Vec<u32>, SourceError> {
        self.source.refresh(&mut self.screen)?;
        self.time_ms += 10_000;
        self.recorder.shoot_screen(self.time_ms, &mut self.screen, false).unwrap();
        let sealed = self.recorder.seal().unwrap().unwrap();
        let segment = Segment::decode(&sealed.bytes, &Limits::default()).unwrap();
        let mut colours = Vec::new();
        for pack in segment.manifest.packs.iter().filter(|pack| pack.segment == sealed.id) {
            let start = pack.offset as usize;
            let bytes = &sealed.bytes[start..start + pack.len as usize];
            let pack = Pack::decode(bytes, &Limits::default()).unwrap();
            for slot in 0.. {
                let Some(tile) = pack.tile(slot) else { break };
                let number = |p: &[u8]| u32::from_be_bytes([0, p[0], p[1], p[2]]);
                colours.extend(tile.chunks_exact(3).map(number));
            }
        }
        for board in self.recorder.take_boards(true).unwrap() {
            let board = Storyboard::decode(&board.bytes).unwrap();
            let image = image::load_from_memory(&board.image).unwrap().into_rgb8();
            let [_, secret @ ..] = SECRET.to_be_bytes();
            // Reduced and compressed, a colour comes out a little different.
            let is_secret = |pixel: &image::Rgb<u8>| {
                pixel.0.iter().zip(secret).all(|(value, wanted)| value.abs_diff(wanted) < 16)
            };
            self.in_storyboard = image.pixels().any(is_secret);
            colours.extend(self.in_storyboard.then_some(SECRET));
        }
        colours.sort_unstable();
        colours.dedup();
        Ok(colours)
    }

    /// Takes a screenshot in which nothing secret may be; says whether the other window is seen.
    fn is_clean(&mut self) -> bool {
        let colours = self.shoot().unwrap();
        assert!(!colours.contains(&SECRET), "a stored tile shows the excluded window");
        let picture = &self.screen.surfaces()[0].picture;
        picture.rgb().chunks_exact(3).any(|p| p == [0x20, 0x80, 0x40])
    }
}

#[test]
fn rules_by_title_class_and_regex_hide_windows_and_nothing_else() {
    for rule in ["title=*bank*", "class=safe", "title=/^my b.nk/", "any=*BANK*", "app=exclusion-*"]
    {
        let Some(server) = Server::start("640x480x24", &[]) else { return };
        let (program, others) = (Program::start(&server), Program::start(&server));
        let secret = program.window(SECRET, (40, 40, 200, 100), false);
        program.name(secret, "my bank", "safe");
        let pid =
            others.connection.intern_atom(false, b"_NET_WM_PID").unwrap().reply().unwrap().atom;
        let own = [std::process::id()];
        program
            .connection
            .change_property32(PropMode::REPLACE, secret, pid, AtomEnum::CARDINAL, &own)
            .unwrap();
        program.show(secret);
        let other = others.window(OTHER, (100, 60, 300, 300), false);
        others.name(other, "notes", "editor");
        others.show(other);
        let mut recording = Recording::start(&server, &[rule], &[]);
        // It is seen where it is not over or under the other, which is hidden as a whole.
        assert!(recording.is_clean(), "{rule}");
        others.change(other, &ConfigureWindowAux::new().stack_mode(StackMode::BELOW));
        assert!(recording.is_clean(), "{rule}");
        // Without rules the secret is stored: the test sees what it looks for.
        let mut open = Recording::start(&server, &[], &[]);
        assert!(open.shoot().unwrap().contains(&SECRET) && open.in_storyboard);
    }
}

#[test]
fn an_excluded_window_stays_hidden_while_it_moves_fast() {
    {
        let Some(server) = Server::start("640x480x24", &[]) else { return };
        let painter = server.painter();
        painter.add_monitor("left", (0, 0, 320, 480), painter.outputs());
        painter.add_monitor("right", (320, 0, 320, 480), vec![]);
        let program = Program::start(&server);
        let secret = program.window(SECRET, (0, 0, 120, 90), false);
        program.name(secret, "secret", "safe");
        program.show(secret);
        let mut recording = Recording::start(&server, &["title=secret"], &[]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut state = 1_u32;
                while !done.load(Ordering::Relaxed) {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (x, y) = ((state >> 8) % 560, (state >> 20) % 420);
                    let how = ConfigureWindowAux::new().x(x as i32 - 40).y(y as i32 - 30);
                    program.change(secret, &how);
                    std::thread::sleep(std::time::Duration::from_millis(3));
                }
            });
            for _ in 0..12 {
                // So many places that all may be hidden: then nothing is stored.
                match recording.shoot() {
                    Ok(colours) => assert!(!colours.contains(&SECRET), "seen while it moved"),
                    Err(SourceError::Excluded) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn a_window_is_hidden_between_mapping_and_its_title() {
    let Some(server) = Server::start("640x480x24", &[]) else { return };
    let program = Program::start(&server);
    let mut recording = Recording::start(&server, &["title=secret*"], &[]);
    recording.shoot().unwrap();
    // Without any name; with a class alone; and with a harmless title that changes.
    for (first, class) in [("", ""), ("", "browser"), ("new tab", "browser")] {
        let window = program.window(SECRET, (100, 100, 200, 200), false);
        if !class.is_empty() {
            program.name(window, first, class);
        }
        program.show(window);
        let colours = recording.shoot().unwrap();
        assert!(!colours.contains(&SECRET), "seen before its title was known: {first:?} {class:?}");
        program.name(window, "secret papers", "browser");
        for _ in 0..2 {
            assert!(!recording.shoot().unwrap().contains(&SECRET), "{first:?} {class:?}");
        }
        // Renamed while it still shows the secret.
        program.name(window, "harmless", "browser");
        assert!(!recording.shoot().unwrap().contains(&SECRET), "{first:?} {class:?}");
        program.connection.destroy_window(window).unwrap();
        program.connection.sync().unwrap();
        assert!(!recording.shoot().unwrap().contains(&SECRET), "{first:?} {class:?}");
    }
}

#[test]
fn a_new_window_that_no_rule_names_is_seen_from_the_second_screenshot_on() {
    let Some(server) = Server::start("640x480x24", &[]) else { return };
    let program = Program::start(&server);
    let mut recording = Recording::start(&server, &["title=secret*"], &[]);
    recording.shoot().unwrap();
    let window = program.window(OTHER, (100, 100, 200, 200), false);
    program.name(window, "notes", "editor");
    program.show(window);
    assert!(!recording.is_clean());
    assert!(recording.is_clean());
    assert!(recording.is_clean());
}

#[test]
fn menus_tooltips_and_dialogs_of_an_excluded_program_are_hidden_too() {
    let Some(server) = Server::start("640x480x24", &[]) else { return };
    let (program, others) = (Program::start(&server), Program::start(&server));
    let main = program.window(SECRET, (10, 10, 100, 100), false);
    program.name(main, "vault", "safe");
    program.show(main);
    let other = others.window(OTHER, (400, 10, 100, 100), false);
    others.name(other, "notes", "editor");
    others.show(other);
    let mut recording = Recording::start(&server, &["title=vault"], &[]);
    assert!(recording.is_clean());
    let menu = program.window(SECRET, (200, 200, 80, 120), true);
    program.show(menu);
    assert!(recording.is_clean());
    assert!(recording.is_clean());
    // Another program's dialog for the excluded window, as a file chooser or a portal has.
    let dialog = others.window(SECRET, (300, 300, 150, 90), false);
    others.name(dialog, "open file", "chooser");
    let parent = [main];
    others
        .connection
        .change_property32(
            PropMode::REPLACE,
            dialog,
            AtomEnum::WM_TRANSIENT_FOR,
            AtomEnum::WINDOW,
            &parent,
        )
        .unwrap();
    others.show(dialog);
    for _ in 0..3 {
        assert!(recording.is_clean());
    }
    // A menu of the program that may be seen is seen.
    let third = Program::start(&server);
    let window = third.window(OTHER, (400, 200, 100, 100), false);
    third.name(window, "mail", "mail");
    third.show(window);
    assert!(recording.is_clean());
    let menu = third.window(0x11_22_33, (420, 260, 50, 50), true);
    third.show(menu);
    let colours = recording.shoot().unwrap();
    assert!(colours.contains(&0x11_22_33), "{colours:x?}");
}

#[test]
fn in_allow_list_mode_nothing_but_the_named_windows_is_seen() {
    let Some(server) = Server::start("640x480x24", &[]) else { return };
    let painter = server.painter();
    painter.put(|_, _| SECRET);
    let (program, others) = (Program::start(&server), Program::start(&server));
    let shown = others.window(OTHER, (100, 100, 300, 200), false);
    others.name(shown, "notes", "editor");
    others.show(shown);
    let above = program.window(SECRET, (150, 150, 60, 60), false);
    program.name(above, "chat", "chat");
    program.show(above);
    let mut recording = Recording::start(&server, &[], &["class=editor"]);
    assert!(recording.is_clean());
    others.change(shown, &ConfigureWindowAux::new().x(200).y(220));
    assert!(!recording.shoot().unwrap().contains(&SECRET));
    assert!(recording.is_clean());
    // It closes: nothing is left to be seen.
    others.connection.unmap_window(shown).unwrap();
    others.connection.sync().unwrap();
    assert!(matches!(recording.shoot(), Err(SourceError::Excluded)));
}

#[test]
fn a_window_that_covers_everything_leaves_nothing_to_store() {
    let Some(server) = Server::start("640x480x24", &[]) else { return };
    let program = Program::start(&server);
    let window = program.window(SECRET, (0, 0, 640, 480), false);
    program.name(window, "secret", "safe");
    program.show(window);
    let mut recording = Recording::start(&server, &["class=safe"], &[]);
    assert!(matches!(recording.shoot(), Err(SourceError::Excluded)));
    program.connection.unmap_window(window).unwrap();
    let look = ChangeWindowAttributesAux::new().background_pixel(OTHER);
    program.connection.change_window_attributes(program.root, &look).unwrap();
    program.connection.clear_area(false, program.root, 0, 0, 0, 0).unwrap();
    program.connection.sync().unwrap();
    // Where it was is hidden once more, which is everywhere.
    assert!(matches!(recording.shoot(), Err(SourceError::Excluded)));
    assert!(recording.is_clean());
}

#[test]
fn wrong_rules_are_refused_with_a_reason() {
    for (rule, reason) in [
        ("secret", "names no field"),
        ("titel=x", "unknown field 'titel'"),
        ("title=", "empty pattern"),
        ("title=/(/", "wrong regular expression"),
        ("title=[", "wrong glob"),
    ] {
        let error = Rule::parse(rule).unwrap_err();
        assert!(error.contains(reason) && error.contains(rule), "{error}");
    }
}
