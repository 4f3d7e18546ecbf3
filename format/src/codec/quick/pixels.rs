//! The pixel model: each pixel predicted from those left of it and in the two rows above.
//!
//! Three stages, the cheapest first: a flag for a whole run that continues a flat area; a few candidate
//! colours, each with one decision; the escape, which spells the colour out.

use super::escape::Escape;
use super::flags::{EVEN, Flag, code, code_by_two};
use super::guesses::{Candidates, Guess, Guesses, scatter, trust};
use super::rans::{Coder, Reader, Writer};
use crate::codec::model::{Codes, Model};
use crate::codec::rows::{Around, BORDER, Rows};

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
}

/// Which cells hold a tile.
pub(in crate::codec) struct Cells([Flag; 16]);

impl Default for Cells {
    fn default() -> Self {
        Self([EVEN; 16])
    }
}

impl<C: Coder> Codes<C> for Pixels {
    fn run(&mut self, coder: &mut C, _: u32, len: usize, flat_above: bool, whole: bool) -> bool {
        let size = (usize::BITS - len.leading_zeros()).min(8) as usize;
        let context = (size * 2 + usize::from(flat_above)) * 16 + self.lately(15);
        let whole = code(coder, &mut self.runs[context], whole);
        self.surprises = self.surprises << 1 | u32::from(!whole);
        whole
    }

    /// By a candidate, else by the escape.
    #[inline(always)]
    fn pixel(&mut self, coder: &mut C, truth: u32, x: usize, a: &Around) -> u32 {
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

    fn cell(flags: &mut Cells, coder: &mut C, context: usize, held: bool) -> bool {
        code(coder, &mut flags.0[context], held)
    }
}

impl Pixels {
    /// The newest surprises.
    #[inline(always)]
    fn lately(&self, mask: u32) -> usize {
        (self.surprises & mask) as usize
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
