//! What changed on the screen, as the server tells it (DAMAGE).

use super::connection::Refusal;
use crate::core::area::Area;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectionError, ReplyOrIdError};
use x11rb::protocol::damage::{self, ConnectionExt as _, ReportLevel};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::Window;
use x11rb::rust_connection::RustConnection;

/// The server's account of changes, begun when it was opened.
#[derive(Debug)]
pub(super) struct Damage {
    account: damage::Damage,
    region: u32,
}

impl Damage {
    /// Has the server keep account of `root` and all that is on it; `None` when it does not.
    ///
    /// # Errors
    /// [`ConnectionError`] when the connection is lost.
    pub(super) fn open(
        connection: &RustConnection,
        root: Window,
    ) -> Result<Option<Self>, ConnectionError> {
        if connection.extension_information(damage::X11_EXTENSION_NAME)?.is_none() {
            return Ok(None);
        }
        let begin = || -> Result<Self, ReplyOrIdError> {
            connection.damage_query_version(1, 1)?.reply()?;
            let (account, region) = (connection.generate_id()?, connection.generate_id()?);
            connection.xfixes_create_region(region, &[])?.check()?;
            connection.damage_create(account, root, ReportLevel::NON_EMPTY)?.check()?;
            Ok(Self { account, region })
        };
        match begin() {
            Ok(damage) => Ok(Some(damage)),
            Err(ReplyOrIdError::ConnectionError(lost)) => Err(lost),
            Err(ReplyOrIdError::X11Error(_) | ReplyOrIdError::IdsExhausted) => Ok(None),
        }
    }

    /// What changed since the last call. What is painted from now on is told by the next call, so
    /// pixels that are read after this one are never missed.
    pub(super) fn take(&self, connection: &RustConnection) -> Result<Vec<Area>, Refusal> {
        connection.damage_subtract(self.account, x11rb::NONE, self.region)?;
        let told = connection.xfixes_fetch_region(self.region)?.reply()?;
        let area = |r: &x11rb::protocol::xproto::Rectangle| Area {
            x: r.x.into(),
            y: r.y.into(),
            width: r.width.into(),
            height: r.height.into(),
        };
        Ok(told.rectangles.iter().map(area).collect())
    }
}
