//! Adaptive probabilities, one for each context, in three kinds of table.
//!
//! A counter holds the probability of `true` and how often it was used: the first uses move it
//! fast, later ones by a fixed share.

use super::logistic::{Mixer, stretch};
use super::range::Coder;

/// 22 bits of probability in the high bits of a word, at one half.
const HALF: u32 = 1 << 31;

/// Shares in 1/65536 by which a counter moves at its n-th use: 10 / (slope n + start).
const fn shares<const N: usize>(slope: u32, start: u32) -> [u16; N] {
    let mut table = [0; N];
    let mut n = 0;
    while n < N {
        table[n] = (655_360 / (n as u32 * slope + start)) as u16;
        n += 1;
    }
    table
}

/// Moves a 22-bit probability towards the outcome.
#[inline(always)]
fn moved(slot: u32, bit: bool, share: u16) -> u32 {
    let p = (slot >> 10) as i32;
    let target = if bit { (1 << 22) - 1 } else { 0 };
    let p = p + ((((target - p) >> 6) * (i32::from(share) >> 2)) >> 8);
    (p as u32) << 10
}

/// One step of hashing: spreads `b` over `a`.
#[inline(always)]
pub(super) fn hash(a: u32, b: u32) -> u32 {
    (a.wrapping_mul(0x9E37_79B1) ^ b).wrapping_mul(0x85EB_CA6B).rotate_left(13)
}

/// Place of a context in a table of 2^bits entries: the high bits of a multiplicative hash.
#[inline(always)]
pub(super) fn scatter(context: u32) -> u32 {
    context.wrapping_mul(0x9E37_79B1)
}

/// Counters of hashed contexts: probability (22 bits), check (5), uses (5).
///
/// The few contexts that recur all the time have a table of their own, so that the many rare ones
/// do not push them out. A rare context with another check than the slot's starts afresh.
pub(super) struct Hashed {
    frequent: Vec<u32>,
    rare: Vec<u32>,
    shift: u32,
}

const FREQUENT_BITS: u32 = 15;
const HASHED_USES: u32 = 24;
static HASHED_SHARES: [u16; HASHED_USES as usize + 1] = shares(10, 16);

impl Hashed {
    pub(super) fn new(bits: u32) -> Self {
        Self {
            frequent: vec![HALF; 1 << FREQUENT_BITS],
            rare: vec![HALF; 1 << bits],
            shift: 32 - bits,
        }
    }

    /// Codes a decision in `N` contexts, the first `frequent` of which are frequent ones.
    #[inline(always)]
    pub(super) fn code<C: Coder, const N: usize>(
        &mut self,
        (coder, mixer): (&mut C, &mut Mixer<N>),
        contexts: [u32; N],
        frequent: usize,
        set: usize,
        bit: bool,
    ) -> bool {
        let mut at = [0; N];
        let mut slots = [0; N];
        let mut logits = [0; N];
        for i in 0..N {
            let h = scatter(contexts[i]);
            (at[i], slots[i]) = if i < frequent {
                let at = (h >> (32 - FREQUENT_BITS)) as usize;
                (at, self.frequent[at])
            } else {
                let at = (h >> self.shift) as usize;
                let (slot, check) = (self.rare[at], (h & 0x7c) << 3);
                (at, if slot & 0x3e0 == check { slot } else { HALF | check })
            };
            if slots[i] & 31 > 0 {
                logits[i] = stretch(slots[i] >> 20);
            }
        }
        let bit = mixer.code(coder, set, &logits, bit);
        for i in 0..N {
            let uses = slots[i] & 31;
            let slot = moved(slots[i], bit, HASHED_SHARES[uses as usize])
                | (slots[i] & 0x3e0)
                | (uses + 1).min(HASHED_USES);
            if i < frequent {
                self.frequent[at[i]] = slot;
            } else {
                self.rare[at[i]] = slot;
            }
        }
        bit
    }
}

/// Counters of contexts numbered without gaps: probability (22 bits), uses (10). No collisions,
/// slow to forget.
pub(super) struct Dense<const N: usize> {
    slots: Vec<[u32; N]>,
}

const DENSE_USES: u32 = 127;
static DENSE_SHARES: [u16; DENSE_USES as usize + 1] = shares(10, 16);

impl<const N: usize> Dense<N> {
    /// Room for contexts `0..contexts` of each of the `N` inputs.
    pub(super) fn new(contexts: usize) -> Self {
        Self { slots: vec![[HALF; N]; contexts] }
    }

    /// Codes a decision in `N` contexts, one for each input.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        (coder, mixer): (&mut C, &mut Mixer<N>),
        contexts: [usize; N],
        set: usize,
        bit: bool,
    ) -> bool {
        let logits = std::array::from_fn(|i| stretch(self.slots[contexts[i]][i] >> 20));
        let bit = mixer.code(coder, set, &logits, bit);
        for (i, context) in contexts.into_iter().enumerate() {
            let slot = &mut self.slots[context][i];
            let uses = *slot & 127;
            *slot = moved(*slot, bit, DENSE_SHARES[uses as usize]) | (uses + 1).min(DENSE_USES);
        }
        bit
    }
}

/// Counters of nibbles in hashed contexts: a line of 32 bytes holds a check and the 15 nodes of a
/// nibble's binary tree, so that one cache miss serves four decisions. A node is a probability
/// (12 bits) and its uses (4).
pub(super) struct Lines {
    lines: Vec<[u16; 16]>,
    shift: u32,
}

const FRESH_LINE: [u16; 16] = [2048 << 4; 16];
static LINE_SHARES: [u16; 16] = shares(12, 13);

impl Lines {
    pub(super) fn new(bits: u32) -> Self {
        Self { lines: vec![FRESH_LINE; 1 << bits], shift: 32 - bits }
    }

    /// Codes the four bits of `nibble`, highest first. Weight sets `set + 1..=set + 15` serve the
    /// 15 nodes.
    #[inline(always)]
    pub(super) fn code<C: Coder, const N: usize>(
        &mut self,
        (coder, mixer): (&mut C, &mut Mixer<N>),
        contexts: [u32; N],
        set: usize,
        nibble: u32,
    ) -> u32 {
        let at = contexts.map(|context| self.find(context));
        let mut node = 1;
        for k in (0..4).rev() {
            let mut logits = [0; N];
            for i in 0..N {
                let slot = u32::from(self.lines[at[i]][node & 15]);
                if slot & 15 > 0 {
                    logits[i] = stretch(slot >> 4);
                }
            }
            let bit = mixer.code(coder, set + node, &logits, nibble >> k & 1 == 1);
            for at in at {
                let slot = &mut self.lines[at][node & 15];
                let (p, uses) = (u32::from(*slot >> 4), u32::from(*slot & 15));
                let share = u32::from(LINE_SHARES[uses as usize]);
                // Rounded towards the outcome, or 12 bits would stop short of certainty.
                let p = if bit {
                    p + (((4095 - p) * share + 0xffff) >> 16)
                } else {
                    p - ((p * share + 0xffff) >> 16)
                };
                *slot = (p << 4 | (uses + 1).min(15)) as u16;
            }
            node = node << 1 | usize::from(bit);
        }
        node as u32 & 15
    }

    /// The context's line, or the less used of its two places, wiped.
    #[inline(always)]
    fn find(&mut self, context: u32) -> usize {
        let h = scatter(context);
        let check = (h ^ (h >> 13)) as u16 | 1;
        let one = (h >> self.shift) as usize;
        let two = one ^ 1;
        if self.lines[one][0] == check {
            return one;
        }
        if self.lines[two][0] == check {
            return two;
        }
        let at = if self.lines[one][1] & 15 <= self.lines[two][1] & 15 { one } else { two };
        self.lines[at] = FRESH_LINE;
        self.lines[at][0] = check;
        at
    }
}
