//! The pixel model: each pixel predicted from those left of it and in the two rows above.
//!
//! Three stages, the cheapest first: a flag for a whole run that continues a flat area; a few candidate
//! colours, each with one decision; the escape, which spells the colour out.

use super::escape::Escape;
use super::flags::{EVEN, Flag, code, code_by_two};
use super::guesses::{Candidates, Guess, Guesses, scatter, trust};
use super::rans::{Coder, Reader, Writer};
use crate::codec::model::Model;
use crate::codec::rows::{Around, BORDER, MIN_RUN, Rows, run_length};

/// The state of the whole model.
pub(in crate::codec) struct Pixels {
    rows: Rows,
    /// 1 where a pixel of the current row, of the one above, was escaped.
    escaped: [Vec<u8>; 2],
    runs: Vec<Flag>,
    direct: Vec<Flag>,
    /// Whether the first candidate is right, by how good it is and by what it is.
    first: [Vec<Flag>; 2],
    others: Vec<Flag>,
    /// What followed six neighbours, and three.
    guesses: [Guesses; 2],
    escape: Escape,
    /// Newest in bit 0: 1 where a run broke, or a pixel was not its first candidate.
    surprises: u32,
}

/// Entries of `Pixels::first` by what the candidate is: 2^15.
const FIRST_BITS: u32 = 15;

impl Model for Pixels {
    type Writer = Writer;
    type Reader<'a> = Reader<'a>;
    type Flags = Cells;

    fn new(width: usize, pixels: usize) -> Self {
        let bits = (usize::BITS - pixels.leading_zeros()).clamp(12, 18);
        Self {
            rows: Rows::new(width),
            escaped: std::array::from_fn(|_| vec![0; width + 2 * BORDER]),
            runs: vec![EVEN; 9 * 2 * 16],
            direct: vec![EVEN; 5 * 8 * 16],
            first: [vec![EVEN; 8 * 4 * 2 * 64 * 4], vec![EVEN; 1 << FIRST_BITS]],
            others: vec![EVEN; 4 * 8 * 64],
            guesses: std::array::from_fn(|_| Guesses::new(bits - 1)),
            escape: Escape::new(bits.min(14)),
            surprises: 0,
        }
    }

    fn rows(&mut self) -> &mut Rows {
        &mut self.rows
    }

    fn next_row(&mut self) {
        self.rows.next_row();
        self.escaped.swap(0, 1);
        self.escaped[0].fill(0);
    }

    fn write_span(&mut self, writer: &mut Writer, from: usize, to: usize) {
        self.span(writer, from, to);
    }

    fn read_span(&mut self, reader: &mut Reader<'_>, from: usize, to: usize) {
        self.span(reader, from, to);
    }

    fn write_flag(cells: &mut Cells, writer: &mut Writer, context: usize, held: bool) {
        code(writer, &mut cells.0[context], held);
    }

    fn read_flag(cells: &mut Cells, reader: &mut Reader<'_>, context: usize) -> bool {
        code(reader, &mut cells.0[context], false)
    }
}

/// Which cells hold a tile.
pub(in crate::codec) struct Cells([Flag; 16]);

impl Default for Cells {
    fn default() -> Self {
        Self([EVEN; 16])
    }
}

impl Pixels {
    /// Codes the pixels `from..to` of the current row. A writer has put the true colours there; a
    /// reader finds them there afterwards.
    fn span<C: Coder>(&mut self, coder: &mut C, from: usize, to: usize) {
        let [mut row, up, up2] = std::mem::take(&mut self.rows.lines);
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
                if self.run(coder, len, flat_above, whole) {
                    row[x..x + len].fill(n);
                    x += len;
                    continue;
                }
                doubtful = x + len;
            }
            let colour = self.pixel(coder, row[x], x, &Around::of(x, &row, &up, &up2));
            row[x] = colour;
            x += 1;
            if colour != n && x < doubtful {
                doubtful = x;
            }
        }
        self.rows.lines = [row, up, up2];
    }

    /// Codes whether the next `len` pixels all have the flat area's colour.
    fn run<C: Coder>(&mut self, coder: &mut C, len: usize, flat_above: bool, whole: bool) -> bool {
        let size = (usize::BITS - len.leading_zeros()).min(8) as usize;
        let context = (size * 2 + usize::from(flat_above)) * 16 + self.lately(15);
        let whole = code(coder, &mut self.runs[context], whole);
        self.surprises = self.surprises << 1 | u32::from(!whole);
        whole
    }

    /// The newest surprises.
    #[inline(always)]
    fn lately(&self, mask: u32) -> usize {
        (self.surprises & mask) as usize
    }

    /// Codes one pixel: by a candidate, else by the escape.
    #[inline(always)]
    fn pixel<C: Coder>(&mut self, coder: &mut C, truth: u32, x: usize, a: &Around) -> u32 {
        // Sums of products, not steps of hashing: all but those of W and WW are there early.
        let above = a.nw.wrapping_mul(0x85EB_CA6B).wrapping_add(a.n.wrapping_mul(0xC2B2_AE35));
        let three = above.wrapping_add(a.w.wrapping_mul(0x27D4_EB2F));
        let four = three.wrapping_add(a.ne.wrapping_mul(0x1656_67B1));
        let six = four
            .wrapping_add(a.ww.wrapping_mul(0x9E37_79B1))
            .wrapping_add(a.nn.wrapping_mul(0x7FEB_352D));
        let (at_one, one) = self.guesses[0].look_up(six);
        let (at_two, two) = self.guesses[1].look_up(three);
        let [row, up] = &self.escaped;
        let escapes = usize::from(row[x - 1] + up[x - 1] + up[x] + up[x + 1]);
        let found = if escapes >= 2 && self.straight_to_escape(coder, truth, a, escapes, [one, two])
        {
            None
        } else {
            self.candidate(coder, truth, a, four, [one, two])
        };
        let colour = found.unwrap_or_else(|| {
            self.surprises = self.surprises << 1 | 1;
            self.escaped[0][x] = 1;
            self.escape.code(coder, truth, escapes, a)
        });
        self.guesses[0].learn(at_one, colour);
        self.guesses[1].learn(at_two, colour);
        colour
    }

    /// Asks of each candidate whether it is right. `four`: what the four nearest neighbours are.
    #[inline(always)]
    fn candidate<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        a: &Around,
        four: u32,
        [one, two]: [Guess; 2],
    ) -> Option<u32> {
        let pattern = a.pattern() as usize;
        for (k, (colour, source)) in Candidates::new(one, two, a).enumerate() {
            let hit = if k == 0 {
                let agree = usize::from(one & 0xff_ffff == two & 0xff_ffff);
                let good = (trust(one) * 4 + trust(two).min(3)) * 2 + agree;
                let good = (good * 64 + pattern) * 4 + self.lately(3);
                let what = scatter(four.wrapping_add(colour.wrapping_mul(0x2C1B_3C6D)));
                let what = (scatter(what ^ what >> 15) >> (32 - FIRST_BITS)) as usize;
                let [by_good, by_what] = &mut self.first;
                code_by_two(coder, &mut by_good[good], &mut by_what[what], colour == truth)
            } else {
                code(coder, &mut self.others[(k * 8 + source) * 64 + pattern], colour == truth)
            };
            if hit {
                self.surprises = self.surprises << 1 | u32::from(k > 0);
                return Some(colour);
            }
        }
        None
    }

    /// Among escapes, codes first whether this pixel is one too, to save asking for each candidate.
    fn straight_to_escape<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        a: &Around,
        escapes: usize,
        [one, two]: [Guess; 2],
    ) -> bool {
        let hopeless = C::WRITES && Candidates::new(one, two, a).all(|(colour, _)| colour != truth);
        let context = (escapes * 8 + trust(one)) * 16 + self.lately(15);
        code(coder, &mut self.direct[context], hopeless)
    }
}
