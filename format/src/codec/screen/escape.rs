//! The escape: colours no candidate had. Two coders share the work: one for colours that come from
//! few (text, icons), one for photographs. Whichever would have served like surroundings better takes
//! the pixel.

use super::counters::scatter;
use super::lettering::Lettering;
use super::photo::{Photo, Residuals};
use super::range::Coder;
use crate::codec::rows::{Around, photo_cost, roughness};

/// Bits the lettering coder is taken to need for a colour it has met.
const KNOWN_COST: i32 = 10;
/// Bits it is taken to need for a new one.
const NEW_COST: i32 = 20;

/// Where an escaped pixel is.
pub(super) struct Nearby<'a> {
    /// Index into the rows, borders included.
    pub(super) x: usize,
    /// How many of its W, NW, N and NE were escaped.
    pub(super) escapes: usize,
    pub(super) around: &'a Around,
}

/// State of the escape.
pub(super) struct Escape {
    lettering: Lettering,
    photo: Photo,
    /// Residuals of the current row and the one above.
    rows: [Vec<Residuals>; 2],
    /// Colours met, each at its hash; `u32::MAX` where none.
    met: Vec<u32>,
    met_shift: u32,
    /// Newest in bit 0: whether the last escaped colours had been met.
    met_lately: u32,
    /// Bits in 1/256 that the photo coder saves, by surroundings.
    savings: [i32; 6 * 5 * 4],
}

impl Escape {
    /// For rows of `width` entries; tables of 2^`bits` entries or fewer.
    pub(super) fn new(width: usize, bits: u32) -> Self {
        Self {
            lettering: Lettering::new(bits.min(16)),
            photo: Photo::new(),
            rows: std::array::from_fn(|_| vec![Residuals::default(); width]),
            met: vec![u32::MAX; 1 << (bits - 1)],
            met_shift: 32 - (bits - 1),
            met_lately: 0,
            savings: [0; 6 * 5 * 4],
        }
    }

    /// Moves on to the next pixel row.
    pub(super) fn next_row(&mut self) {
        self.rows.swap(0, 1);
        self.rows[0].fill(Residuals::default());
    }

    /// How many of W, NW, N and NE were escaped.
    #[inline(always)]
    pub(super) fn neighbours(&self, x: usize) -> usize {
        let [row, up] = &self.rows;
        [row[x - 1], up[x - 1], up[x], up[x + 1]].iter().filter(|r| r.escaped).count()
    }

    /// Codes a colour.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, truth: u32, near: &Nearby<'_>) -> u32 {
        let a = near.around;
        let case = (roughness(a) * 5 + near.escapes) * 4 + (self.met_lately & 3) as usize;
        let [row, up] = &mut self.rows;
        let (colour, residuals) = if self.savings[case] < 0 {
            let colour = self.lettering.code(coder, truth, a);
            (colour, Residuals::of_escape())
        } else {
            let near = [row[near.x - 1], up[near.x], up[near.x - 1], up[near.x + 1]];
            self.photo.code(coder, truth, a, near)
        };
        row[near.x] = residuals;

        let met = &mut self.met[(scatter(colour) >> self.met_shift) as usize];
        let known = *met == colour;
        *met = colour;
        self.met_lately = self.met_lately << 1 | u32::from(known);
        let spelt = if known { KNOWN_COST } else { NEW_COST };
        let saved = spelt - photo_cost(colour, a);
        let savings = &mut self.savings[case];
        *savings += (saved * 256 - *savings) >> 5;
        colour
    }
}
