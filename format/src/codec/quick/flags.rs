//! Decisions of two outcomes: adaptive probabilities, alone or the mean of two.

use super::rans::Coder;

/// A probability of `true` (22 bits) and how often it was used (10 bits).
pub(super) type Flag = u32;

/// A flag of which nothing is known.
pub(super) const EVEN: Flag = 1 << 31;

const MOST_USES: u32 = 60;

/// Shares in 1/65536 by which a flag moves at its n-th use: 1 / (n + 1.6).
static SHARES: [u16; MOST_USES as usize + 1] = {
    let mut table = [0; MOST_USES as usize + 1];
    let mut n = 0;
    while n < table.len() {
        table[n] = (655_360 / (n as u32 * 10 + 16)) as u16;
        n += 1;
    }
    table
};

/// In 1/32768; neither outcome is ever taken for certain.
#[inline(always)]
fn within(p: u32) -> u32 {
    p.clamp(12, 32_756)
}

#[inline(always)]
fn learn(flag: &mut Flag, bit: bool) {
    let uses = *flag & 1023;
    let p = (*flag >> 10) as i32;
    let target = if bit { (1 << 22) - 1 } else { 0 };
    let share = i32::from(SHARES[uses.min(MOST_USES) as usize]);
    let p = p + ((((target - p) >> 6) * (share >> 2)) >> 8);
    *flag = (p as u32) << 10 | (uses + 1).min(MOST_USES);
}

/// Codes a decision by one flag.
#[inline(always)]
pub(super) fn code<C: Coder>(coder: &mut C, flag: &mut Flag, bit: bool) -> bool {
    let bit = coder.code(within(*flag >> 17), bit);
    learn(flag, bit);
    bit
}

/// Codes a decision by the mean of two flags.
#[inline(always)]
pub(super) fn code_by_two<C: Coder>(coder: &mut C, a: &mut Flag, b: &mut Flag, bit: bool) -> bool {
    let bit = coder.code(within(((*a >> 17) + (*b >> 17)) >> 1), bit);
    learn(a, bit);
    learn(b, bit);
    bit
}
