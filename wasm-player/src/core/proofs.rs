//! Proofs remembered: a picture made of the very same decoded tiles as one that was hashed before needs
//! no hashing again.

use std::collections::HashMap;

use deskreel_format::Digest;

/// Proofs remembered for one surface, at most: 40 bytes each.
const ROOM: usize = 4_096;

/// What a surface is made of, cell by cell, and which such pictures were hashed.
///
/// A pack that was dropped and decoded anew has another number, so that a picture with tiles of it is
/// hashed again: a proof holds for the bytes that were hashed, not for what they should be.
pub(super) struct Proofs {
    /// Number of the decoded pack and slot in it, 12 bytes for each cell; zeros for none.
    made_of: Vec<u8>,
    /// Stands for `made_of` as it was when the pixels last changed.
    picture: blake3::Hash,
    digests: HashMap<blake3::Hash, Digest>,
}

const CELL: usize = 12;

impl Proofs {
    /// For a surface of so many cells, which shows nothing yet.
    pub(super) fn new(cells: usize) -> Self {
        let made_of = vec![0; cells * CELL];
        let picture = blake3::hash(&made_of);
        Self { made_of, picture, digests: HashMap::new() }
    }

    /// A cell shows another tile: slot `slot` of the decoded pack number `pack`, never 0 and never given
    /// to two.
    pub(super) fn put(&mut self, cell: usize, pack: u64, slot: u32) {
        let cell = &mut self.made_of[cell * CELL..][..CELL];
        cell[..8].copy_from_slice(&pack.to_le_bytes());
        cell[8..].copy_from_slice(&slot.to_le_bytes());
    }

    /// A cell shows no tile.
    pub(super) fn clear(&mut self, cell: usize) {
        self.made_of[cell * CELL..][..CELL].fill(0);
    }

    /// The pixels have changed; returns the digest that they have, if it is known.
    pub(super) fn changed(&mut self) -> Option<Digest> {
        self.picture = blake3::hash(&self.made_of);
        self.digests.get(&self.picture).copied()
    }

    /// The pixels were hashed.
    pub(super) fn found(&mut self, digest: Digest) {
        if self.digests.len() >= ROOM {
            self.digests.clear();
        }
        self.digests.insert(self.picture, digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_again_by_what_it_is_made_of_alone() {
        let mut proofs = Proofs::new(2);
        proofs.put(0, 7, 1);
        proofs.put(1, 7, 2);
        assert_eq!(proofs.changed(), None);
        proofs.found(Digest([1; 16]));
        proofs.put(1, 8, 0);
        assert_eq!(proofs.changed(), None);
        proofs.found(Digest([2; 16]));
        proofs.put(1, 7, 2);
        assert_eq!(proofs.changed(), Some(Digest([1; 16])));
        // The same pack, decoded once more.
        proofs.put(0, 9, 1);
        assert_eq!(proofs.changed(), None);
        proofs.clear(0);
        assert_eq!(proofs.changed(), None);
    }

    #[test]
    fn memory_of_proofs_is_bounded() {
        let mut proofs = Proofs::new(1);
        for pack in 1..=3 * ROOM as u64 {
            proofs.put(0, pack, 0);
            proofs.changed();
            proofs.found(Digest([0; 16]));
        }
        assert!(proofs.digests.len() <= ROOM);
        assert!(proofs.changed().is_some());
    }
}
