//! The escape: colours that no candidate had. Two ways to spell them: text and icons by what the stripes
//! around were, photographs by how far a colour lies from the gradient around it.

use super::guesses::hash;
use super::rans::Coder;
use super::symbols::{self, Bounds, FRESH, Lines, SYMBOLS};
use crate::codec::rows::{Around, gradient, photo_cost, roughness};

/// Bits that a colour of text is taken to need.
const LETTERING_COST: i32 = 18;

/// Kinds of surroundings: `roughness`.
const ROUGH: usize = 6;

/// State of the escape.
pub(super) struct Escape {
    lines: Lines,
    /// By channel, roughness, and how far the channel before lay off.
    photo: Vec<Bounds>,
    /// Bits in 1/256 that the photo way saves, by roughness and escapes around.
    savings: [i32; ROUGH * 5],
}

impl Escape {
    /// A table of 2^`bits` lines.
    pub(super) fn new(bits: u32) -> Self {
        Self {
            lines: Lines::new(bits),
            photo: vec![FRESH; 3 * ROUGH * SYMBOLS],
            savings: [0; ROUGH * 5],
        }
    }

    /// Codes a colour; `escapes` of W, NW, N and NE were escaped.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        escapes: usize,
        a: &Around,
    ) -> u32 {
        let rough = roughness(a);
        let case = rough * 5 + escapes;
        let colour = if self.savings[case] < 0 {
            self.lettering(coder, truth, a)
        } else {
            self.photo(coder, truth, rough, a)
        };
        let saved = LETTERING_COST - photo_cost(colour, a);
        self.savings[case] += (saved * 256 - self.savings[case]) >> 5;
        colour
    }

    /// Red, green, blue, as they lie on the screen; each in two symbols.
    fn lettering<C: Coder>(&mut self, coder: &mut C, truth: u32, a: &Around) -> u32 {
        // The stripes left of this one, newest lowest, and those of this pixel below a leading 1.
        let mut stripes = a.w;
        let mut own = 1;
        for channel in 0..3 {
            let shift = 16 - 8 * channel;
            let of = |colour: u32| colour >> shift & 255;
            let salt = 0x5bd1_e995 ^ channel << 24;
            let by_stripes = hash(salt + 4, stripes & 0xffff);
            let contexts = match channel {
                0 => [hash(salt, of(a.n) << 8 | of(a.w)), by_stripes],
                1 => [hash(salt + 3, hash(own, of(a.n))), by_stripes],
                _ => [hash(salt + 18, own & 255), hash(salt + 2, own)],
            };
            let value = of(truth);
            let high = self.lines.code(coder, contexts, value >> 4);
            let contexts = contexts.map(|c| c.wrapping_add((high + 1).wrapping_mul(0x3d4d_51cb)));
            let low = self.lines.code(coder, contexts, value & 15);
            let value = high << 4 | low;
            stripes = stripes << 8 | value;
            own = own << 8 | value;
        }
        own & 0xff_ffff
    }

    /// Green, then red and blue less green, each as the residual of the gradient within its neighbours.
    fn photo<C: Coder>(&mut self, coder: &mut C, truth: u32, rough: usize, a: &Around) -> u32 {
        let mut colour = 0;
        let mut green = 0;
        let mut before = rough;
        for (i, shift) in [8, 16, 0].into_iter().enumerate() {
            let of = |v: u32| (v >> shift & 255) as i32 - if i == 0 { 0 } else { greens(v) };
            let predicted = (gradient(of(a.w), of(a.n), of(a.nw)) + green).clamp(0, 255);
            let residual = i32::from(((truth >> shift & 255) as i32 - predicted) as i8);
            let line = &mut self.photo[(i * ROUGH + rough) * SYMBOLS + before];
            let (level, residual) = code_residual(coder, line, residual);
            let value = (predicted + residual) & 255;
            if i == 0 {
                green = value;
            }
            before = level;
            colour |= (value as u32) << shift;
        }
        colour
    }
}

#[inline(always)]
fn greens(colour: u32) -> i32 {
    (colour >> 8 & 255) as i32
}

/// Symbol for residuals of which all eight bits follow.
const FAR: u32 = 15;

/// Least magnitude and number of bits that follow, by level: magnitudes 0, 1, 2, 3-4, 5-8, ... 33-64.
static LEVELS: [(u32, u32); 8] = [(0, 0), (1, 0), (2, 0), (3, 1), (5, 2), (9, 3), (17, 4), (33, 5)];

/// Codes a residual (-128..=127) as a symbol, 2 * level less one if it is positive, and the bits that
/// the level leaves open. Returns the level and the residual.
#[inline(always)]
fn code_residual<C: Coder>(coder: &mut C, line: &mut Bounds, residual: i32) -> (usize, i32) {
    let magnitude = residual.unsigned_abs();
    let level = if magnitude < 2 { magnitude } else { 33 - (magnitude - 1).leading_zeros() };
    let symbol = if level > 7 { FAR } else { 2 * level - u32::from(residual > 0) };
    let symbol = symbols::code(coder, line, symbol);
    if symbol == FAR {
        return (8, i32::from(coder.raw(8, residual as u32 & 255) as i8));
    }
    let level = (symbol as usize).div_ceil(2) & 7;
    let (least, bits) = LEVELS[level];
    let rest = magnitude.wrapping_sub(least) & ((1 << bits) - 1);
    let rest = if bits > 0 { coder.raw(bits, rest) } else { 0 };
    let magnitude = (least + rest) as i32;
    (level, if symbol & 1 == 0 { -magnitude } else { magnitude })
}
