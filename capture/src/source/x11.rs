//! Screenshots of an X11 display, by the X server's own protocol.
//!
//! The server writes the pixels into memory it shares with us (MIT-SHM); a remote one sends them.
//! Monitors are read anew before each picture (RandR), and the pointer, which is not part of the
//! screen's pixels, is drawn in (XFixes). All arithmetic is in pure modules: [`area`], [`pixels`],
//! [`pointer`].

mod area;
mod connection;
mod fetch;
mod pixels;
mod pointer;
mod shared;

use super::{ScreenSource, SourceError, Surface};
use area::{Area, visible};
use connection::{Extensions, Refusal};
use deskreel_format::Picture;
use fetch::Transfer;
use pixels::PixelFormat;
use std::collections::HashMap;
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
    spare: Vec<Vec<u8>>,
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
        let (names, spare) = (HashMap::new(), vec![]);
        Ok(Self { connection, root, format, extensions, transfer, names, spare })
    }

    /// Whether pixels come through shared memory and not over the connection.
    pub fn shares_memory(&self) -> bool {
        matches!(self.transfer, Transfer::Shared(_))
    }

    fn try_grab(&mut self) -> Result<Result<Vec<Surface>, SourceError>, Refusal> {
        let (screen, told) =
            connection::monitors(&self.connection, self.root, self.extensions, &mut self.names)?;
        let monitors = match visible(screen, told) {
            Ok(monitors) => monitors,
            Err(error) => return Ok(Err(error)),
        };
        let scale_milli = connection::scale_milli(&self.connection)?;
        let areas: Vec<Area> = monitors.iter().map(|monitor| monitor.area).collect();
        let mut pictures = Vec::with_capacity(areas.len());
        let (format, spare) = (&self.format, &mut self.spare);
        self.transfer.fetch(&self.connection, self.root, format, &areas, |index, image| {
            let Area { width, height, .. } = areas[index];
            let mut rgb = spare.pop().unwrap_or_default();
            format.convert(image, width, height, &mut rgb).map_err(Refusal::Malformed)?;
            pictures.push(rgb);
            Ok(())
        })?;
        // After the pixels, not before: there the server is busy for the longest time, and the
        // pointer should be where it was at the end of it.
        let pointer = connection::pointer(&self.connection, self.extensions)?;
        let surfaces = monitors.into_iter().zip(pictures).map(|(monitor, mut rgb)| {
            let area = monitor.area;
            if let Some(pointer) = &pointer {
                pointer.draw(area, &mut rgb);
            }
            let picture = Picture::new(area.width, area.height, rgb)
                .map_err(|error| SourceError::Unsupported { reason: error.to_string() })?;
            Ok(Surface { name: monitor.name, x: area.x, y: area.y, scale_milli, picture })
        });
        Ok(surfaces.collect())
    }
}

impl ScreenSource for X11Source {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        let mut tries = 1;
        let grabbed = loop {
            match self.try_grab() {
                Ok(grabbed) => break grabbed,
                Err(Refusal::Changed(_)) if tries < TRIES => tries += 1,
                Err(refusal) => break Err(refusal.during("reading the screen")),
            }
        };
        // Spare buffers are for this grab only: a monitor that was unplugged must not pin memory.
        self.spare.clear();
        grabbed
    }

    fn recycle(&mut self, used: Vec<Surface>) {
        self.spare.extend(used.into_iter().map(|surface| surface.picture.into_rgb()));
    }
}
