//! The identity of a tile: what makes it "seen before".

use crate::grid::{Grid, Rect};

/// The secret of a sharing domain (one organisation): it keys every tile hash, so that hashes say
/// nothing to outsiders and nothing is shared across domains.
#[derive(Clone, PartialEq, Eq)]
pub struct DomainKey([u8; 32]);

impl DomainKey {
    /// From 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From a passphrase, by BLAKE3's key derivation.
    pub fn derive(passphrase: &str) -> Self {
        Self(blake3::derive_key("deskreel 2026 domain key v1", passphrase.as_bytes()))
    }

    /// Eight bytes that tell one key from another and say nothing about it.
    pub fn fingerprint(&self) -> [u8; 8] {
        let derived = blake3::derive_key("deskreel 2026 domain key fingerprint v1", &self.0);
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&derived[..8]);
        fingerprint
    }

    /// The seal of this domain over `parts`: 16 bytes that nobody without the key can make.
    pub fn seal(&self, parts: &[&[u8]]) -> [u8; 16] {
        let key = blake3::derive_key("deskreel 2026 sharing seal v1", &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let mut seal = [0; 16];
        seal.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        seal
    }

    /// Whether `seal` is that of this domain over `parts`. Takes as long for near misses as for far
    /// ones.
    pub fn is_seal(&self, seal: &[u8; 16], parts: &[&[u8]]) -> bool {
        let right = self.seal(parts);
        // Hashes compare in constant time.
        blake3::hash(&right) == blake3::hash(seal)
    }
}

impl std::fmt::Debug for DomainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DomainKey(secret)")
    }
}

/// The first 128 bits of keyed BLAKE3 over (width, height, RGB rows) of a tile's real pixels,
/// without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileHash(pub [u8; 16]);

impl TileHash {
    /// Hashes the pixels of one cell of a surface.
    pub fn of_cell(
        key: &DomainKey,
        grid: &Grid,
        rgb: &[u8],
        stride_px: usize,
        cell: usize,
    ) -> Self {
        let stride = stride_px * 3;
        Self::of_rows(
            key,
            grid,
            cell,
            |rect, y| (rect.y as usize + y) * stride + rect.x as usize * 3,
            rgb,
        )
    }

    /// Hashes the cell's part of a tile as packs hold it: a full tile, row-major, padded.
    pub fn of_padded(key: &DomainKey, grid: &Grid, cell: usize, tile: &[u8]) -> Self {
        let stride = grid.tile().pixels() as usize * 3;
        Self::of_rows(key, grid, cell, |_, y| y * stride, tile)
    }

    fn of_rows(
        key: &DomainKey,
        grid: &Grid,
        cell: usize,
        row_start: impl Fn(&Rect, usize) -> usize,
        rgb: &[u8],
    ) -> Self {
        let rect = grid.rect(cell);
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(&[rect.width as u8, rect.height as u8]); // at most 128 each
        for y in 0..rect.height as usize {
            let start = row_start(&rect, y);
            hasher.update(&rgb[start..start + rect.width as usize * 3]);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TileSize;

    #[test]
    fn size_key_and_pixels_all_count() {
        let key = DomainKey::new([1; 32]);
        let tile = TileSize::new(16).unwrap();
        let rgb = vec![0; 16 * 16 * 3];
        let hash = |key: &DomainKey, width, height| {
            let grid = Grid::new(width, height, tile).unwrap();
            TileHash::of_cell(key, &grid, &rgb, width as usize, 0)
        };
        assert_eq!(hash(&key, 16, 16), hash(&key, 16, 16));
        assert_ne!(hash(&key, 16, 8), hash(&key, 8, 16));
        assert_ne!(hash(&key, 16, 16), hash(&DomainKey::new([2; 32]), 16, 16));
    }

    #[test]
    fn padding_does_not_change_the_hash() {
        let key = DomainKey::derive("x");
        let grid = Grid::new(5, 3, TileSize::new(8).unwrap()).unwrap();
        let rgb: Vec<u8> = (0..45).collect();
        let mut tile = vec![0; 192];
        grid.cut(&rgb, 0, &mut tile);
        let direct = TileHash::of_cell(&key, &grid, &rgb, 5, 0);
        assert_eq!(direct, TileHash::of_padded(&key, &grid, 0, &tile));
    }
}
