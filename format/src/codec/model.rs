//! What the codecs of screen pixels have in common: a model that predicts the pixels of a row, and the
//! two sides of the coder that it drives.

use super::rows::{Around, BORDER, MIN_RUN, Rows, run_length};

/// What a codec knows of the pixels so far.
pub(super) trait Model: Sized {
    /// The side that writes.
    type Writer: Writes + Side;
    /// The side that reads.
    type Reader<'a>: Reads<'a> + Side;
    /// What is known of the cells that hold a tile.
    type Flags: Default;

    /// A model for a sheet `width` pixels wide that holds `pixels` pixels: tables grow with them.
    fn new(width: usize, pixels: usize) -> Self;

    /// The colours of the current row and those above.
    fn rows(&mut self) -> &mut Rows;

    /// Moves on to the next pixel row.
    fn next_row(&mut self);
}

/// Either side of a coder: a writer is told each decision, a reader finds it out.
pub(super) trait Side {
    /// Whether this side knows the decisions beforehand.
    const WRITES: bool;
}

/// How a model drives a coder. Both sides do the very same; a reader ignores what it is told.
pub(super) trait Codes<C: Side>: Model {
    /// Codes whether the next `len` pixels all have the colour of the flat area that they continue;
    /// `flat_above`: whether it goes on two rows above the last of them.
    fn run(
        &mut self,
        coder: &mut C,
        colour: u32,
        len: usize,
        flat_above: bool,
        whole: bool,
    ) -> bool;

    /// Codes the colour of one pixel; `x` counts the border.
    fn pixel(&mut self, coder: &mut C, truth: u32, x: usize, around: &Around) -> u32;

    /// Codes whether a cell holds a tile. `context` (0..16): which cells around it do.
    fn cell(flags: &mut Self::Flags, coder: &mut C, context: usize, held: bool) -> bool;
}

/// Codes the pixels `from..to` of the current row: runs that continue a flat area at once, all others
/// singly. A writer has put the true colours there; a reader finds them there afterwards.
#[inline(never)]
pub(super) fn span<C: Side, M: Codes<C>>(model: &mut M, coder: &mut C, from: usize, to: usize) {
    let [mut row, up, up2] = std::mem::take(&mut model.rows().lines);
    let end = to + BORDER;
    let mut x = from + BORDER;
    // Up to here a run is known to break somewhere: no use asking again before it has.
    let mut doubtful = 0;
    while x < end {
        let n = up[x];
        if x >= doubtful
            && [row[x - 1], row[x - 2], up[x - 1], up2[x]] == [n; 4]
            && let len = run_length(n, &up[x..end])
            && len >= MIN_RUN
        {
            let flat_above = up2[x + len - 1] == n;
            let whole = C::WRITES && row[x..x + len].iter().all(|&c| c == n);
            if model.run(coder, n, len, flat_above, whole) {
                row[x..x + len].fill(n);
                x += len;
                continue;
            }
            doubtful = x + len;
        }
        let colour = model.pixel(coder, row[x], x, &Around::of(x, &row, &up, &up2));
        row[x] = colour;
        x += 1;
        if colour != n && x < doubtful {
            doubtful = x;
        }
    }
    model.rows().lines = [row, up, up2];
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
