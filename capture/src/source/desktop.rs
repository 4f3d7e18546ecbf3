//! Screenshots of Windows and macOS, through `xcap`: a picture of each monitor, compared with the
//! one before because neither tells here what changed.
//!
//! What is decided of them is in [`super::told`], which every system tests.

use xcap::{Monitor, XCapError};

use super::told::{self, Told, Unit};
use super::{ScreenSource, SourceError, Surface};

#[cfg(target_os = "windows")]
const UNIT: Unit = Unit::Pixels;
#[cfg(target_os = "macos")]
const UNIT: Unit = Unit::Points;

/// The desktop of the person who is logged in.
#[derive(Debug)]
pub struct DesktopSource(());

impl DesktopSource {
    /// Opens it, asking the person for the right to see it where the system wants that.
    ///
    /// # Errors
    /// [`SourceError::Forbidden`] when the right is missing, and [`SourceError::Lost`] when no monitor
    /// can be listed.
    pub fn open() -> Result<Self, SourceError> {
        permitted()?;
        let monitors = Monitor::all().map_err(|error| lost("listing the monitors", &error))?;
        tracing::debug!(monitors = monitors.len(), "the desktop is open");
        Ok(Self(()))
    }
}

impl ScreenSource for DesktopSource {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        // A right that was taken back would show an empty desktop, not an error.
        permitted()?;
        let monitors = Monitor::all().map_err(|error| lost("listing the monitors", &error))?;
        let told: Result<Vec<Told>, XCapError> = monitors.iter().map(photograph).collect();
        told::surfaces(told.map_err(|error| lost("reading the screen", &error))?, UNIT)
    }
}

fn photograph(monitor: &Monitor) -> Result<Told, XCapError> {
    let image = monitor.capture_image()?;
    Ok(Told {
        name: monitor.name()?,
        x: monitor.x()?,
        y: monitor.y()?,
        scale: monitor.scale_factor()?,
        width: image.width(),
        height: image.height(),
        rgba: image.into_raw(),
    })
}

fn lost(doing: &'static str, error: &XCapError) -> SourceError {
    SourceError::Lost { doing, reason: error.to_string() }
}

/// Whether the system lets this program see the screen; where it can be asked for, it is.
#[cfg(target_os = "macos")]
fn permitted() -> Result<(), SourceError> {
    use objc2_core_graphics::{CGPreflightScreenCaptureAccess, CGRequestScreenCaptureAccess};
    match CGPreflightScreenCaptureAccess() || CGRequestScreenCaptureAccess() {
        true => Ok(()),
        false => Err(SourceError::Forbidden {
            reason: "macOS does not let deskreel see the screen: allow it under System Settings, \
                     Privacy & Security, Screen & System Audio Recording, and start it again"
                .to_owned(),
        }),
    }
}

#[cfg(target_os = "windows")]
fn permitted() -> Result<(), SourceError> {
    Ok(())
}
