//! A pack: tiles that were stored together, coded as one picture.

use crate::codec::{Codec, TilePos};
use crate::error::check_limit;
use crate::segment::checksum;
use crate::wire::Reader;
use crate::{FormatError, Limits, PackRef, TileSize};

/// Bytes before a pack's payload: codec, tile size exponent, 2 zero bytes, tile count, payload
/// length (32-bit little endian), 16 bytes of BLAKE3 over those and the payload.
pub const HEADER_BYTES: usize = 28;

/// The decoded tiles of a pack.
///
/// Invariant: `rgb` holds a whole number of tiles of `tile.tile_bytes()` bytes each.
#[derive(Clone, PartialEq, Eq)]
pub struct Pack {
    tile: TileSize,
    rgb: Vec<u8>,
}

impl Pack {
    /// Codes tiles as one pack. `positions` (ascending, as many as there are tiles) tell the codec
    /// which tiles were neighbours on the screen; they need not be remembered.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] when the number of bytes and of positions differ or the codec
    /// refuses them.
    pub fn encode(
        codec: Codec,
        tile: TileSize,
        positions: &[TilePos],
        rgb: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        if positions.is_empty() || positions.len() * tile.tile_bytes() != rgb.len() {
            let reason = "the bytes are not those of its tiles";
            return Err(FormatError::Invalid { what: "pack", at: 0, reason });
        }
        let payload = codec.encode(tile, positions, rgb)?;
        let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
        out.extend_from_slice(&[codec.code(), tile.log2(), 0, 0]);
        out.extend_from_slice(&(positions.len() as u32).to_le_bytes());
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        let sum = checksum(&[&out, &payload]);
        out.extend_from_slice(&sum);
        out.extend_from_slice(&payload);
        Ok(out)
    }

    /// Decodes a pack that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt or contradict the format.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FormatError> {
        let mut reader = Reader::new("pack", bytes);
        let [codec, log2, zero @ ..] = reader.array::<4>()?;
        let tile = TileSize::from_log2(log2).filter(|_| zero == [0; 2]);
        let tile = tile.ok_or_else(|| reader.invalid("its header is damaged"))?;
        let codec =
            Codec::from_code(codec).ok_or_else(|| reader.invalid("its codec is unknown"))?;
        let (tiles, payload_len) = (reader.u32()?, reader.u32()?);
        if tiles == 0 {
            return Err(reader.invalid("it has no tile"));
        }
        let pixels = u64::from(tiles) << (2 * log2);
        check_limit("pixels of a pack", pixels, limits.pack_pixels as u64)?;
        check_limit("bytes of a pack", payload_len.into(), limits.pack_bytes as u64)?;
        let sum = reader.array::<16>()?;
        let payload = reader.bytes(payload_len as usize)?;
        reader.finish()?;
        if sum != checksum(&[&bytes[..12], payload]) {
            return Err(FormatError::Checksum { what: "pack" });
        }
        let rgb = codec.decode(payload, tile, tiles as usize)?;
        if rgb.len() != tiles as usize * tile.tile_bytes() {
            let reason = "its codec gave another number of pixels";
            return Err(FormatError::Invalid { what: "pack", at: HEADER_BYTES, reason });
        }
        Ok(Self { tile, rgb })
    }

    /// Decodes the pack that the table of a manifest of tile size `tile` calls `place`.
    ///
    /// # Errors
    /// As [`Self::decode`], and when it is not the pack that the manifest describes.
    pub fn decode_at(
        place: &PackRef,
        tile: TileSize,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, FormatError> {
        // The header alone tells: no work for pixels that nothing refers to.
        let mut reader = Reader::new("pack", bytes);
        let [_, log2, _, _] = reader.array::<4>()?;
        if (log2, reader.u32()?, bytes.len()) != (tile.log2(), place.tiles, place.len as usize) {
            return Err(reader.invalid("it is not the pack that the manifest describes"));
        }
        Self::decode(bytes, limits)
    }

    /// How a pack's payload is coded, from its first byte. `None` if there is none, or no such codec.
    pub fn codec(bytes: &[u8]) -> Option<Codec> {
        bytes.first().copied().and_then(Codec::from_code)
    }

    /// A pack of tiles that were decoded elsewhere: `rgb` as [`Self::into_rgb`] gave it.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] when the bytes are no whole number of tiles, or none.
    pub fn from_rgb(tile: TileSize, rgb: Vec<u8>) -> Result<Self, FormatError> {
        if rgb.is_empty() || !rgb.len().is_multiple_of(tile.tile_bytes()) {
            let reason = "the bytes are not those of its tiles";
            return Err(FormatError::Invalid { what: "pack", at: 0, reason });
        }
        Ok(Self { tile, rgb })
    }

    /// The padded pixels of all tiles, slot after slot, row-major RGB.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// Tile size.
    pub fn tile_size(&self) -> TileSize {
        self.tile
    }

    /// Number of tiles.
    pub fn tiles(&self) -> u32 {
        (self.rgb.len() / self.tile.tile_bytes()) as u32
    }

    /// The padded pixels of a slot, row-major RGB; `None` outside the pack.
    pub fn tile(&self, slot: u32) -> Option<&[u8]> {
        let bytes = self.tile.tile_bytes();
        let from = bytes.checked_mul(slot as usize)?;
        self.rgb.get(from..from.checked_add(bytes)?)
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({} tiles of {} px)", self.tiles(), self.tile.pixels())
    }
}
