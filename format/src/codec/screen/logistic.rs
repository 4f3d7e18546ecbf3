//! Mixing of predictions in the logistic domain, after M. Mahoney's PAQ.

use super::range::Coder;

/// 65536 / (1 + e^(-d/256)) at d = -3072, -3008, ..., 3072.
const SIGMOID: [u16; 97] = [
    1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 28, 36, 47, 60, 77, 98, 126, 162, 208,
    267, 342, 439, 562, 720, 922, 1179, 1506, 1921, 2446, 3108, 3938, 4971, 6249, 7812, 9702,
    11955, 14595, 17625, 21025, 24743, 28693, 32768, 36843, 40793, 44511, 47911, 50941, 53581,
    55834, 57724, 59287, 60565, 61598, 62428, 63090, 63615, 64030, 64357, 64614, 64816, 64974,
    65097, 65194, 65269, 65328, 65374, 65410, 65438, 65459, 65476, 65489, 65500, 65508, 65514,
    65519, 65523, 65526, 65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535, 65535,
    65535, 65535, 65535,
];

/// Largest logit a probability is turned into, in 1/256.
const MAX_LOGIT: i32 = 2047;

/// Weights are in 1/16384 and stay within plus or minus 8, so that six products fit 32 bits.
const MAX_WEIGHT: i32 = 1 << 17;

/// Probability in 1/65536 of a logit in 1/256: `SIGMOID` interpolated.
#[inline(always)]
const fn squash(logit: i32) -> i32 {
    let at = if logit > 3071 {
        6143
    } else if logit < -3071 {
        1
    } else {
        logit + 3072
    };
    let (i, part) = ((at >> 6) as usize, at & 63);
    (SIGMOID[i] as i32 * (64 - part) + SIGMOID[i + 1] as i32 * part + 32) >> 6
}

/// Logit of each probability in 1/4096: the inverse of `squash` at the middle of the step.
static LOGIT: [i16; 4096] = {
    let mut table = [0; 4096];
    let mut logit = -MAX_LOGIT;
    let mut i = 0;
    while i < 4096 {
        while logit < MAX_LOGIT && squash(logit) < i as i32 * 16 + 8 {
            logit += 1;
        }
        table[i] = logit as i16;
        i += 1;
    }
    table
};

/// Logit in 1/256 of a probability in 1/4096.
#[inline(always)]
pub(super) fn stretch(p12: u32) -> i32 {
    i32::from(LOGIT[(p12 & 4095) as usize])
}

/// Sets of weights that turn `N` logits into one probability and learn from the outcome.
pub(super) struct Mixer<const N: usize> {
    weights: Vec<[i32; N]>,
    rate: i32,
}

impl<const N: usize> Mixer<N> {
    /// All weights start at `weight` / 16384; `rate` is the learning rate.
    pub(super) fn new(sets: usize, weight: i32, rate: i32) -> Self {
        const { assert!(N <= 6, "more inputs would overflow the sum") };
        Self { weights: vec![[weight; N]; sets], rate }
    }

    /// Predicts by set `set`, codes `bit`, learns, and returns the bit.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        set: usize,
        logits: &[i32; N],
        bit: bool,
    ) -> bool {
        let weights = &mut self.weights[set];
        let mut sum = 0;
        for i in 0..N {
            sum += logits[i] * weights[i];
        }
        let p = squash(sum >> 14).clamp(16, 65_520);
        let bit = coder.code(p as u32, bit);
        let error = (((i32::from(bit) << 16) - p) * self.rate) >> 4;
        for i in 0..N {
            let step = (logits[i] * error + 0x8000) >> 16;
            weights[i] = (weights[i] + step).clamp(-MAX_WEIGHT, MAX_WEIGHT);
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretch_inverts_squash() {
        for p in 0..4096 {
            let back = squash(stretch(p)) / 16;
            let slack = if (2..4094).contains(&p) { 8 } else { 2 };
            assert!((back - p as i32).abs() <= slack, "{p} came back as {back}");
        }
    }

    #[test]
    fn squash_never_falls_and_stays_a_probability() {
        for d in -4000..4000 {
            assert!(squash(d) <= squash(d + 1));
            assert!((1..=65_535).contains(&squash(d)));
        }
    }
}
