//! How the pixels of a pack become bytes. A byte in the pack's header names the codec, so better
//! ones can come without touching anything else.

pub mod screen;
#[cfg(test)]
mod tests;
pub mod webp;

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
    /// Deskreel's own coder of screen pixels.
    Screen,
}

impl Codec {
    /// Every codec, by code.
    pub const ALL: [Self; 2] = [Self::Webp, Self::Screen];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Webp => 1,
            Self::Screen => 2,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.code() == code)
    }

    /// The name that command lines use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Screen => "screen",
        }
    }

    pub(crate) fn encode(
        self,
        tile: TileSize,
        positions: &[TilePos],
        rgb: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Webp => webp::encode(tile, positions.len(), rgb),
            Self::Screen => Ok(screen::encode(tile.pixels(), positions, rgb)?),
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
            Self::Screen => Ok(screen::decode(payload, tile.pixels(), tiles)?),
        }
    }
}
