//! A segment that is complete and ready to be uploaded.

use deskreel_format::SegmentId;

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
