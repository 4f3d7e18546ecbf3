//! Gathers tiles of many screens in packs. Pure.

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{FormatError, Pack, TileHash, TileSize};

use super::Packs;

/// A tile, and where it was on its screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) position: TilePos,
    pub(super) hash: TileHash,
    /// A full tile, padded.
    pub(super) rgb: Vec<u8>,
}

/// Fills packs up to a size. What was together on a screen stays together and keeps its arrangement,
/// which is what the codec lives of; what follows stands below it.
#[derive(Debug)]
pub(super) struct Packer {
    codec: Codec,
    tile: TileSize,
    most: usize,
    positions: Vec<TilePos>,
    hashes: Vec<TileHash>,
    rgb: Vec<u8>,
    done: Packs,
}

impl Packer {
    /// Packs of `tile` with at most `pixels` pixels, but at least one tile.
    pub(super) fn new(codec: Codec, tile: TileSize, pixels: u32) -> Self {
        let most = (pixels / (tile.pixels() * tile.pixels())).max(1) as usize;
        let (positions, hashes, rgb) = (Vec::new(), Vec::new(), Vec::new());
        Self { codec, tile, most, positions, hashes, rgb, done: Packs::new() }
    }

    /// Tiles of one screen, positions ascending, no two alike.
    pub(super) fn add(&mut self, tiles: Vec<Tile>) -> Result<(), FormatError> {
        let top = tiles.first().map_or(0, |first| first.position.row);
        let mut base = self.base();
        for tile in tiles {
            if self.hashes.len() == self.most {
                self.close()?;
                // What is left of this screen keeps its rows.
                base = 0;
            }
            let TilePos { row, col } = tile.position;
            self.positions.push(TilePos { row: base + row - top, col });
            self.hashes.push(tile.hash);
            self.rgb.extend_from_slice(&tile.rgb);
        }
        Ok(())
    }

    /// A row below all that is there, and an empty one between.
    fn base(&self) -> u32 {
        self.positions.last().map_or(0, |last| last.row + 2)
    }

    fn close(&mut self) -> Result<(), FormatError> {
        let hashes = std::mem::take(&mut self.hashes);
        if !hashes.is_empty() {
            let (positions, rgb) =
                (std::mem::take(&mut self.positions), std::mem::take(&mut self.rgb));
            self.done.push((Pack::encode(self.codec, self.tile, &positions, &rgb)?, hashes));
        }
        Ok(())
    }

    /// All packs.
    pub(super) fn finish(mut self) -> Result<Packs, FormatError> {
        self.close()?;
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::Limits;

    #[test]
    fn every_tile_comes_back_from_the_slot_that_its_hash_names() {
        let tile = TileSize::ALL[0];
        let made = |id: u8, row, col| Tile {
            position: TilePos { row, col },
            hash: TileHash([id; 16]),
            rgb: vec![id; tile.tile_bytes()],
        };
        // Two screens of a full row of 5 and of 4 tiles in packs of 3.
        let mut packer = Packer::new(Codec::DEFAULT, tile, 3 * 64);
        packer.add((0..5).map(|id| made(id, 7, id.into())).collect()).unwrap();
        packer.add((5..9).map(|id| made(id, 0, u32::from(id) - 5)).collect()).unwrap();
        packer.add(Vec::new()).unwrap();
        let packs = packer.finish().unwrap();
        assert_eq!(packs.len(), 3);
        let mut seen = Vec::new();
        for (bytes, hashes) in packs {
            let pack = Pack::decode(&bytes, &Limits::default()).unwrap();
            assert_eq!(pack.tiles() as usize, hashes.len());
            for (slot, hash) in (0..).zip(&hashes) {
                assert!(pack.tile(slot).unwrap().iter().all(|byte| *byte == hash.0[0]));
            }
            seen.extend(hashes.iter().map(|hash| hash.0[0]));
        }
        assert_eq!(seen, (0..9).collect::<Vec<u8>>());
    }
}
