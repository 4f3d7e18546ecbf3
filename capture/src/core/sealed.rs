//! A segment that is complete and ready to be uploaded.

use deskreel_format::manifest::COMMONS_WRITER;
use deskreel_format::{Manifest, SegmentId};

use super::known::PackTiles;

/// The bytes of one object and what the bucket will know once it is there.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Which segment.
    pub id: SegmentId,
    /// The whole object.
    pub bytes: Vec<u8>,
    /// Its packs, located from the start of the object.
    pub packs: Vec<PackTiles>,
    /// The other segments that it refers to, ascending.
    pub refers: Vec<SegmentId>,
    /// Screenshots in it.
    pub moments: usize,
    /// Time of the last one, UTC milliseconds.
    pub last_ms: u64,
}

/// The other segments of its stream of which a segment shows tiles, ascending. What links only name
/// need not be there, and the commons were there before anyone heard of them.
pub fn refers(manifest: &Manifest) -> Vec<SegmentId> {
    let shown = manifest.packs.iter().zip(manifest.shown_packs()).filter(|(_, shown)| *shown);
    let mut refers: Vec<SegmentId> = shown
        .map(|(pack, _)| pack.segment)
        .filter(|id| *id != manifest.id && id.writer != COMMONS_WRITER)
        .collect();
    refers.sort_unstable();
    refers.dedup();
    refers
}
