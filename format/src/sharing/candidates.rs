//! What one desktop has to share, and what of the commons it shows.

use super::{MAX_ENTRIES, MAX_SHARED_TILES, close, count, open};
use crate::manifest::{COMMONS_WRITER, INDEX_WRITER};
use crate::time::END_OF_TIME_MS;
use crate::wire::{Reader, put_varint};
use crate::{DomainKey, FormatError, SegmentId, TileHash, TileSize};

const MAGIC: [u8; 4] = *b"DRCL";
const WHAT: &str = "list of candidates";

/// The first half of a tile hash: enough to find what two lists have in common; whoever copies a tile
/// hashes its pixels anew.
pub type TilePrefix = [u8; 8];

/// Tiles of one segment that stayed on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateGroup {
    /// The segment of the list's stream whose own packs hold them; it shows them too.
    pub segment: SegmentId,
    /// Hashes of those that lists name, cut.
    pub tiles: Vec<TilePrefix>,
}

/// How much of a pack of the commons a screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// First time of the pack's object.
    pub first_ms: u64,
    /// Offset of the pack in its object.
    pub offset: u32,
    /// Different tiles of it that were on the screen.
    pub tiles: u32,
}

/// A list of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Size of all its tiles.
    pub tile: TileSize,
    /// What could be shared.
    pub groups: Vec<CandidateGroup>,
    /// What is shared, grows old and is still of use.
    pub votes: Vec<Vote>,
}

impl Candidates {
    /// Whether lists name this tile: one in eight does for its neighbours, on every desktop the same.
    /// Whoever shares compares the segments that have such tiles in common; naming all would cost a
    /// good part of what their pixels do.
    pub fn names(hash: &TileHash) -> bool {
        hash.0[15].is_multiple_of(8)
    }

    /// The first half of a hash.
    pub fn prefix(hash: &TileHash) -> TilePrefix {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&hash.0[..8]);
        prefix
    }

    /// The bytes of the object, sealed with `key`.
    ///
    /// # Errors
    /// [`FormatError`] when a reader would refuse them.
    pub fn encode(&self, key: &DomainKey) -> Result<Vec<u8>, FormatError> {
        let mut body = vec![self.tile.log2()];
        put_varint(&mut body, self.groups.len() as u64);
        for group in &self.groups {
            put_varint(&mut body, group.segment.first_ms);
            body.extend_from_slice(&group.segment.writer.to_le_bytes());
            put_varint(&mut body, group.tiles.len() as u64);
            body.extend(group.tiles.iter().flatten());
        }
        put_varint(&mut body, self.votes.len() as u64);
        for vote in &self.votes {
            put_varint(&mut body, vote.first_ms);
            put_varint(&mut body, vote.offset.into());
            put_varint(&mut body, vote.tiles.into());
        }
        Self::read(Reader::new(WHAT, &body))?;
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
        let tile = TileSize::from_log2(reader.u8()?);
        let tile = tile.ok_or_else(|| reader.invalid("its tile size is unknown"))?;
        let mut left = MAX_SHARED_TILES;
        let mut groups = Vec::new();
        for _ in 0..count(&mut reader, "groups of a list of candidates", MAX_ENTRIES, 6)? {
            let first_ms = time(&mut reader)?;
            let segment = SegmentId { first_ms, writer: reader.u32()? };
            if [INDEX_WRITER, COMMONS_WRITER].contains(&segment.writer) {
                return Err(reader.invalid("a group is of no desktop's segment"));
            }
            let tiles = count(&mut reader, "tiles of a list of candidates", left, 8)?;
            left -= tiles;
            let tiles = (0..tiles).map(|_| reader.array()).collect::<Result<_, _>>()?;
            groups.push(CandidateGroup { segment, tiles });
        }
        let mut votes = Vec::new();
        for _ in 0..count(&mut reader, "votes of a list of candidates", MAX_ENTRIES, 3)? {
            let first_ms = time(&mut reader)?;
            let offset = reader.narrow_u32("an offset is out of range")?;
            let tiles = reader.narrow_u32("a number of tiles is out of range")?;
            votes.push(Vote { first_ms, offset, tiles });
        }
        reader.finish()?;
        Ok(Self { tile, groups, votes })
    }
}

pub(super) fn time(reader: &mut Reader<'_>) -> Result<u64, FormatError> {
    let time_ms = reader.varint()?;
    if time_ms >= END_OF_TIME_MS {
        return Err(reader.invalid("a time is out of range"));
    }
    Ok(time_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some() -> impl Strategy<Value = Candidates> {
        let id = (0..END_OF_TIME_MS, 1..COMMONS_WRITER)
            .prop_map(|(first_ms, writer)| SegmentId { first_ms, writer });
        let group = (id, prop::collection::vec(any::<TilePrefix>(), 0..20))
            .prop_map(|(segment, tiles)| CandidateGroup { segment, tiles });
        let vote = (0..END_OF_TIME_MS, any::<u32>(), any::<u32>())
            .prop_map(|(first_ms, offset, tiles)| Vote { first_ms, offset, tiles });
        let lists = (prop::collection::vec(group, 0..9), prop::collection::vec(vote, 0..9));
        (0..TileSize::ALL.len(), lists).prop_map(|(size, (groups, votes))| Candidates {
            tile: TileSize::ALL[size],
            groups,
            votes,
        })
    }

    proptest! {
        #[test]
        fn a_list_comes_back_and_no_changed_one_does(list in some(), at: prop::sample::Index) {
            let key = DomainKey::new([7; 32]);
            let mut bytes = list.encode(&key).unwrap();
            prop_assert_eq!(Candidates::decode(&bytes, &key), Ok(list));
            let other = Candidates::decode(&bytes, &DomainKey::new([8; 32]));
            prop_assert_eq!(other, Err(FormatError::Seal { what: WHAT }));
            let at = at.index(bytes.len());
            prop_assert!(Candidates::decode(&bytes[..at], &key).is_err());
            bytes[at] ^= 4;
            prop_assert!(Candidates::decode(&bytes, &key).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            // As a desktop with the key could seal them.
            let key = DomainKey::new([7; 32]);
            let bytes = close(WHAT, MAGIC, &key, &body).unwrap();
            let _ = Candidates::decode(&bytes, &key);
            let _ = Candidates::decode(&body, &key);
        }
    }

    #[test]
    fn groups_of_no_desktop_and_counts_without_content_are_refused() {
        for writer in [INDEX_WRITER, COMMONS_WRITER] {
            let groups =
                vec![CandidateGroup { segment: SegmentId { first_ms: 1, writer }, tiles: vec![] }];
            let list = Candidates { tile: TileSize::ALL[1], groups, votes: vec![] };
            assert!(list.encode(&DomainKey::new([1; 32])).is_err());
        }
        let mut body = vec![4];
        put_varint(&mut body, MAX_ENTRIES as u64);
        assert!(matches!(
            Candidates::read(Reader::new(WHAT, &body)),
            Err(FormatError::Invalid { .. })
        ));
    }
}
