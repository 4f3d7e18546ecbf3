//! Where screenshots come from: one trait, one implementation per windowing system.

use deskreel_format::Picture;

pub mod replay;
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
    /// The display answered with an error or went away.
    #[error("the display stopped answering while {doing}: {reason}")]
    Lost {
        /// The step that failed.
        doing: &'static str,
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
