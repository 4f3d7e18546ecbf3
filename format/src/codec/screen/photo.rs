//! Colours of photographs and gradients: each channel as the residual of an adaptive linear
//! prediction, green first, red and blue less green.

use super::counters::Dense;
use super::logistic::Mixer;
use super::range::Coder;
use crate::codec::rows::{Around, gradient};

/// What an escaped pixel leaves behind for those after it.
#[derive(Clone, Copy, Default)]
pub(super) struct Residuals {
    /// Green, red, blue; zero unless the photo coder made them.
    values: [i8; 3],
    pub(super) escaped: bool,
}

impl Residuals {
    /// Of a pixel that was escaped, before this coder adds what it finds.
    pub(super) fn of_escape() -> Self {
        Self { values: [0; 3], escaped: true }
    }
}

const TAPS: usize = 8;
/// Decisions a residual may take: see `residual`.
const NODES: usize = 32;
/// Contexts of an input, for each channel and node.
const CONTEXTS: usize = 208;
/// Bound of a tap's weight, in 1/65536: keeps the sum of eight in 32 bits.
const MAX_TAP: i32 = 1 << 18;

/// State of the photo coder.
pub(super) struct Photo {
    counters: Dense<6>,
    mixer: Mixer<6>,
    /// Weights of the linear prediction, by channel.
    taps: [[i32; TAPS]; 3],
}

/// A magnitude as 0, 1, 2, 3-4, 5-8, 9-16, ...
#[inline(always)]
fn level(magnitude: u32) -> usize {
    if magnitude == 0 { 0 } else { (33 - (magnitude - 1).leading_zeros()) as usize }
}

/// A signed value as 0..=12, zero as 6.
#[inline(always)]
fn signed_level(value: i32) -> usize {
    let level = level(value.unsigned_abs()).min(6);
    if value < 0 { 6 - level } else { 6 + level }
}

impl Photo {
    pub(super) fn new() -> Self {
        // About the plane through W, N and NW; the adaption does the rest.
        let taps = [40_000, 40_000, -20_000, 5_000, 0, 0, 0, 0];
        Self {
            counters: Dense::new(CONTEXTS * 3 * NODES),
            mixer: Mixer::new(3 * 4 * NODES, 3500, 12),
            taps: [taps; 3],
        }
    }

    /// Codes a colour. `near` are the residuals at W, N, NW and NE.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        a: &Around,
        near: [Residuals; 4],
    ) -> (u32, Residuals) {
        let mut colour = 0;
        let mut left = Residuals::of_escape();
        let mut green = 0;
        let mut errors = [0; 3];
        for (i, shift) in [8, 16, 0].into_iter().enumerate() {
            let channel = |v: u32| (v >> shift & 255) as i32;
            let greens = |v: u32| (v >> 8 & 255) as i32;
            let of = |v: u32| if i == 0 { channel(v) } else { channel(v) - greens(v) };
            let (w, n, nw, ne) = (of(a.w), of(a.n), of(a.nw), of(a.ne));
            let (ww, nn, nne) = (of(a.ww), of(a.nn), of(a.nne));

            // A linear prediction around the mean of W and N.
            let base = (w + n) >> 1;
            let last = if i == 0 { ne - nw } else { green - ((greens(a.w) + greens(a.n)) >> 1) };
            let inputs = [w, n, nw, ne, ww, nn, nne].map(|v| v - base);
            let inputs: [i32; TAPS] = std::array::from_fn(|k| *inputs.get(k).unwrap_or(&last));
            let mut sum = 0x8000;
            let mut power = 0;
            for (input, tap) in inputs.iter().zip(&self.taps[i]) {
                sum += input * tap;
                power += input * input;
            }
            let linear = base + (sum >> 16);
            let prediction = (linear + green).clamp(0, 255);

            let [rw, rn, rnw, rne] = near.map(|r| i32::from(r.values[i]));
            let energy = rw.abs() * 2 + rn.abs() * 2 + rne.abs() + rnw.abs();
            let energy = (2 * level(energy as u32)).min(15);
            let steep = level((w - nw).unsigned_abs()).min(7) * 8
                + level((n - nw).unsigned_abs().max((n - ne).unsigned_abs())).min(7);
            let flat = (gradient(w, n, nw) + green).clamp(0, 255);
            let others = match i {
                0 => signed_level(i32::from(near[0].values[1])),
                1 => signed_level(errors[0]),
                _ => signed_level(errors[1]) * 13 + signed_level(errors[0]),
            };
            let predicted = prediction - green;
            let contexts = [
                energy,
                signed_level(flat - prediction) * 8 + energy / 2,
                others,
                signed_level(rw) * 13 + signed_level(rn),
                steep,
                signed_level(w + ne - n - predicted) * 16 + signed_level(2 * n - nn - predicted),
            ]
            .map(|context| (context * 3 + i) * NODES);
            let set = (i * 4 + energy / 4) * NODES;

            let truth = i32::from((channel(truth) - prediction) as i8);
            let error = residual(truth, |node, bit| {
                let sides = (&mut *coder, &mut self.mixer);
                self.counters.code(sides, contexts.map(|c| c + node), set + node, bit)
            });
            let value = (prediction + error) & 255;

            let miss = (value - green - linear).clamp(-64, 64);
            let step = miss * 400 / (power / 4 + 60);
            for (tap, input) in self.taps[i].iter_mut().zip(inputs) {
                *tap = (*tap + step * input).clamp(-MAX_TAP, MAX_TAP);
            }
            if i == 0 {
                green = value;
            }
            errors[i] = error;
            left.values[i] = error as i8;
            colour |= (value as u32) << shift;
        }
        (colour, left)
    }
}

/// Codes a residual by decisions at numbered nodes: zero or not, sign, then the magnitude as an
/// Elias gamma code (how many bits follow its first, in unary; those bits, highest first).
#[inline(always)]
fn residual(truth: i32, mut decide: impl FnMut(usize, bool) -> bool) -> i32 {
    if decide(0, truth == 0) {
        return 0;
    }
    let negative = decide(1, truth < 0);
    let wanted = truth.unsigned_abs();
    let mut bits = 0;
    while bits < 7 && decide(2 + bits, wanted >= 2 << bits) {
        bits += 1;
    }
    let mut magnitude = 1;
    for k in (0..bits).rev() {
        let node = match bits - k {
            1 => 8 + bits,
            2 => 12 + 2 * bits + (magnitude & 1),
            _ => 28 + k,
        };
        magnitude = magnitude << 1 | usize::from(decide(node.min(NODES - 1), wanted >> k & 1 == 1));
    }
    if negative { -(magnitude as i32) } else { magnitude as i32 }
}
