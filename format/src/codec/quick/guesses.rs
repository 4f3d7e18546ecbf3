//! What followed the last time in like surroundings, and the candidates for a pixel.

use crate::codec::rows::Around;

/// More candidates than this are not tried.
const MAX_CANDIDATES: usize = 4;

/// Spreads a context over the high bits of 32.
#[inline(always)]
pub(super) fn scatter(context: u32) -> u32 {
    context.wrapping_mul(0x9E37_79B1)
}

/// One step of hashing: spreads `b` over `a`.
#[inline(always)]
pub(super) fn hash(a: u32, b: u32) -> u32 {
    (a.wrapping_mul(0x9E37_79B1) ^ b).wrapping_mul(0x85EB_CA6B).rotate_left(13)
}

/// Colour in the low 24 bits, trust (1..=255) above; 0 when nothing is known.
pub(super) type Guess = u32;

/// Trust as 0, 1, 2, 3, 4-7, 8-15, 16-63, 64 and more.
#[inline(always)]
pub(super) fn trust(guess: Guess) -> usize {
    match guess >> 24 {
        few @ 0..4 => few as usize,
        4..8 => 4,
        8..16 => 5,
        16..64 => 6,
        _ => 7,
    }
}

/// What followed each context.
pub(super) struct Guesses {
    table: Vec<Guess>,
    shift: u32,
}

impl Guesses {
    /// A table of 2^`bits` entries.
    pub(super) fn new(bits: u32) -> Self {
        Self { table: vec![0; 1 << bits], shift: 32 - bits }
    }

    /// Where a context's guess stands, and the guess.
    #[inline(always)]
    pub(super) fn look_up(&self, context: u32) -> (usize, Guess) {
        let at = (scatter(context ^ context >> 15) >> self.shift) as usize;
        (at, self.table[at])
    }

    /// Remembers what followed: a right guess gains trust, a wrong one loses half of it, and is
    /// replaced when little is left.
    #[inline(always)]
    pub(super) fn learn(&mut self, at: usize, colour: u32) {
        let guess = &mut self.table[at];
        let trust = *guess >> 24;
        *guess = if trust > 0 && *guess & 0xff_ffff == colour {
            colour | (trust + 1).min(255) << 24
        } else if trust > 1 {
            *guess & 0xff_ffff | (trust / 2) << 24
        } else {
            colour | 1 << 24
        };
    }
}

/// Gives the candidates of one pixel in turn, each colour once: two guesses, then W, N, NE, NW.
pub(super) struct Candidates {
    pool: [u32; 6],
    next: usize,
    given: usize,
}

/// No colour.
const NONE: u32 = u32::MAX;

impl Candidates {
    #[inline(always)]
    pub(super) fn new(one: Guess, two: Guess, a: &Around) -> Self {
        let colour = |guess: Guess| if guess == 0 { NONE } else { guess & 0xff_ffff };
        Self { pool: [colour(one), colour(two), a.w, a.n, a.ne, a.nw], next: 0, given: 0 }
    }
}

impl Iterator for Candidates {
    /// A colour, and which of the six it is first.
    type Item = (u32, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while self.given < MAX_CANDIDATES && self.next < self.pool.len() {
            let source = self.next;
            self.next += 1;
            let colour = self.pool[source];
            if colour != NONE && !self.pool[..source].contains(&colour) {
                self.given += 1;
                return Some((colour, source));
            }
        }
        None
    }
}
