//! Sixteen pixels at a time, on any machine.

use super::{RGB, RGBA};

// Four pixels at a time compilers make good code of; of sixteen they do not.
pub(super) fn to_rgba(rgb: &[u8; RGB], rgba: &mut [u8; RGBA]) {
    let pairs = rgba.as_chunks_mut::<16>().0.iter_mut().zip(rgb.as_chunks::<12>().0);
    pairs.for_each(|(to, from)| *to = four(from));
}

pub(super) fn to_rgb(rgba: &[u8; RGBA], rgb: &mut [u8; RGB]) {
    let pairs = rgb.as_chunks_mut::<12>().0.iter_mut().zip(rgba.as_chunks::<16>().0);
    for (to, [a, b, c, _, d, e, f, _, g, h, i, _, j, k, l, _]) in pairs {
        *to = [*a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l];
    }
}

pub(super) fn is_same(rgb: &[u8; RGB], rgba: &[u8; RGBA]) -> bool {
    let mut pairs = rgba.as_chunks::<16>().0.iter().zip(rgb.as_chunks::<12>().0);
    pairs.all(|(to, from)| *to == four(from))
}

fn four(rgb: &[u8; 12]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *rgb;
    [a, b, c, 255, d, e, f, 255, g, h, i, 255, j, k, l, 255]
}
