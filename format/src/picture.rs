//! A picture in memory: the only pixel container the pure crates exchange.

use thiserror::Error;

/// Why a [`Picture`] could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    /// A side is zero or larger than [`Picture::MAX_SIDE`].
    #[error("a picture of {width}x{height} pixels is outside 1x1..={max}x{max}", max = Picture::MAX_SIDE)]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The buffer does not hold `width * height * 3` bytes.
    #[error("{width}x{height} pixels need {expected} bytes of RGB, got {actual}")]
    Bytes {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// `width * height * 3`.
        expected: usize,
        /// Length of the buffer given.
        actual: usize,
    },
}

/// An opaque picture: `height` rows of `width` pixels of 3 bytes, red, green, blue.
///
/// Invariants: `1 <= width, height <= MAX_SIDE`; `rgb.len() == width * height * 3`.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// The longest side that the format can describe, in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Wraps `rgb` (row-major, 3 bytes a pixel).
    ///
    /// # Errors
    /// [`PictureError`] when a side is out of range or the buffer has another length.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let expected = Self::checked_bytes(width, height)?;
        if rgb.len() != expected {
            return Err(PictureError::Bytes { width, height, expected, actual: rgb.len() });
        }
        Ok(Self { width, height, rgb })
    }

    /// A picture of one colour.
    ///
    /// # Errors
    /// [`PictureError::Size`] when a side is out of range.
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Result<Self, PictureError> {
        let bytes = Self::checked_bytes(width, height)?;
        let mut rgb = vec![0; bytes];
        for pixel in rgb.chunks_exact_mut(3) {
            pixel.copy_from_slice(&colour);
        }
        Ok(Self { width, height, rgb })
    }

    fn checked_bytes(width: u32, height: u32) -> Result<usize, PictureError> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(PictureError::Size { width, height });
        }
        Ok(width as usize * height as usize * 3)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels, row-major, 3 bytes each.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// All pixels, writable; the size cannot change.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    /// Gives the buffer back, to be reused for the next picture.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

/// Copies pixels of red, green, blue to pixels of red, green, blue, 255; as many as both have room for.
// Here and not in the player, which is built for size in a browser where this crate is built for speed.
#[inline(never)]
pub fn rgb_to_rgba(rgb: &[u8], rgba: &mut [u8]) {
    // Four pixels at a time; as words instead of bytes it was slower in Chromium.
    let fours = (rgb.len() / 12).min(rgba.len() / 16);
    let (from, from_rest) = rgb.split_at(fours * 12);
    let (to, to_rest) = rgba.split_at_mut(fours * 16);
    let pairs = to.as_chunks_mut::<16>().0.iter_mut().zip(from.as_chunks::<12>().0);
    for (to, [a, b, c, d, e, f, g, h, i, j, k, l]) in pairs {
        *to = [*a, *b, *c, 255, *d, *e, *f, 255, *g, *h, *i, 255, *j, *k, *l, 255];
    }
    let pairs = to_rest.as_chunks_mut::<4>().0.iter_mut().zip(from_rest.as_chunks::<3>().0);
    for (to, [red, green, blue]) in pairs {
        *to = [*red, *green, *blue, 255];
    }
}

/// Copies the colours of pixels of four bytes to pixels of three; as many as both have room for.
#[inline(never)]
pub fn rgba_to_rgb(rgba: &[u8], rgb: &mut [u8]) {
    let fours = (rgba.len() / 16).min(rgb.len() / 12);
    let (from, from_rest) = rgba.split_at(fours * 16);
    let (to, to_rest) = rgb.split_at_mut(fours * 12);
    let pairs = to.as_chunks_mut::<12>().0.iter_mut().zip(from.as_chunks::<16>().0);
    for (to, [a, b, c, _, d, e, f, _, g, h, i, _, j, k, l, _]) in pairs {
        *to = [*a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l];
    }
    let pairs = to_rest.as_chunks_mut::<3>().0.iter_mut().zip(from_rest.as_chunks::<4>().0);
    for (to, [red, green, blue, _]) in pairs {
        *to = [*red, *green, *blue];
    }
}

/// Whether pixels of red, green, blue, 255 are those of red, green, blue; as many as both have.
#[inline(never)]
pub fn is_same(rgb: &[u8], rgba: &[u8]) -> bool {
    let fours = (rgb.len() / 12).min(rgba.len() / 16);
    let (three, three_rest) = rgb.split_at(fours * 12);
    let (four, four_rest) = rgba.split_at(fours * 16);
    let mut pairs = four.as_chunks::<16>().0.iter().zip(three.as_chunks::<12>().0);
    let mut rest = four_rest.as_chunks::<4>().0.iter().zip(three_rest.as_chunks::<3>().0);
    pairs.all(|(four, [a, b, c, d, e, f, g, h, i, j, k, l])| {
        *four == [*a, *b, *c, 255, *d, *e, *f, 255, *g, *h, *i, 255, *j, *k, *l, 255]
    }) && rest.all(|(four, [red, green, blue])| *four == [*red, *green, *blue, 255])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_byte_comes_and_goes_for_any_number_of_pixels() {
        for (pixels, room) in (0..20).flat_map(|pixels| (0..20).map(move |room| (pixels, room))) {
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
