//! Packs that were read, kept for the pictures that come next.

use std::collections::HashMap;
use std::sync::Arc;

use deskreel_format::{Pack, PackRef, TileSize};

/// Decoded packs, up to a number of bytes; then those go that were used the longest ago.
///
/// Invariant: what was used since the last call of [`Self::next_picture`] stays.
#[derive(Debug)]
pub struct PackCache {
    limit: u64,
    size: u64,
    picture: u64,
    packs: HashMap<PackRef, Kept>,
    read: u64,
}

#[derive(Debug)]
struct Kept {
    pack: Arc<Pack>,
    size: u64,
    used: u64,
}

impl PackCache {
    /// Keeps up to `limit` bytes of pixels.
    pub fn new(limit: u64) -> Self {
        Self { limit, size: 0, picture: 0, packs: HashMap::new(), read: 0 }
    }

    /// A pack that is here.
    pub fn get(&mut self, pack: &PackRef) -> Option<Arc<Pack>> {
        let kept = self.packs.get_mut(pack)?;
        kept.used = self.picture;
        Some(kept.pack.clone())
    }

    /// Takes in a pack that was read.
    pub fn put(&mut self, reference: PackRef, tile: TileSize, pack: Arc<Pack>) {
        let pixels = u64::from(tile.pixels()) * u64::from(tile.pixels());
        let size = u64::from(reference.tiles) * pixels * 3;
        self.read += 1;
        self.size += size;
        if let Some(before) = self.packs.insert(reference, Kept { pack, size, used: self.picture })
        {
            self.size -= before.size;
        }
    }

    /// The next picture begins: room is made.
    pub fn next_picture(&mut self) {
        self.picture += 1;
        while self.size > self.limit {
            let oldest = self.packs.iter().min_by_key(|(_, kept)| kept.used).map(|(pack, _)| *pack);
            let Some(gone) = oldest.and_then(|oldest| self.packs.remove(&oldest)) else { return };
            self.size -= gone.size;
        }
    }

    /// How many packs were read so far.
    pub fn read(&self) -> u64 {
        self.read
    }
}
