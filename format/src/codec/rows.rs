//! Rows of colours, what lies around a pixel in them, and what that says of its kind.

/// Pixels of border at either side of a row, so that no neighbour needs a check.
pub(super) const BORDER: usize = 4;

/// What the first row has above it.
const WHITE: u32 = 0xff_ffff;

/// Shorter runs are not worth a decision.
pub(super) const MIN_RUN: usize = 3;

/// Colours (0xRRGGBB) of the current row and of the two above, with `BORDER` at either side.
#[derive(Default)]
pub(super) struct Rows {
    /// The current row first.
    pub(super) lines: [Vec<u32>; 3],
}

impl Rows {
    /// Rows of `width` pixels.
    pub(super) fn new(width: usize) -> Self {
        Self { lines: std::array::from_fn(|_| vec![WHITE; width + 2 * BORDER]) }
    }

    /// Moves on to the next row.
    pub(super) fn next_row(&mut self) {
        self.lines.rotate_right(1);
    }

    /// Paints the gap `from..to` of the current row, where the sheet has no tiles: with the last
    /// pixel before it or, at the row's start, with the one above the next span. The two pixels
    /// before a span always continue that one downwards.
    pub(super) fn gap(&mut self, from: usize, to: usize) {
        let [row, up, _] = &mut self.lines;
        let (from, to) = (from + BORDER, to + BORDER);
        let next = up[to];
        let paint = if from == BORDER { next } else { row[from - 1] };
        row[from..to].fill(paint);
        row[to - 2..to].fill(next);
    }

    /// Paints what is right of the row's last span, which ends at `from`.
    pub(super) fn end_row(&mut self, from: usize) {
        let row = &mut self.lines[0];
        let paint = row[from + BORDER - 1];
        row[from + BORDER..].fill(paint);
    }

    /// The current row's pixels without its left border.
    pub(super) fn row(&mut self) -> &mut [u32] {
        &mut self.lines[0][BORDER..]
    }
}

/// The colours around a pixel, named by compass; doubled letters lie two away.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) w: u32,
    pub(super) ww: u32,
    pub(super) n: u32,
    pub(super) nw: u32,
    pub(super) nww: u32,
    pub(super) ne: u32,
    pub(super) nn: u32,
    pub(super) nne: u32,
}

impl Around {
    #[inline(always)]
    pub(super) fn of(x: usize, row: &[u32], up: &[u32], up2: &[u32]) -> Self {
        Self {
            w: row[x - 1],
            ww: row[x - 2],
            n: up[x],
            nw: up[x - 1],
            nww: up[x - 2],
            ne: up[x + 1],
            nn: up2[x],
            nne: up2[x + 1],
        }
    }

    /// Which neighbours are equal, in six bits.
    #[inline(always)]
    pub(super) fn pattern(&self) -> u32 {
        u32::from(self.w == self.n)
            | u32::from(self.n == self.nw) << 1
            | u32::from(self.n == self.ne) << 2
            | u32::from(self.w == self.ww) << 3
            | u32::from(self.n == self.nn) << 4
            | u32::from(self.w == self.nw) << 5
    }
}

/// How many pixels a run of `colour` may take, judged by the row above: up to the last pixel
/// whose right neighbour there still has the colour, or to the end.
pub(super) fn run_length(colour: u32, above: &[u32]) -> usize {
    match above.iter().position(|&c| c != colour) {
        Some(end) => end - 1,
        None => above.len(),
    }
}

/// How far W, N, NW and NE differ: the largest spread in a channel as 0, 1-15, 16-31, 32-63,
/// 64-127, 128 and more.
pub(super) fn roughness(a: &Around) -> usize {
    let near = [a.w, a.n, a.nw, a.ne];
    let mut most = 0;
    for shift in [16, 8, 0] {
        let channel = near.map(|colour| colour >> shift & 255);
        let low = channel.into_iter().fold(255, u32::min);
        let high = channel.into_iter().fold(0, u32::max);
        most = most.max(high - low);
    }
    if most == 0 { 0 } else { 1 + (32 - (most >> 4).leading_zeros()) as usize }
}

/// About the bits the photo coder needs for a colour: residuals against the gradient within
/// W and N, red and blue less green.
pub(super) fn photo_cost(colour: u32, a: &Around) -> i32 {
    let green = |v: u32| (v >> 8 & 255) as i32;
    let mut cost = 3;
    for shift in [8, 16, 0] {
        let of = |v: u32| (v >> shift & 255) as i32 - if shift == 8 { 0 } else { green(v) };
        let residual = of(colour) - gradient(of(a.w), of(a.n), of(a.nw));
        cost += 2 * (32 - residual.unsigned_abs().leading_zeros() as i32);
    }
    cost
}

/// W + N - NW kept between W and N.
#[inline(always)]
pub(super) fn gradient(w: i32, n: i32, nw: i32) -> i32 {
    (w + n - nw).clamp(w.min(n), w.max(n))
}
