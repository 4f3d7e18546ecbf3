//! Colours of text and icons: few of them, in steps, smeared over the red, green and blue stripes
//! of a pixel by the font renderer. Channels are spelt bit by bit in their order on the screen.

use super::counters::{Lines, hash};
use super::logistic::Mixer;
use super::range::Coder;
use crate::codec::rows::Around;

/// State of the lettering coder.
pub(super) struct Lettering {
    lines: Lines,
    mixer: Mixer<5>,
}

impl Lettering {
    /// A table of 2^`bits` lines.
    pub(super) fn new(bits: u32) -> Self {
        Self { lines: Lines::new(bits), mixer: Mixer::new(3 * 2 * 16, 6000, 20) }
    }

    /// Codes a colour: red, green, blue, each in two nibbles.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, truth: u32, a: &Around) -> u32 {
        // The stripes left of this one, newest lowest, and those of this pixel below a leading 1.
        let mut stripes = a.w;
        let mut own = 1;
        for channel in 0..3 {
            let shift = 16 - 8 * channel;
            let of = |colour: u32| colour >> shift & 255;
            let salt = 0x5bd1_e995 ^ channel << 24;
            let contexts = [
                hash(salt, stripes & 0xffff),
                hash(salt + 1, (stripes & 255) << 8 | of(a.n)),
                hash(salt + 2, own),
                hash(salt + 3, hash(own, a.n)),
                hash(salt + 4, of(a.n) << 8 | of(a.w)),
            ];
            let value = of(truth);
            let set = channel as usize * 32;
            let sides = (&mut *coder, &mut self.mixer);
            let high = self.lines.code(sides, contexts, set, value >> 4);
            let contexts = contexts.map(|c| c.wrapping_add((high + 1).wrapping_mul(0x3d4d_51cb)));
            let sides = (&mut *coder, &mut self.mixer);
            let low = self.lines.code(sides, contexts, set + 16, value & 15);
            let value = high << 4 | low;
            stripes = stripes << 8 | value;
            own = own << 8 | value;
        }
        own & 0xff_ffff
    }
}
