//! Opens the screen of this session, whatever the windowing system.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::wayland::asking::Asking;
use super::{ScreenSource, SourceError};
use crate::core::exclusion::Exclusions;

/// Which screen, and what of it must not be seen.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// X display such as `:0`; otherwise what the environment names.
    pub display: Option<String>,
    /// Folder of what is remembered of the stream, such as the leave to see a Wayland desktop.
    pub state: Option<PathBuf>,
    /// What the person was asked before.
    pub asking: Arc<Mutex<Asking>>,
    /// What must not be seen.
    pub rules: Exclusions,
}

/// Opens the screen.
///
/// # Errors
/// [`SourceError`] when there is none, or when it cannot keep the rules.
pub fn open(wanted: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    let mut source = native(wanted)?;
    source.hide(wanted.rules.clone())?;
    Ok(source)
}

/// A windowing system of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// An X server, be it real or nested.
    X11,
    /// A compositor that hands out its screens by the portal.
    Wayland,
}

impl System {
    /// The one of this session, by the variable of a name. A display that was asked for is an X
    /// server's; in a Wayland session `DISPLAY` names one too, which shows a part of the screen only.
    pub fn of(display: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        match variable("XDG_SESSION_TYPE").as_deref() {
            _ if display.is_some() => Self::X11,
            Some("wayland") => Self::Wayland,
            Some("x11") => Self::X11,
            _ if is_set("WAYLAND_DISPLAY") => Self::Wayland,
            _ => Self::X11,
        }
    }
}

#[cfg(target_os = "linux")]
fn native(wanted: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    match System::of(wanted.display.as_deref(), |name| std::env::var(name).ok()) {
        System::X11 => Ok(Box::new(super::x11::X11Source::open(wanted.display.as_deref())?)),
        System::Wayland => wayland(wanted),
    }
}

#[cfg(all(target_os = "linux", feature = "wayland"))]
fn wayland(wanted: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    use super::wayland::{WaylandSource, token::TokenFile};
    let tokens = wanted.state.as_deref().map(TokenFile::of);
    let mut asking = wanted.asking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Box::new(WaylandSource::open(&mut asking, tokens.as_ref())?))
}

#[cfg(all(target_os = "linux", not(feature = "wayland")))]
fn wayland(_: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    let reason = "this is a Wayland session, and this deskreel was built without the feature \
                  `wayland`: build it with `--features wayland`, log into an X11 session, or record \
                  only what X11 programs show with `--display $DISPLAY`"
        .to_owned();
    Err(SourceError::Unsupported { reason })
}

#[cfg(any(target_os = "windows", target_os = "macos"))]
fn native(_: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    Ok(Box::new(super::desktop::DesktopSource::open()?))
}

#[cfg(not(any(target_os = "linux", target_os = "windows", target_os = "macos")))]
fn native(_: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    let reason =
        "screens of this system cannot be photographed; import pictures instead".to_owned();
    Err(SourceError::Unsupported { reason })
}

#[cfg(test)]
mod tests {
    use super::System;

    #[test]
    fn the_session_tells_its_windowing_system() {
        let none: &[(&str, &str)] = &[];
        for (display, variables, system) in [
            (None, none, System::X11),
            (None, &[("DISPLAY", ":0")], System::X11),
            (None, &[("XDG_SESSION_TYPE", "x11"), ("WAYLAND_DISPLAY", "wayland-0")], System::X11),
            (None, &[("XDG_SESSION_TYPE", "wayland"), ("DISPLAY", ":0")], System::Wayland),
            (Some(":0"), &[("XDG_SESSION_TYPE", "wayland")], System::X11),
            (None, &[("XDG_SESSION_TYPE", "tty"), ("WAYLAND_DISPLAY", "w")], System::Wayland),
            (None, &[("WAYLAND_DISPLAY", "")], System::X11),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(System::of(display, variable), system, "{display:?} {variables:?}");
        }
    }
}
