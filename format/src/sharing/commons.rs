//! What the commons hold: which tile lies where.

use super::candidates::time;
use super::{MAX_ENTRIES, MAX_SHARED_TILES, close, count, open};
use crate::manifest::COMMONS_WRITER;
use crate::wire::{Reader, put_varint};
use crate::{DomainKey, FormatError, PackRef, SegmentId, TileHash, TileSize};

const MAGIC: [u8; 4] = *b"DRCI";
const WHAT: &str = "index of the commons";

/// A pack of the commons and the hashes of its tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonsPack {
    /// Size of its tiles.
    pub tile: TileSize,
    /// Where it lies; the writer of its segment is that of the commons.
    pub pack: PackRef,
    /// One hash per slot.
    pub hashes: Vec<TileHash>,
}

/// The index of the commons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommonsIndex {
    /// Its packs, oldest first.
    pub packs: Vec<CommonsPack>,
}

impl CommonsIndex {
    /// The bytes of the object, sealed with `key`.
    ///
    /// # Errors
    /// [`FormatError`] when a reader would refuse them.
    pub fn encode(&self, key: &DomainKey) -> Result<Vec<u8>, FormatError> {
        let mut body = Vec::new();
        put_varint(&mut body, self.packs.len() as u64);
        for CommonsPack { tile, pack, hashes } in &self.packs {
            body.push(tile.log2());
            put_varint(&mut body, pack.segment.first_ms);
            put_varint(&mut body, pack.offset.into());
            put_varint(&mut body, pack.len.into());
            put_varint(&mut body, hashes.len() as u64);
            hashes.iter().for_each(|hash| body.extend_from_slice(&hash.0));
        }
        if Self::read(Reader::new(WHAT, &body))? != *self {
            let reason = "it would not be read back as it is";
            return Err(FormatError::Invalid { what: WHAT, at: 0, reason });
        }
        close(WHAT, MAGIC, key, &body)
    }

    /// Decodes an object that was sealed with `key`. The limits are those of the format.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt, of another domain or contradict the format.
    pub fn decode(bytes: &[u8], key: &DomainKey) -> Result<Self, FormatError> {
        Self::read(open(WHAT, MAGIC, key, bytes)?)
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, FormatError> {
        let mut left = MAX_SHARED_TILES;
        let mut packs = Vec::new();
        for _ in 0..count(&mut reader, "packs of the index of the commons", MAX_ENTRIES, 5)? {
            let tile = TileSize::from_log2(reader.u8()?);
            let tile = tile.ok_or_else(|| reader.invalid("a tile size is unknown"))?;
            let segment = SegmentId { first_ms: time(&mut reader)?, writer: COMMONS_WRITER };
            let offset = reader.narrow_u32("an offset is out of range")?;
            let len = reader.narrow_u32("a length is out of range")?;
            if offset.checked_add(len).is_none() {
                return Err(reader.invalid("a pack ends out of range"));
            }
            let tiles = count(&mut reader, "tiles of the index of the commons", left, 16)?;
            left -= tiles;
            let hashes = (0..tiles).map(|_| Ok(TileHash(reader.array()?)));
            let hashes = hashes.collect::<Result<Vec<_>, FormatError>>()?;
            let pack = PackRef { segment, offset, len, tiles: tiles as u32 };
            packs.push(CommonsPack { tile, pack, hashes });
        }
        reader.finish()?;
        Ok(Self { packs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::END_OF_TIME_MS;
    use proptest::prelude::*;

    fn some() -> impl Strategy<Value = CommonsIndex> {
        let pack = (0..TileSize::ALL.len(), 0..END_OF_TIME_MS, 0..u32::MAX / 2, 0..u32::MAX / 2);
        let hashes = prop::collection::vec(any::<[u8; 16]>().prop_map(TileHash), 0..9);
        let pack = (pack, hashes).prop_map(|((size, first_ms, offset, len), hashes)| {
            let segment = SegmentId { first_ms, writer: COMMONS_WRITER };
            let pack = PackRef { segment, offset, len, tiles: hashes.len() as u32 };
            CommonsPack { tile: TileSize::ALL[size], pack, hashes }
        });
        prop::collection::vec(pack, 0..9).prop_map(|packs| CommonsIndex { packs })
    }

    proptest! {
        #[test]
        fn an_index_comes_back_and_no_changed_one_does(index in some(), at: prop::sample::Index) {
            let key = DomainKey::new([7; 32]);
            let mut bytes = index.encode(&key).unwrap();
            prop_assert_eq!(CommonsIndex::decode(&bytes, &key), Ok(index));
            let other = CommonsIndex::decode(&bytes, &DomainKey::new([8; 32]));
            prop_assert_eq!(other, Err(FormatError::Seal { what: WHAT }));
            let at = at.index(bytes.len());
            prop_assert!(CommonsIndex::decode(&bytes[..at], &key).is_err());
            bytes[at] ^= 4;
            prop_assert!(CommonsIndex::decode(&bytes, &key).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            let key = DomainKey::new([7; 32]);
            let bytes = close(WHAT, MAGIC, &key, &body).unwrap();
            let _ = CommonsIndex::decode(&bytes, &key);
            let _ = CommonsIndex::decode(&body, &key);
        }
    }

    #[test]
    fn what_is_no_pack_of_the_commons_is_not_written() {
        let key = DomainKey::new([1; 32]);
        let segment = SegmentId { first_ms: 1, writer: 9 };
        let pack = PackRef { segment, offset: 0, len: 1, tiles: 1 };
        let foreign = CommonsPack { tile: TileSize::ALL[1], pack, hashes: vec![TileHash([1; 16])] };
        assert!(CommonsIndex { packs: vec![foreign] }.encode(&key).is_err());
    }
}
