//! The fixed grid that cuts a surface into tiles.

use crate::{FormatError, Picture};

/// Side of a tile in pixels: 8, 16, 32, 64 or 128. A property of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileSize(u8);

impl TileSize {
    /// Every size that the format knows, smallest first.
    pub const ALL: [Self; 5] = [Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// From pixels.
    ///
    /// # Errors
    /// [`FormatError::Name`] for a size the format does not know.
    pub fn new(pixels: u32) -> Result<Self, FormatError> {
        Self::ALL.into_iter().find(|size| size.pixels() == pixels).ok_or_else(|| {
            FormatError::Name {
                what: "tile size",
                value: pixels.to_string(),
                reason: "it must be 8, 16, 32, 64 or 128 pixels",
            }
        })
    }

    /// From the exponent that the wire carries.
    pub(crate) fn from_log2(log2: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.0 == log2)
    }

    /// The exponent that the wire carries.
    pub(crate) fn log2(self) -> u8 {
        self.0
    }

    /// Side in pixels.
    pub fn pixels(self) -> u32 {
        1 << self.0
    }

    /// Bytes of one tile's pixels in memory: side * side * 3.
    pub fn tile_bytes(self) -> usize {
        3 << (2 * self.0)
    }
}

/// A surface's grid: `cols * rows` cells, row-major. Cells at the right and bottom edge cover fewer
/// pixels (they are smaller on the screen, and padded in packs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    width: u32,
    height: u32,
    tile: TileSize,
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

impl Grid {
    /// The grid of a surface of `width` x `height` pixels.
    ///
    /// # Errors
    /// [`FormatError::Limit`] when a side is 0 or above [`Picture::MAX_SIDE`].
    pub fn new(width: u32, height: u32, tile: TileSize) -> Result<Self, FormatError> {
        for side in [width, height] {
            if side == 0 || side > Picture::MAX_SIDE {
                let limit = u64::from(Picture::MAX_SIDE);
                return Err(FormatError::Limit { what: "surface side", value: side.into(), limit });
            }
        }
        Ok(Self { width, height, tile })
    }

    /// Columns of cells.
    pub fn cols(&self) -> u32 {
        self.width.div_ceil(self.tile.pixels())
    }

    /// Rows of cells.
    pub fn rows(&self) -> u32 {
        self.height.div_ceil(self.tile.pixels())
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.cols() as usize * self.rows() as usize
    }

    /// Tile size.
    pub fn tile(&self) -> TileSize {
        self.tile
    }

    /// The pixels that a cell covers; `cell < self.cells()`.
    pub fn rect(&self, cell: usize) -> Rect {
        let side = self.tile.pixels();
        let cols = self.cols() as usize;
        let (x, y) = ((cell % cols) as u32 * side, (cell / cols) as u32 * side);
        Rect { x, y, width: side.min(self.width - x), height: side.min(self.height - y) }
    }

    /// Copies a cell's pixels out of `rgb` (the whole surface), padded to a full tile by repeating
    /// its last column and row; `out` has [`TileSize::tile_bytes`] bytes.
    pub fn cut(&self, rgb: &[u8], cell: usize, out: &mut [u8]) {
        let side = self.tile.pixels() as usize;
        let rect = self.rect(cell);
        let (width, height) = (rect.width as usize, rect.height as usize);
        for y in 0..side {
            let source_y = rect.y as usize + y.min(height - 1);
            let from = (source_y * self.width as usize + rect.x as usize) * 3;
            let row = &mut out[y * side * 3..(y + 1) * side * 3];
            row[..width * 3].copy_from_slice(&rgb[from..from + width * 3]);
            for x in width..side {
                row.copy_within((width - 1) * 3..width * 3, x * 3);
            }
        }
    }

    /// Copies `tile`, as packs hold it ([`TileSize::tile_bytes`] bytes), to a cell's pixels in `rgb`
    /// (the whole surface), without its padding: the inverse of [`Self::cut`].
    pub fn paste(&self, tile: &[u8], cell: usize, rgb: &mut [u8]) {
        let side = self.tile.pixels() as usize;
        let rect = self.rect(cell);
        let bytes = rect.width as usize * 3;
        for y in 0..rect.height as usize {
            let to = ((rect.y as usize + y) * self.width as usize + rect.x as usize) * 3;
            rgb[to..to + bytes].copy_from_slice(&tile[y * side * 3..][..bytes]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_every_pixel_once() {
        for (width, height) in [(1, 1), (16, 16), (17, 15), (1920, 1080), (33, 1)] {
            let grid = Grid::new(width, height, TileSize::new(16).unwrap()).unwrap();
            let mut covered = vec![0_u8; (width * height) as usize];
            for cell in 0..grid.cells() {
                let rect = grid.rect(cell);
                for y in rect.y..rect.y + rect.height {
                    for x in rect.x..rect.x + rect.width {
                        covered[(y * width + x) as usize] += 1;
                    }
                }
            }
            assert!(covered.iter().all(|count| *count == 1), "{width}x{height}");
        }
    }

    #[test]
    fn edge_cells_are_padded_by_repeating_their_edge() {
        let grid = Grid::new(1, 2, TileSize::new(8).unwrap()).unwrap();
        let mut out = vec![9; grid.tile().tile_bytes()];
        grid.cut(&[1, 2, 3, 4, 5, 6], 0, &mut out);
        assert!(out[..24].chunks(3).all(|p| p == [1, 2, 3]));
        assert!(out[24..].chunks(3).all(|p| p == [4, 5, 6]));
    }

    #[test]
    fn pasting_what_was_cut_gives_the_picture_back() {
        for (width, height) in [(1, 1), (17, 15), (40, 9), (64, 64)] {
            let grid = Grid::new(width, height, TileSize::new(8).unwrap()).unwrap();
            let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i * 7 % 251) as u8).collect();
            let mut again = vec![0; rgb.len()];
            let mut tile = vec![0; grid.tile().tile_bytes()];
            for cell in 0..grid.cells() {
                grid.cut(&rgb, cell, &mut tile);
                grid.paste(&tile, cell, &mut again);
            }
            assert_eq!(again, rgb, "{width}x{height}");
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let tile = TileSize::new(16).unwrap();
        assert!(Grid::new(0, 5, tile).is_err());
        assert!(Grid::new(5, Picture::MAX_SIDE + 1, tile).is_err());
        assert!(TileSize::new(24).is_err());
    }
}
