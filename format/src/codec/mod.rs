//! How the pixels of a pack become bytes. A byte in the pack's header names the codec, so better
//! ones can come without touching anything else.

mod model;
mod payload;
mod quick;
mod rows;
mod screen;
mod sheet;
#[cfg(test)]
mod tests;
pub mod webp;

pub use payload::{PayloadError, TILE_EDGES};

use crate::{FormatError, TileSize};

/// Where a tile was on the screen, in tiles; surfaces are stacked one below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePos {
    /// Row.
    pub row: u32,
    /// Column.
    pub col: u32,
}

/// A way to code tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Lossless WebP of a row-major atlas.
    Webp,
    /// Deskreel's own coder of screen pixels that stores fewest bytes.
    Screen,
    /// Deskreel's own coder of screen pixels that decodes fast.
    Quick,
}

impl Codec {
    /// Every codec, by code.
    pub const ALL: [Self; 3] = [Self::Webp, Self::Screen, Self::Quick];

    /// The one to use unless another is asked for.
    pub const DEFAULT: Self = Self::Quick;

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Webp => 1,
            Self::Screen => 2,
            Self::Quick => 3,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.code() == code)
    }

    /// The name that command lines use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Screen => "screen",
            Self::Quick => "quick",
        }
    }

    /// Decodes noise, of `seed`, and forgets what came of it: where code is compiled as it is used, and
    /// well when it is used much, the first pack does not wait for that. A few milliseconds' work.
    pub fn rehearse(self, seed: u32) {
        let mut state = u64::from(seed);
        let mut noise: Vec<u8> = std::iter::repeat_with(|| {
            // The constants of Knuth's MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(16_384)
        .collect();
        noise[0] = payload::SQUARE;
        // Noise does not end where it should; there is nobody to tell.
        let _ = self.decode(&noise, TileSize::ALL[1], 64);
    }

    pub(crate) fn encode(
        self,
        tile: TileSize,
        positions: &[TilePos],
        rgb: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Webp => webp::encode(tile, positions.len(), rgb),
            Self::Screen => Ok(payload::encode::<screen::Pixels>(tile.pixels(), positions, rgb)?),
            Self::Quick => Ok(payload::encode::<quick::Pixels>(tile.pixels(), positions, rgb)?),
        }
    }

    pub(crate) fn decode(
        self,
        payload: &[u8],
        tile: TileSize,
        tiles: usize,
    ) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Webp => webp::decode(payload, tile, tiles),
            #[cfg(feature = "decode-all")]
            Self::Screen => Ok(payload::decode::<screen::Pixels>(payload, tile.pixels(), tiles)?),
            #[cfg(not(feature = "decode-all"))]
            Self::Screen => Err(FormatError::Invalid {
                what: "screen pack",
                at: 0,
                reason: "this build cannot read it",
            }),
            Self::Quick => Ok(payload::decode::<quick::Pixels>(payload, tile.pixels(), tiles)?),
        }
    }
}
