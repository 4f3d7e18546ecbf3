//! Opens the screen of this session, whatever the windowing system.

use super::{ScreenSource, SourceError};
use crate::core::exclusion::Exclusions;

/// Which screen, and what of it must not be seen.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// X display such as `:0`; otherwise what the environment names.
    pub display: Option<String>,
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

#[cfg(target_os = "linux")]
fn native(wanted: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    Ok(Box::new(super::x11::X11Source::open(wanted.display.as_deref())?))
}

#[cfg(not(target_os = "linux"))]
fn native(_: &Wanted) -> Result<Box<dyn ScreenSource>, SourceError> {
    let reason = "this build records X11 only; import pictures instead".to_owned();
    Err(SourceError::Unsupported { reason })
}
