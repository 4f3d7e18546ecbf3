//! The pixel model: each pixel predicted from those left of it and in the two rows above.
//!
//! Three stages, the cheapest first: a flag for a whole run that continues a flat area; a few
//! candidate colours, each with one decision; the escape, which spells the colour out.

use super::counters::{Dense, Hashed, hash};
use super::escape::{Escape, Nearby};
use super::guesses::{Found, Guesses};
use super::logistic::Mixer;
use super::range::{Coder, Reader, Writer};
use crate::codec::model::{Codes, Model};
use crate::codec::rows::{Around, BORDER, Rows};

/// The state of the whole model.
pub(in crate::codec) struct Pixels {
    rows: Rows,
    counters: Hashed,
    runs: Mixer<5>,
    hits: Mixer<6>,
    direct: Mixer<4>,
    guesses: Guesses,
    escape: Escape,
    /// Newest in bit 0: 1 where a run broke, or a pixel was not its first candidate.
    surprises: u32,
}

/// Which cells hold a tile: counters that need no mixing.
pub(in crate::codec) struct Flags {
    counters: Dense<1>,
    mixer: Mixer<1>,
}

impl Default for Flags {
    fn default() -> Self {
        Self { counters: Dense::new(16), mixer: Mixer::new(1, 1 << 14, 0) }
    }
}

impl Model for Pixels {
    type Writer = Writer;
    type Reader<'a> = Reader<'a>;
    type Flags = Flags;

    fn new(width: usize, pixels: usize) -> Self {
        let bits = (usize::BITS - pixels.leading_zeros()).clamp(12, 18);
        Self {
            rows: Rows::new(width),
            counters: Hashed::new(bits.min(16)),
            runs: Mixer::new(16, 4700, 14),
            hits: Mixer::new(256, 4700, 14),
            direct: Mixer::new(8, 5500, 14),
            guesses: Guesses::new(bits - 1),
            escape: Escape::new(width + 2 * BORDER, bits),
            surprises: 0,
        }
    }

    fn rows(&mut self) -> &mut Rows {
        &mut self.rows
    }

    fn next_row(&mut self) {
        self.rows.next_row();
        self.escape.next_row();
    }
}

impl<C: Coder> Codes<C> for Pixels {
    fn run(
        &mut self,
        coder: &mut C,
        colour: u32,
        len: usize,
        flat_above: bool,
        whole: bool,
    ) -> bool {
        let size = (usize::BITS - len.leading_zeros()).min(8);
        let flat = u32::from(flat_above);
        let contexts = [
            hash(0x777, size | flat << 8),
            hash(0x778, hash(colour, size)),
            hash(0x779, hash(flat, colour)),
            hash(0x77a, self.surprises & 255),
            hash(0x77b, size | (self.surprises & 3) << 8),
        ];
        let sides = (coder, &mut self.runs);
        let whole = self.counters.code(sides, contexts, 5, size as usize, whole);
        self.surprises = self.surprises << 1 | u32::from(!whole);
        whole
    }

    /// By a candidate, else by the escape.
    #[inline(always)]
    fn pixel(&mut self, coder: &mut C, truth: u32, x: usize, a: &Around) -> u32 {
        let h1 = hash(a.w, a.n);
        let h2 = hash(hash(h1, a.nw), a.ne);
        let h3 = hash(hash(h2, a.ww), a.nn);
        let h4 = hash(hash(h3, a.nne), a.nww);
        let guesses = self.guesses.look_up([h4, h2, hash(a.w, a.ww)]);
        let pattern = a.pattern();
        let escapes = self.escape.neighbours(x);

        let mut found = None;
        if escapes < 2 || !self.straight_to_escape(coder, truth, a, h1, escapes, &guesses) {
            let mut candidates = guesses.candidates(a);
            let mut k = 0;
            while let Some(colour) = candidates.next() {
                let source = candidates.sources(colour);
                let salt = (k as u32).wrapping_mul(0x123_4567) + 1;
                let contexts = [
                    hash(salt, pattern | source << 8),
                    hash(salt ^ 1 << 20, guesses.trust | source << 8 | (self.surprises & 15) << 20),
                    hash(salt ^ 2 << 20, hash(h1, colour)),
                    hash(salt ^ 3 << 20, hash(h3, colour)),
                    hash(salt ^ 5 << 20, hash(h2, colour)),
                    hash(salt ^ 6 << 20, hash(colour, pattern)),
                ];
                let set = k.min(3) << 6 | guesses.trust as usize;
                let sides = (&mut *coder, &mut self.hits);
                if self.counters.code(sides, contexts, 2, set, colour == truth) {
                    found = Some(colour);
                    self.surprises = self.surprises << 1 | u32::from(k > 0);
                    break;
                }
                k += 1;
            }
        }
        let colour = found.unwrap_or_else(|| {
            self.surprises = self.surprises << 1 | 1;
            self.escape.code(coder, truth, &Nearby { x, escapes, around: a })
        });
        self.guesses.learn(&guesses, colour);
        colour
    }

    fn cell(flags: &mut Flags, coder: &mut C, context: usize, held: bool) -> bool {
        flags.counters.code((coder, &mut flags.mixer), [context], 0, held)
    }
}

impl Pixels {
    /// Among escapes, codes first whether this pixel is one too, to save asking for each candidate.
    fn straight_to_escape<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        a: &Around,
        h1: u32,
        escapes: usize,
        guesses: &Found,
    ) -> bool {
        let contexts = [
            hash(0x991, guesses.trust | (escapes as u32) << 8),
            hash(0x992, self.surprises & 255),
            hash(0x993, a.pattern()),
            hash(0x994, h1),
        ];
        let hopeless = C::WRITES && guesses.candidates(a).all(|colour| colour != truth);
        self.counters.code((coder, &mut self.direct), contexts, 4, escapes, hopeless)
    }
}
