//! Sixteen pixels at a time with WebAssembly's vectors: in V8 twice as fast as what compilers make of
//! [`plain.rs`](../plain.rs), because it shuffles in sixteen bytes what that puts in place one by one.

use std::arch::wasm32::{
    i8x16_shuffle, u8x16_all_true, u8x16_eq, u32x4_splat, u64x2, u64x2_extract_lane, v128,
    v128_and, v128_or,
};

use super::{RGB, RGBA};

pub(super) fn to_rgba(rgb: &[u8; RGB], rgba: &mut [u8; RGBA]) {
    let to = rgba.as_chunks_mut::<16>().0.iter_mut();
    to.zip(widened(rgb)).for_each(|(to, vector)| store(to, vector));
}

pub(super) fn to_rgb(rgba: &[u8; RGBA], rgb: &mut [u8; RGB]) {
    let [a, b, c, d] = load(rgba.as_chunks::<16>().0);
    let narrowed = [
        i8x16_shuffle::<0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20>(a, b),
        i8x16_shuffle::<5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25>(b, c),
        i8x16_shuffle::<10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30>(c, d),
    ];
    let to = rgb.as_chunks_mut::<16>().0.iter_mut();
    to.zip(narrowed).for_each(|(to, vector)| store(to, vector));
}

pub(super) fn is_same(rgb: &[u8; RGB], rgba: &[u8; RGBA]) -> bool {
    let [a, b, c, d] = load(rgba.as_chunks::<16>().0);
    let [e, f, g, h] = widened(rgb);
    let halves =
        (v128_and(u8x16_eq(a, e), u8x16_eq(b, f)), v128_and(u8x16_eq(c, g), u8x16_eq(d, h)));
    u8x16_all_true(v128_and(halves.0, halves.1))
}

/// Four times four pixels, each with 255 behind it.
#[inline(always)]
fn widened(rgb: &[u8; RGB]) -> [v128; 4] {
    let [a, b, c] = load(rgb.as_chunks::<16>().0);
    // What stands in the fourth place is overwritten.
    let four = [
        i8x16_shuffle::<0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0>(a, a),
        i8x16_shuffle::<12, 13, 14, 0, 15, 16, 17, 0, 18, 19, 20, 0, 21, 22, 23, 0>(a, b),
        i8x16_shuffle::<8, 9, 10, 0, 11, 12, 13, 0, 14, 15, 16, 0, 17, 18, 19, 0>(b, c),
        i8x16_shuffle::<4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0, 13, 14, 15, 0>(c, c),
    ];
    let opaque = u32x4_splat(0xff00_0000);
    four.map(|vector| v128_or(vector, opaque))
}

/// One load each in the end: the intrinsics for it take pointers, which this crate does without.
#[inline(always)]
fn load<const N: usize>(bytes: &[[u8; 16]]) -> [v128; N] {
    std::array::from_fn(|at| {
        let (halves, _) = bytes[at].as_chunks::<8>();
        u64x2(u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]))
    })
}

#[inline(always)]
fn store(to: &mut [u8; 16], vector: v128) {
    let (halves, _) = to.as_chunks_mut::<8>();
    halves[0] = u64x2_extract_lane::<0>(vector).to_le_bytes();
    halves[1] = u64x2_extract_lane::<1>(vector).to_le_bytes();
}
