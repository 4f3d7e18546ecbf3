//! Where screenshots come from: one trait, one implementation per windowing system.

use deskreel_format::Picture;

use crate::core::exclusion::Exclusions;
use crate::core::screen::Screen;

pub mod conformance;
#[cfg(any(target_os = "windows", target_os = "macos"))]
pub mod desktop;
pub mod open;
pub mod replay;
pub mod told;
pub mod wayland;
#[cfg(target_os = "linux")]
pub mod x11;

/// One monitor (or one window system output) as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// The output's name, such as `eDP-1` or `screen`.
    pub name: String,
    /// Left edge on the desktop, pixels.
    pub x: i32,
    /// Top edge on the desktop, pixels.
    pub y: i32,
    /// Pixels per logical pixel, in thousandths: 1000 is a scale of 1.
    pub scale_milli: u32,
    /// Its pixels, pointer included.
    pub picture: Picture,
}

/// A way to photograph the screen.
pub trait ScreenSource: Send {
    /// Photographs every output now.
    ///
    /// # Errors
    /// [`SourceError`] when the display is gone or refuses.
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError>;

    /// Brings `screen` up to date with every output as it is now, and marks what changed.
    ///
    /// `screen` is one that this source alone wrote to, or an empty one. After an error it is empty.
    ///
    /// # Errors
    /// [`SourceError`] when the display is gone or refuses, and when rules hide all of it or it
    /// cannot be told what they hide.
    fn refresh(&mut self, screen: &mut Screen) -> Result<(), SourceError> {
        match self.grab() {
            Ok(surfaces) => {
                let old = screen.replace(surfaces);
                self.recycle(old);
                Ok(())
            }
            Err(error) => {
                screen.forget();
                Err(error)
            }
        }
    }

    /// From now on hides what these rules say, in [`ScreenSource::refresh`].
    ///
    /// # Errors
    /// [`SourceError::Unsupported`] when this source cannot tell windows apart: nothing must be
    /// recorded then.
    fn hide(&mut self, rules: Exclusions) -> Result<(), SourceError> {
        match rules.is_empty() {
            true => Ok(()),
            false => Err(SourceError::Unsupported {
                reason:
                    "windows cannot be told apart here, so rules that exclude some cannot be kept"
                        .to_owned(),
            }),
        }
    }

    /// How long mouse and keyboard have rested, milliseconds; `None` where that is not known.
    fn idle_ms(&mut self) -> Option<u64> {
        None
    }

    /// Takes back pictures that are no longer needed, so that the next grab reuses their memory.
    ///
    /// Optional: a source may ignore them, and a caller may keep them.
    fn recycle(&mut self, used: Vec<Surface>) {
        drop(used);
    }
}

/// Why a screen could not be photographed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No display could be opened.
    #[error("cannot open the display {display:?}: {reason}; set DISPLAY or pass --display")]
    Open {
        /// What was tried.
        display: String,
        /// What the window system answered.
        reason: String,
    },
    /// The system, or the person, does not let this program see the screen.
    #[error("{reason}")]
    Forbidden {
        /// Who forbids it, and how to allow it.
        reason: String,
    },
    /// The display answered with an error or went away.
    #[error("the display stopped answering while {doing}: {reason}")]
    Lost {
        /// The step that failed.
        doing: &'static str,
        /// What the window system answered.
        reason: String,
    },
    /// The screen is open, but has shown no picture yet; it is still open.
    #[error("{reason}")]
    Waiting {
        /// What is waited for.
        reason: String,
    },
    /// Rules hide everything that is visible.
    #[error("everything visible is excluded by a rule")]
    Excluded,
    /// It cannot be told what rules hide, so nothing may be seen.
    #[error("the windows cannot be listed, so nothing is recorded: {reason}")]
    Windows {
        /// What the window system answered.
        reason: String,
    },
    /// The display exists, but its pixels are of a kind that is not supported.
    #[error("unsupported display: {reason}")]
    Unsupported {
        /// What is unsupported.
        reason: String,
    },
}
