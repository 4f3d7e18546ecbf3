//! Which bytes to fetch: as few requests as cover what is missing and nothing else.
//!
//! The rules are the format's ([`deskreel_format::seek`]), so that writers can count on them.

use deskreel_format::seek::{self, HEAD_BYTES};
use deskreel_format::{PackRef, SegmentId, TileSize};

/// The first read of a segment whose listed size is known or not: a range (first and last byte), or
/// all of it.
pub fn first_read(size: Option<u64>) -> Option<(u64, u64)> {
    let size = size.map_or(u32::MAX, |size| u32::try_from(size).unwrap_or(u32::MAX));
    let bytes = seek::first_read(size);
    (bytes < size).then(|| (0, u64::from(bytes.max(HEAD_BYTES)) - 1))
}

/// Packs that touch each other in one object, to be fetched with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The object.
    pub segment: SegmentId,
    /// Tile size of the manifest that refers to them.
    pub tile: TileSize,
    /// First and last byte.
    pub range: (u64, u64),
    /// What lies there, in order of their offsets.
    pub packs: Vec<PackRef>,
}

impl Span {
    /// Where one of its packs lies in the bytes of its range.
    pub fn place(&self, pack: &PackRef) -> std::ops::Range<usize> {
        let from = pack.offset as usize - self.range.0 as usize;
        from..from + pack.len as usize
    }
}

/// Merges what touches in one object. Packs given twice are fetched once; the newest object comes
/// first, because most of a picture is young.
pub fn merge(packs: impl IntoIterator<Item = PackRef>, tile: TileSize) -> Vec<Span> {
    let mut packs: Vec<PackRef> = packs.into_iter().filter(|pack| pack.len > 0).collect();
    packs.sort_unstable_by_key(|pack| (pack.segment, pack.offset, pack.len));
    packs.dedup();
    let mut rest = packs.as_slice();
    let mut spans = Vec::new();
    for (segment, range) in seek::merged_ranges(packs.iter().copied()) {
        let inside = |pack: &PackRef| pack.segment == segment && pack.offset < range.end;
        let count = rest.iter().take_while(|pack| inside(pack)).count();
        let (packs, later) = rest.split_at(count);
        rest = later;
        let range = (u64::from(range.start), u64::from(range.end) - 1);
        spans.push(Span { segment, tile, range, packs: packs.to_vec() });
    }
    spans.reverse();
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(first_ms: u64, offset: u32, len: u32) -> PackRef {
        PackRef { segment: SegmentId { first_ms, writer: 1 }, offset, len, tiles: 1 }
    }

    #[test]
    fn neighbours_are_one_request_and_gaps_are_not_bridged() {
        let packs = [
            pack(1, 100, 50),
            pack(2, 30, 10),
            pack(1, 150, 25),
            pack(1, 176, 4),
            pack(2, 40, 1),
            pack(1, 100, 50),
        ];
        let spans = merge(packs, TileSize::new(16).unwrap());
        let found: Vec<_> =
            spans.iter().map(|s| (s.segment.first_ms, s.range, s.packs.len())).collect();
        assert_eq!(found, [(2, (30, 40), 2), (1, (176, 179), 1), (1, (100, 174), 2)]);
    }

    #[test]
    fn small_segments_are_read_whole() {
        assert_eq!(first_read(Some(65_536)), None);
        assert_eq!(first_read(Some(65_537)), Some((0, 16_383)));
        assert_eq!(first_read(None), Some((0, 16_383)));
    }
}
