//! Screenshots of an X11 display, by the X server's own protocol.
//!
//! The server writes the pixels into memory it shares with us (MIT-SHM); a remote one sends them.
//! Monitors are read anew before each picture (RandR), and the pointer, which is not part of the
//! screen's pixels, is drawn in (XFixes). All arithmetic is in pure modules: [`area`], [`pixels`],
//! [`pointer`].

mod area;
mod connection;
mod damage;
mod fetch;
mod pixels;
mod pointer;
mod shared;
mod update;
mod windows;

use super::{ScreenSource, SourceError, Surface};
use crate::core::exclusion::Exclusions;
use crate::core::screen::Screen;
use connection::{Extensions, Refusal};
use damage::Damage;
use fetch::Transfer;
use pixels::PixelFormat;
use std::collections::HashMap;
use update::Kept;
use windows::Guard;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{Atom, Window};
use x11rb::rust_connection::RustConnection;

/// How often a grab starts again because the screen changed under it.
const TRIES: u32 = 4;

/// An open X11 display.
///
/// It blocks while it waits for the server. After [`SourceError::Lost`] open a new one.
pub struct X11Source {
    connection: RustConnection,
    root: Window,
    format: PixelFormat,
    extensions: Extensions,
    transfer: Transfer,
    names: HashMap<Atom, String>,
    damage: Option<Damage>,
    guard: Option<Guard>,
    kept: Kept,
}

impl X11Source {
    /// Connects to `display` (such as `:0`), or to the one that `DISPLAY` names.
    ///
    /// # Errors
    /// [`SourceError::Open`] when nobody answers there or access is refused,
    /// [`SourceError::Unsupported`] when its pixels are not colours (a palette), and
    /// [`SourceError::Lost`] when it goes away at once.
    pub fn open(display: Option<&str>) -> Result<Self, SourceError> {
        let (connection, screen) =
            connection::connect(display).map_err(|reason| SourceError::Open {
                display: match display {
                    Some(name) => name.to_owned(),
                    None => std::env::var("DISPLAY").unwrap_or_default(),
                },
                reason,
            })?;
        let screen = &connection.setup().roots[screen];
        let format = connection::visual(&connection, screen)
            .and_then(PixelFormat::of)
            .map_err(|reason| SourceError::Unsupported { reason })?;
        let lost = |error| Refusal::from(error).during("opening it");
        let extensions = Extensions::negotiate(&connection).map_err(lost)?;
        let transfer = Transfer::choose(&connection).map_err(lost)?;
        let root = screen.root;
        // The server's regions are objects of XFixes.
        let damage = match extensions.pointer {
            true => Damage::open(&connection, root).map_err(lost)?,
            false => None,
        };
        let (names, guard, kept) = (HashMap::new(), None, Kept::default());
        Ok(Self { connection, root, format, extensions, transfer, names, damage, guard, kept })
    }

    /// Whether pixels come through shared memory and not over the connection.
    pub fn shares_memory(&self) -> bool {
        matches!(self.transfer, Transfer::Shared(_))
    }

    /// Whether the server tells what changes, so that the rest need not be read.
    pub fn knows_damage(&self) -> bool {
        self.damage.is_some()
    }

    /// Reads everything at every screenshot, as where the server does not tell what changes.
    pub fn distrust_damage(&mut self) {
        self.damage = None;
    }
}

impl ScreenSource for X11Source {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        let mut screen = Screen::default();
        self.refresh(&mut screen)?;
        self.kept.stale = true;
        Ok(screen.reset(Vec::new()))
    }

    fn refresh(&mut self, screen: &mut Screen) -> Result<(), SourceError> {
        let mut tries = 1;
        let refreshed = loop {
            match self.update(screen) {
                Ok(refreshed) => break refreshed,
                Err(Refusal::Changed(_)) if tries < TRIES => tries += 1,
                Err(refusal) => break Err(refusal.during("reading the screen")),
            }
            screen.forget();
        };
        if refreshed.is_err() {
            screen.forget();
        }
        refreshed
    }

    fn hide(&mut self, rules: Exclusions) -> Result<(), SourceError> {
        self.guard = None;
        if !rules.is_empty() {
            let guard = Guard::new(&self.connection, self.root, rules);
            self.guard = Some(guard.map_err(|refusal| refusal.during("listing windows"))?);
        }
        Ok(())
    }

    fn idle_ms(&mut self) -> Option<u64> {
        connection::idle_ms(&self.connection, self.root, self.extensions)
    }
}
