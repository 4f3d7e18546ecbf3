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
