//! What came of handing a screenshot to the recorder.

use deskreel_format::FormatError;

/// What one screenshot did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shot {
    /// Cells of the screen.
    pub cells: usize,
    /// Cells that differ from the screenshot before.
    pub changed: usize,
    /// Cells that show a tile never seen before.
    pub new_tiles: usize,
    /// Cells whose tile was stored again to keep the seek budget or the lease.
    pub stored_again: usize,
    /// Cells whose tile is shown from the commons from here on.
    pub from_commons: usize,
}

/// Why a screenshot was refused. The recorder stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The picture or layout is beyond the format.
    #[error("this screenshot cannot be recorded: {0}")]
    Format(#[from] FormatError),
    /// No surface at all.
    #[error("the screenshot has no surface")]
    Empty,
    /// Time does not advance within a segment; seal it and start another writer.
    #[error("the clock went back: {time_ms} is not after {last_ms}")]
    ClockBack {
        /// Time of this screenshot.
        time_ms: u64,
        /// Time of the one before.
        last_ms: u64,
    },
}
