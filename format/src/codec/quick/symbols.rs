//! Symbols of 16 kinds: adaptive distributions, alone or weighted by how much two contexts have seen.

use super::guesses::scatter;
use super::rans::{Coder, WHOLE};

/// How many kinds of a symbol there are.
pub(super) const SYMBOLS: usize = 16;

/// Where each symbol's share of 32768 begins; the first is 0.
pub(super) type Bounds = [u16; SYMBOLS];

/// Bounds; the first, which is known, holds a check (11 bits) and how often they were used (5 bits).
type Line = Bounds;

/// All symbols alike.
pub(super) const FRESH: Line = {
    let mut line = [0; SYMBOLS];
    let mut i = 1;
    while i < SYMBOLS {
        line[i] = (i * (WHOLE as usize / SYMBOLS)) as u16;
        i += 1;
    }
    line
};

/// A symbol's share never falls below this: 8 / 32768.
const SMALLEST: u16 = 8;

/// What the bounds move to when a symbol came: nearly all is its own.
static TARGETS: [Bounds; SYMBOLS] = {
    let mut targets = [[0; SYMBOLS]; SYMBOLS];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let mut i = 0;
        while i < SYMBOLS {
            let behind = (SYMBOLS - i) as u16 * SMALLEST;
            targets[symbol][i] =
                if i <= symbol { i as u16 * SMALLEST } else { WHOLE as u16 - behind };
            i += 1;
        }
        symbol += 1;
    }
    targets
};

const MOST_USES: u16 = 31;

/// At their n-th use, bounds move by 1 / 2^n of this table.
static RATES: [u16; 32] = [
    1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
];

/// Moves the bounds towards the target of `symbol`. Two that lie 8 apart stay 8 apart: so do those of
/// the target, and a step rounds down for both.
#[inline(always)]
fn learn(line: &mut Line, symbol: u32) {
    let tag = line[0];
    let uses = tag & 31;
    let rate = RATES[usize::from(uses)];
    let target = &TARGETS[symbol as usize & (SYMBOLS - 1)];
    for (bound, target) in line.iter_mut().zip(target) {
        // Below 32768, so that differences fit 16 bits.
        let way = (*target as i16).wrapping_sub(*bound as i16);
        *bound = (*bound as i16).wrapping_add(way >> rate) as u16;
    }
    line[0] = tag & !31 | (uses + 1).min(MOST_USES);
}

/// Codes a symbol by one line.
#[inline(always)]
pub(super) fn code<C: Coder>(coder: &mut C, line: &mut Line, symbol: u32) -> u32 {
    let mut bounds = *line;
    bounds[0] = 0;
    let symbol = coder.symbol(&bounds, symbol);
    learn(line, symbol);
    symbol
}

/// Two lines in one cache line: either may serve a context.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Pair([Line; 2]);

/// Lines of hashed contexts.
pub(super) struct Lines {
    pairs: Vec<Pair>,
    shift: u32,
}

/// Weights of two lines in 1/8, by their uses (at most 15 each). The second one's context is the
/// narrower one: what it has seen counts three times.
static WEIGHTS: [[u8; 16]; 16] = {
    let mut weights = [[4; 16]; 16];
    let mut a = 0_usize;
    while a < 16 {
        let mut b = 0_usize;
        while b < 16 {
            let wide = if a == 0 { 0 } else { 2 + a };
            let narrow = if b == 0 { 0 } else { 2 + 3 * b };
            if let Some(share) = (8 * narrow + (wide + narrow) / 2).checked_div(wide + narrow) {
                weights[a][b] = share as u8;
            }
            b += 1;
        }
        a += 1;
    }
    weights
};

impl Lines {
    /// A table of 2^`bits` lines.
    pub(super) fn new(bits: u32) -> Self {
        Self { pairs: vec![Pair([FRESH; 2]); 1 << (bits - 1)], shift: 32 - bits }
    }

    /// Codes a symbol in a wide and a narrow context.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        [wide, narrow]: [u32; 2],
        symbol: u32,
    ) -> u32 {
        let (a, b) = (self.find(wide), self.find(narrow));
        let (one, two) = (*self.line(a), *self.line(b));
        let weight =
            u16::from(WEIGHTS[usize::from(one[0] & 31).min(15)][usize::from(two[0] & 31).min(15)]);
        let mut bounds = [0; SYMBOLS];
        for i in 0..SYMBOLS {
            // Eighths of both fit 16 bits, and are at least 1 apart as the bounds are at least 8.
            bounds[i] = (one[i] >> 3) * (8 - weight) + (two[i] >> 3) * weight;
        }
        bounds[0] = 0;
        let symbol = coder.symbol(&bounds, symbol);
        learn(self.line(a), symbol);
        if a != b {
            learn(self.line(b), symbol);
        }
        symbol
    }

    #[inline(always)]
    fn line(&mut self, at: usize) -> &mut Line {
        &mut self.pairs[at >> 1].0[at & 1]
    }

    /// The context's line, or the less used of its two places, wiped.
    #[inline(always)]
    fn find(&mut self, context: u32) -> usize {
        let h = scatter(context);
        let check = (h & 0x7ff) as u16;
        let one = (h >> self.shift) as usize;
        let pair = &mut self.pairs[one >> 1].0;
        let [first, second] = [pair[one & 1][0], pair[one & 1 ^ 1][0]];
        if first >> 5 == check {
            return one;
        }
        if second >> 5 == check {
            return one ^ 1;
        }
        let at = if first & 31 <= second & 31 { one } else { one ^ 1 };
        pair[at & 1] = FRESH;
        pair[at & 1][0] = check << 5;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_never_vanish(symbols in prop::collection::vec(0..16_u32, 0..400)) {
            let mut line = FRESH;
            for symbol in symbols {
                learn(&mut line, symbol);
                for i in 1..SYMBOLS {
                    let before = if i == 1 { 0 } else { line[i - 1] };
                    prop_assert!(line[i] >= before + SMALLEST, "{line:?}");
                }
                prop_assert!(u32::from(line[15]) <= WHOLE - u32::from(SMALLEST));
            }
        }
    }
}
