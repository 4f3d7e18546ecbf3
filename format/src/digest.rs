//! The proof of a screenshot: a digest of every pixel of a surface.

use crate::Picture;

/// The first 128 bits of BLAKE3 over (width and height as 32-bit little endian, RGB rows).
/// Not keyed: anybody who holds an exported PNG can check it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Of a whole picture.
    pub fn of(picture: &Picture) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&picture.width().to_le_bytes());
        hasher.update(&picture.height().to_le_bytes());
        hasher.update(picture.rgb());
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(digest)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({self})")
    }
}
