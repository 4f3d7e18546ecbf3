//! What the codecs of screen pixels have in common: a model that predicts the pixels of a row, and the
//! two sides of the coder that it drives.

use super::rows::Rows;

/// Predicts pixels, and says so to either side of a coder. Both sides do the very same.
pub(super) trait Model: Sized {
    /// The side that writes.
    type Writer: Writes;
    /// The side that reads.
    type Reader<'a>: Reads<'a>;
    /// What is known of the cells that hold a tile.
    type Flags: Default;

    /// A model for a sheet `width` pixels wide that holds `pixels` pixels: tables grow with them.
    fn new(width: usize, pixels: usize) -> Self;

    /// The colours of the current row and those above.
    fn rows(&mut self) -> &mut Rows;

    /// Moves on to the next pixel row.
    fn next_row(&mut self);

    /// Writes the pixels `from..to` of the current row, which holds them.
    fn write_span(&mut self, writer: &mut Self::Writer, from: usize, to: usize);

    /// Reads the pixels `from..to` of the current row into it.
    fn read_span(&mut self, reader: &mut Self::Reader<'_>, from: usize, to: usize);

    /// Writes whether a cell holds a tile. `context` (0..16): which cells around it do.
    fn write_flag(flags: &mut Self::Flags, writer: &mut Self::Writer, context: usize, held: bool);

    /// Reads what [`Model::write_flag`] wrote.
    fn read_flag(flags: &mut Self::Flags, reader: &mut Self::Reader<'_>, context: usize) -> bool;
}

/// Turns decisions into bytes.
pub(super) trait Writes {
    /// Starts a stream behind `header`.
    fn new(header: Vec<u8>) -> Self;

    /// Ends the stream.
    fn finish(self) -> Vec<u8>;
}

/// Turns bytes back into decisions; zeros follow the last byte.
pub(super) trait Reads<'a> {
    /// Reads `bytes` from the start.
    fn new(bytes: &'a [u8]) -> Self;

    /// Whether the stream ended long ago, so that further decisions mean nothing.
    fn is_exhausted(&self) -> bool;

    /// Judges the end of the stream once the last decision is read.
    fn ending(&self) -> Ending;
}

/// How a stream that was read to its last decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Exactly where and how the writer ended it.
    Clean,
    /// Bytes were missing.
    Short,
    /// Bytes were left over, or the last one is not the writer's.
    Foreign,
}
