//! Reads rectangles of the root window: through shared memory, or over the socket.

use super::connection::Refusal;
use super::pixels::PixelFormat;
use super::shared::SharedMemory;
use crate::core::area::Area;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

/// A segment this many times larger than what is needed is given back.
const SPARE_FACTOR: usize = 4;

/// The way pixels come from the server.
#[derive(Debug)]
pub(super) enum Transfer {
    /// The server writes them into memory it shares with us.
    Shared(Option<Segment>),
    /// The server sends them over the connection, as a remote one must.
    Socket,
}

/// Memory that the server has attached.
#[derive(Debug)]
pub(super) struct Segment {
    id: shm::Seg,
    memory: SharedMemory,
}

impl Transfer {
    /// Shared memory if the server can take a descriptor (MIT-SHM 1.2), else the socket.
    ///
    /// # Errors
    /// [`ConnectionError`] when the connection is lost. A server that says no is no error.
    pub(super) fn choose(connection: &RustConnection) -> Result<Self, ConnectionError> {
        if connection.extension_information(shm::X11_EXTENSION_NAME)?.is_none() {
            return Ok(Self::Socket);
        }
        Ok(match connection.shm_query_version()?.reply() {
            Ok(version) if (version.major_version, version.minor_version) >= (1, 2) => {
                // A server at the far end of a tunnel offers the extension but cannot share: only
                // trying tells.
                match Segment::attach(connection, 4096)? {
                    Some(segment) => Self::Shared(Some(segment)),
                    None => Self::Socket,
                }
            }
            Ok(_) | Err(ReplyError::X11Error(_)) => Self::Socket,
            Err(ReplyError::ConnectionError(lost)) => return Err(lost),
        })
    }

    /// Reads every area and hands its bytes to `take` with its place in `areas`.
    ///
    /// # Errors
    /// [`Refusal::Changed`] when the server refuses an area, which happens when the screen has
    /// shrunk since the areas were read; else what `take` says or that the connection is lost.
    pub(super) fn fetch(
        &mut self,
        connection: &RustConnection,
        root: Window,
        format: &PixelFormat,
        areas: &[Area],
        mut take: impl FnMut(usize, &[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let sizes: Vec<usize> =
            areas.iter().map(|area| format.image_bytes(area.width, area.height)).collect();
        let total = sizes.iter().sum();
        if let Self::Shared(segment) = self {
            if let Some(segment) = Segment::fitting(segment, connection, total)?
                && segment.fill(connection, root, areas, &sizes)?
            {
                return segment.memory.read(|bytes| {
                    let mut rest = bytes;
                    for (index, size) in sizes.iter().enumerate() {
                        let (image, after) = rest.split_at(*size);
                        rest = after;
                        take(index, image)?;
                    }
                    Ok(())
                });
            }
            // Not a matter of geometry: this server does not share after all.
            self.give_up_sharing(connection)?;
        }
        for (index, area) in areas.iter().enumerate() {
            let (x, y, width, height) = wire(*area)?;
            let image = connection
                .get_image(ImageFormat::Z_PIXMAP, root, x, y, width, height, u32::MAX)?
                .reply()?;
            take(index, &image.data)?;
        }
        Ok(())
    }

    fn give_up_sharing(&mut self, connection: &RustConnection) -> Result<(), ConnectionError> {
        if let Self::Shared(Some(segment)) = std::mem::replace(self, Self::Socket) {
            segment.detach(connection)?;
        }
        Ok(())
    }
}

impl Segment {
    /// Makes `bytes` of memory and lets the server map it; `None` when either refuses.
    fn attach(connection: &RustConnection, bytes: usize) -> Result<Option<Self>, ConnectionError> {
        // Offsets into a segment have 32 bits on the wire.
        if u32::try_from(bytes).is_err() {
            return Ok(None);
        }
        let Ok((memory, fd)) = SharedMemory::new(bytes) else { return Ok(None) };
        let attach = || -> Result<shm::Seg, ReplyOrIdError> {
            let id = connection.generate_id()?;
            connection.shm_attach_fd(id, fd, false)?.check()?;
            Ok(id)
        };
        match attach() {
            Ok(id) => Ok(Some(Self { id, memory })),
            Err(ReplyOrIdError::ConnectionError(lost)) => Err(lost),
            Err(ReplyOrIdError::X11Error(_) | ReplyOrIdError::IdsExhausted) => Ok(None),
        }
    }

    /// The segment in `slot`, replaced if it is too small or far too large.
    fn fitting<'a>(
        slot: &'a mut Option<Self>,
        connection: &RustConnection,
        bytes: usize,
    ) -> Result<Option<&'a Self>, ConnectionError> {
        let fits = |segment: &Self| {
            let len = segment.memory.len();
            (bytes..=bytes.saturating_mul(SPARE_FACTOR)).contains(&len)
        };
        if !slot.as_ref().is_some_and(fits) {
            // The old one goes first, so that both are never held at once.
            if let Some(old) = slot.take() {
                old.detach(connection)?;
            }
            *slot = Self::attach(connection, bytes)?;
        }
        Ok(slot.as_ref())
    }

    /// Has the server write every area, one behind the other; false when it cannot use the
    /// segment.
    ///
    /// All requests leave in one go, so that the monitors show nearly the same moment, and all
    /// are answered when this returns, unless the connection is lost.
    fn fill(
        &self,
        connection: &RustConnection,
        root: Window,
        areas: &[Area],
        sizes: &[usize],
    ) -> Result<bool, Refusal> {
        let mut asked = Vec::with_capacity(areas.len());
        let mut offset = 0;
        for (area, size) in areas.iter().zip(sizes) {
            let (x, y, width, height) = wire(*area)?;
            let format = u8::from(ImageFormat::Z_PIXMAP);
            asked.push(connection.shm_get_image(
                root,
                x,
                y,
                width,
                height,
                u32::MAX,
                format,
                self.id,
                offset as u32,
            )?);
            offset += size;
        }
        let answers: Vec<_> = asked.into_iter().map(|cookie| cookie.reply()).collect();
        for answer in answers {
            match answer.map_err(Refusal::from) {
                Ok(_) => {}
                Err(Refusal::Denied(_)) => return Ok(false),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(true)
    }

    fn detach(self, connection: &RustConnection) -> Result<(), ConnectionError> {
        connection.shm_detach(self.id)?.ignore_error();
        Ok(())
    }
}

/// An area in the numbers of the X protocol.
fn wire(area: Area) -> Result<(i16, i16, u16, u16), Refusal> {
    let numbers = || -> Option<_> {
        Some((
            area.x.try_into().ok()?,
            area.y.try_into().ok()?,
            area.width.try_into().ok()?,
            area.height.try_into().ok()?,
        ))
    };
    numbers().ok_or_else(|| Refusal::Malformed(format!("{area:?} exceeds the X protocol")))
}
