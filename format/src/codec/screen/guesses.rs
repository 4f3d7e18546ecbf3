//! Candidate colours: what followed the last time in like surroundings, then the neighbours.

use super::counters::scatter;
use crate::codec::rows::Around;

/// More candidates than this are not tried.
const MAX_CANDIDATES: usize = 4;

/// What followed each context: colour in the low 24 bits, trust (1..=255) above; 0 when nothing.
pub(super) struct Guesses {
    tables: [Vec<u32>; 3],
    shift: u32,
}

/// The guesses of one pixel.
pub(super) struct Found {
    at: [usize; 3],
    /// `None` where the context is new.
    colours: [Option<u32>; 3],
    /// Trust of each guess, 0 to 3, in two bits each.
    pub(super) trust: u32,
}

impl Guesses {
    /// Three tables of 2^`bits` entries.
    pub(super) fn new(bits: u32) -> Self {
        Self { tables: std::array::from_fn(|_| vec![0; 1 << bits]), shift: 32 - bits }
    }

    /// The guesses in three contexts, given as hashes.
    #[inline(always)]
    pub(super) fn look_up(&self, contexts: [u32; 3]) -> Found {
        let at = contexts.map(|context| (scatter(context) >> self.shift) as usize);
        let guesses = [self.tables[0][at[0]], self.tables[1][at[1]], self.tables[2][at[2]]];
        let [a, b, c] = guesses.map(|guess| (guess >> 24).min(3));
        Found {
            at,
            colours: guesses.map(|guess| (guess != 0).then_some(guess & 0xff_ffff)),
            trust: a | b << 2 | c << 4,
        }
    }

    /// Remembers what followed: a right guess gains trust, a wrong one loses half of it, and is
    /// replaced when little is left.
    #[inline(always)]
    pub(super) fn learn(&mut self, found: &Found, colour: u32) {
        for (table, at) in self.tables.iter_mut().zip(found.at) {
            let guess = &mut table[at];
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
}

impl Found {
    /// The candidates, each colour once: guesses first, then W, N, NE, NW, WW.
    #[inline(always)]
    pub(super) fn candidates(&self, a: &Around) -> Candidates {
        let [x, y, z] = self.colours;
        Candidates {
            pool: [x, y, z, Some(a.w), Some(a.n), Some(a.ne), Some(a.nw), Some(a.ww)],
            next: 0,
            given: 0,
        }
    }
}

/// Gives the candidates of one pixel in turn.
pub(super) struct Candidates {
    pool: [Option<u32>; 8],
    next: usize,
    given: usize,
}

impl Candidates {
    /// Which guesses and neighbours have this colour, in seven bits.
    #[inline(always)]
    pub(super) fn sources(&self, colour: u32) -> u32 {
        let is = |i: usize| u32::from(self.pool[i] == Some(colour));
        is(3) | is(4) << 1 | is(5) << 2 | is(6) << 3 | is(1) << 4 | is(2) << 5 | is(0) << 6
    }
}

impl Iterator for Candidates {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        while self.given < MAX_CANDIDATES && self.next < 8 {
            let i = self.next;
            self.next += 1;
            if self.pool[i].is_some() && !self.pool[..i].contains(&self.pool[i]) {
                self.given += 1;
                return self.pool[i];
            }
        }
        None
    }
}
