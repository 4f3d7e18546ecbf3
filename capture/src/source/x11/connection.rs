//! The conversation with the server about everything but pixels: monitors, scale, pointer.

use super::area::Monitor;
use super::pixels::Visual;
use super::pointer::Pointer;
use crate::core::area::Area;
use crate::source::SourceError;
use std::collections::HashMap;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::ErrorKind;
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::screensaver::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{Atom, ConnectionExt as _, ImageOrder, Screen, VisualClass};
use x11rb::reexports::x11rb_protocol::parse_display::parse_display;
use x11rb::rust_connection::RustConnection;

/// Why one try to read the screen came to nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The screen is not as it was told a moment ago: read the monitors again.
    Changed(String),
    /// The server understood and said no.
    Denied(String),
    /// An answer makes no sense.
    Malformed(String),
    /// There is nobody to talk to any more.
    Gone(String),
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ParseError(_) => Self::Malformed(error.to_string()),
            _ => Self::Gone(error.to_string()),
        }
    }
}

impl From<ReplyError> for Refusal {
    fn from(error: ReplyError) -> Self {
        match error {
            // BadMatch: the rectangle is not on the screen. BadDrawable and BadWindow cannot
            // befall the root; BadValue comes from RandR while monitors change.
            ReplyError::X11Error(error)
                if matches!(error.error_kind, ErrorKind::Match | ErrorKind::Value) =>
            {
                Self::Changed(describe(&error))
            }
            ReplyError::X11Error(error) => Self::Denied(describe(&error)),
            ReplyError::ConnectionError(error) => error.into(),
        }
    }
}

impl Refusal {
    /// The error to report when no further try is made.
    pub(super) fn during(self, doing: &'static str) -> SourceError {
        let (Self::Changed(reason)
        | Self::Denied(reason)
        | Self::Malformed(reason)
        | Self::Gone(reason)) = self;
        SourceError::Lost { doing, reason }
    }
}

fn describe(error: &x11rb::x11_utils::X11Error) -> String {
    let request = error.request_name.unwrap_or("an unknown request");
    format!("{:?} error answering {request}", error.error_kind)
}

/// Connects to `display`, or to the one `DISPLAY` names, and gives its default screen; or says why
/// not.
pub(super) fn connect(display: Option<&str>) -> Result<(RustConnection, usize), String> {
    let parsed = parse_display(display).map_err(|error| error.to_string())?;
    // x11rb adds the number to TCP port 6000 without looking, which overflows.
    let last = u16::MAX - 6000;
    if parsed.display > last {
        return Err(format!("display numbers end at {last}"));
    }
    x11rb::connect(display).map_err(|error| error.to_string())
}

/// Which extensions the server speaks well enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extensions {
    /// RandR 1.5, which knows monitors.
    pub(super) monitors: bool,
    /// XFixes, which shows the pointer.
    pub(super) pointer: bool,
    /// MIT-SCREEN-SAVER, which knows how long nobody touched anything.
    pub(super) idle: bool,
}

impl Extensions {
    /// Greets the extensions; those that are missing or too old count as absent.
    pub(super) fn negotiate(connection: &RustConnection) -> Result<Self, ConnectionError> {
        let has = |name| connection.extension_information(name).map(|found| found.is_some());
        let monitors = has(randr::X11_EXTENSION_NAME)?
            && match connection.randr_query_version(1, 5)?.reply() {
                Ok(version) => (version.major_version, version.minor_version) >= (1, 5),
                Err(error) => absent(error)?,
            };
        let pointer = has(xfixes::X11_EXTENSION_NAME)?
            && match connection.xfixes_query_version(4, 0)?.reply() {
                Ok(_) => true,
                Err(error) => absent(error)?,
            };
        let idle = has(screensaver::X11_EXTENSION_NAME)?;
        Ok(Self { monitors, pointer, idle })
    }
}

fn absent(error: ReplyError) -> Result<bool, ConnectionError> {
    match error {
        ReplyError::X11Error(_) => Ok(false),
        ReplyError::ConnectionError(lost) => Err(lost),
    }
}

/// What the pixels of `screen`'s root window are like, or why nothing is known about them.
pub(super) fn visual(connection: &RustConnection, screen: &Screen) -> Result<Visual, String> {
    let setup = connection.setup();
    let depth = screen.root_depth;
    let mut visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
    let visual = visuals.find(|visual| visual.visual_id == screen.root_visual);
    let format = setup.pixmap_formats.iter().find(|format| format.depth == depth);
    let (Some(visual), Some(format)) = (visual, format) else {
        return Err(format!("it does not describe its own pixels of depth {depth}"));
    };
    Ok(Visual {
        true_color: visual.class == VisualClass::TRUE_COLOR,
        depth,
        bits_per_pixel: format.bits_per_pixel,
        scanline_pad: format.scanline_pad,
        most_significant_first: setup.image_byte_order == ImageOrder::MSB_FIRST,
        masks: [visual.red_mask, visual.green_mask, visual.blue_mask],
    })
}

/// The screen's size and its monitors, as they are now.
///
/// `names` remembers the monitors' names, which the server sends as numbers.
pub(super) fn monitors(
    connection: &RustConnection,
    root: u32,
    extensions: Extensions,
    names: &mut HashMap<Atom, String>,
) -> Result<(Area, Vec<Monitor>), Refusal> {
    let geometry = connection.get_geometry(root)?;
    let asked = match extensions.monitors {
        true => Some(connection.randr_get_monitors(root, true)?),
        false => None,
    };
    let geometry = geometry.reply()?;
    let screen = Area { x: 0, y: 0, width: geometry.width.into(), height: geometry.height.into() };
    let Some(asked) = asked else { return Ok((screen, vec![])) };
    let mut monitors = vec![];
    for told in asked.reply()?.monitors {
        let name = match names.get(&told.name) {
            Some(name) => name.clone(),
            None => {
                let name = connection.get_atom_name(told.name)?.reply()?.name;
                let name = String::from_utf8_lossy(&name).into_owned();
                names.insert(told.name, name.clone());
                name
            }
        };
        let area = Area {
            x: told.x.into(),
            y: told.y.into(),
            width: told.width.into(),
            height: told.height.into(),
        };
        monitors.push(Monitor { name, area });
    }
    Ok((screen, monitors))
}

/// The desktop's scale in thousandths, from the `Xft.dpi` resource that desktops set.
pub(super) fn scale_milli(connection: &RustConnection) -> Result<u32, Refusal> {
    let database = match x11rb::resource_manager::new_from_resource_manager(connection) {
        Ok(database) => database,
        Err(ReplyError::X11Error(_)) => None,
        Err(ReplyError::ConnectionError(error)) => return Err(error.into()),
    };
    Ok(scale_of_dpi(database.as_ref().and_then(|all| all.get_string("Xft.dpi", "Xft.Dpi"))))
}

/// 96 dots per inch are a scale of 1; what is no sensible number counts as that.
fn scale_of_dpi(dpi: Option<&str>) -> u32 {
    let dpi = dpi.and_then(|dpi| dpi.trim().parse::<f64>().ok());
    match dpi {
        Some(dpi) if (24.0..=960.0).contains(&dpi) => (dpi * 1000.0 / 96.0).round() as u32,
        _ => 1000,
    }
}

/// The pointer's present look, or `None` when there is none.
pub(super) fn pointer(
    connection: &RustConnection,
    extensions: Extensions,
) -> Result<Option<Pointer>, Refusal> {
    if !extensions.pointer {
        return Ok(None);
    }
    let image = match connection.xfixes_get_cursor_image()?.reply() {
        Ok(image) => image,
        // A server without any pointer answers BadCursor.
        Err(ReplyError::X11Error(_)) => return Ok(None),
        Err(ReplyError::ConnectionError(error)) => return Err(error.into()),
    };
    let area = Area {
        x: i32::from(image.x) - i32::from(image.xhot),
        y: i32::from(image.y) - i32::from(image.yhot),
        width: image.width.into(),
        height: image.height.into(),
    };
    Ok(Some(Pointer { area, pixels: image.cursor_image }))
}

/// How long mouse and keyboard have rested, milliseconds, if the server knows.
pub(super) fn idle_ms(
    connection: &RustConnection,
    root: u32,
    extensions: Extensions,
) -> Option<u64> {
    if !extensions.idle {
        return None;
    }
    let info = connection.screensaver_query_info(root).ok()?.reply().ok()?;
    Some(info.ms_since_user_input.into())
}

#[cfg(test)]
mod tests {
    use super::scale_of_dpi;

    #[test]
    fn the_scale_follows_the_dots_per_inch() {
        for (dpi, scale) in [
            (None, 1000),
            (Some("96"), 1000),
            (Some("192"), 2000),
            (Some(" 120.0 "), 1250),
            (Some("0"), 1000),
            (Some("-96"), 1000),
            (Some("NaN"), 1000),
            (Some("many"), 1000),
        ] {
            assert_eq!(scale_of_dpi(dpi), scale, "{dpi:?}");
        }
    }
}
