//! Pixels with a fourth byte, as browsers have them, and without, as they are stored.
//!
//! Here and not in the player, which is built for size in a browser where this crate is built for speed.

#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), path = "pixels/simd128.rs")]
#[cfg_attr(not(all(target_arch = "wasm32", target_feature = "simd128")), path = "pixels/plain.rs")]
mod block;

/// Bytes of sixteen pixels of red, green, blue.
const RGB: usize = 48;
/// Bytes of as many with a fourth.
const RGBA: usize = 64;

/// Copies pixels of red, green, blue to pixels of red, green, blue, 255; as many as both have room for.
#[inline(never)]
pub fn rgb_to_rgba(rgb: &[u8], rgba: &mut [u8]) {
    let blocks = blocks(rgb, rgba);
    let (from, from_rest) = rgb.split_at(blocks * RGB);
    let (to, to_rest) = rgba.split_at_mut(blocks * RGBA);
    for (to, from) in to.as_chunks_mut::<RGBA>().0.iter_mut().zip(from.as_chunks::<RGB>().0) {
        block::to_rgba(from, to);
    }
    let pairs = to_rest.as_chunks_mut::<4>().0.iter_mut().zip(from_rest.as_chunks::<3>().0);
    for (to, [red, green, blue]) in pairs {
        *to = [*red, *green, *blue, 255];
    }
}

/// Copies the colours of pixels of four bytes to pixels of three; as many as both have room for.
#[inline(never)]
pub fn rgba_to_rgb(rgba: &[u8], rgb: &mut [u8]) {
    let blocks = blocks(rgb, rgba);
    let (from, from_rest) = rgba.split_at(blocks * RGBA);
    let (to, to_rest) = rgb.split_at_mut(blocks * RGB);
    for (to, from) in to.as_chunks_mut::<RGB>().0.iter_mut().zip(from.as_chunks::<RGBA>().0) {
        block::to_rgb(from, to);
    }
    let pairs = to_rest.as_chunks_mut::<3>().0.iter_mut().zip(from_rest.as_chunks::<4>().0);
    for (to, [red, green, blue, _]) in pairs {
        *to = [*red, *green, *blue];
    }
}

/// Whether pixels of red, green, blue, 255 are those of red, green, blue; as many as both have.
#[inline(never)]
pub fn is_same(rgb: &[u8], rgba: &[u8]) -> bool {
    let blocks = blocks(rgb, rgba);
    let (three, three_rest) = rgb.split_at(blocks * RGB);
    let (four, four_rest) = rgba.split_at(blocks * RGBA);
    let mut pairs = three.as_chunks::<RGB>().0.iter().zip(four.as_chunks::<RGBA>().0);
    let mut rest = three_rest.as_chunks::<3>().0.iter().zip(four_rest.as_chunks::<4>().0);
    pairs.all(|(three, four)| block::is_same(three, four))
        && rest.all(|([red, green, blue], four)| *four == [*red, *green, *blue, 255])
}

/// How many times sixteen pixels both have.
fn blocks(rgb: &[u8], rgba: &[u8]) -> usize {
    (rgb.len() / RGB).min(rgba.len() / RGBA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_byte_comes_and_goes_for_any_number_of_pixels() {
        for (pixels, room) in (0..40).flat_map(|pixels| (0..40).map(move |room| (pixels, room))) {
            let rgb: Vec<u8> = (0..pixels * 3).map(|byte| (byte * 7) as u8).collect();
            let shared = pixels.min(room);
            let mut rgba = vec![9; room * 4];
            rgb_to_rgba(&rgb, &mut rgba);
            for (pixel, four) in rgba.chunks(4).enumerate() {
                match pixel < shared {
                    true => assert_eq!((&four[..3], four[3]), (&rgb[pixel * 3..][..3], 255)),
                    false => assert_eq!(four, [9; 4]),
                }
            }
            let mut back = vec![9; pixels * 3];
            rgba_to_rgb(&rgba, &mut back);
            assert_eq!(back[..shared * 3], rgb[..shared * 3], "{pixels} {room}");
            assert!(back[shared * 3..].iter().all(|byte| *byte == 9));
            assert!(is_same(&rgb, &rgba));
            for byte in (0..shared * 4).filter(|byte| byte % 4 < 3) {
                rgba[byte] ^= 1;
                assert!(!is_same(&rgb, &rgba), "{pixels} {room} {byte}");
                rgba[byte] ^= 1;
            }
        }
    }
}
