//! What it costs to show a moment cold: the ranges to fetch, in bytes and requests.
//!
//! Readers fetch by this plan and writers keep the seek budget by it, so that both count alike.

use std::ops::Range;

use crate::{PackRef, SegmentId};

/// Objects up to this size are fetched whole at once.
pub const WHOLE_BYTES: u32 = 65_536;
/// Of larger objects, so much is fetched first: it mostly holds the manifest.
pub const HEAD_BYTES: u32 = 16_384;

/// How many bytes a reader asks for first, of an object of `object_len` bytes.
pub fn first_read(object_len: u32) -> u32 {
    if object_len <= WHOLE_BYTES { object_len } else { HEAD_BYTES }
}

/// The requests that fetch all of `packs`: ranges that touch in one object become one. Sorted;
/// duplicates count once.
pub fn merged_ranges(packs: impl IntoIterator<Item = PackRef>) -> Vec<(SegmentId, Range<u32>)> {
    let mut parts: Vec<_> =
        packs.into_iter().map(|p| (p.segment, p.offset, p.offset.saturating_add(p.len))).collect();
    parts.sort_unstable();
    let mut merged: Vec<(SegmentId, Range<u32>)> = Vec::new();
    for (segment, start, end) in parts {
        match merged.last_mut() {
            Some((last, range)) if *last == segment && start <= range.end => {
                range.end = range.end.max(end);
            }
            _ => merged.push((segment, start..end)),
        }
    }
    merged
}

/// The cost of showing one moment with nothing cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeekCost {
    /// Bytes fetched.
    pub bytes: u64,
    /// Requests made.
    pub requests: u32,
}

/// Cost of a moment of segment `own`, whose object has `object_len` bytes and whose manifest ends at
/// `manifest_end`, showing tiles of `packs`.
pub fn cost(
    own: SegmentId,
    object_len: u32,
    manifest_end: u32,
    packs: impl IntoIterator<Item = PackRef>,
) -> SeekCost {
    let read = first_read(object_len);
    let mut cost = SeekCost { bytes: read.into(), requests: 1 };
    let mut have = read;
    if manifest_end > read {
        cost.bytes += u64::from(manifest_end - read);
        cost.requests += 1;
        have = manifest_end;
    }
    let missing = packs
        .into_iter()
        .filter(|pack| pack.segment != own || pack.offset.saturating_add(pack.len) > have);
    for (_, range) in merged_ranges(missing) {
        cost.bytes += u64::from(range.end - range.start);
        cost.requests += 1;
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(first_ms: u64, offset: u32, len: u32) -> PackRef {
        PackRef { segment: SegmentId { first_ms, writer: 1 }, offset, len, tiles: 1 }
    }

    #[test]
    fn neighbours_are_one_request() {
        let packs = [pack(1, 100, 50), pack(2, 0, 5), pack(1, 150, 10), pack(1, 100, 50)];
        let ranges = merged_ranges(packs);
        assert_eq!(ranges.len(), 2);
        assert_eq!(ranges[0].1, 100..160);
        assert_eq!(merged_ranges([pack(1, 0, 5), pack(1, 6, 5)]).len(), 2);
    }

    #[test]
    fn what_came_with_the_first_read_costs_nothing_more() {
        let own = SegmentId { first_ms: 1, writer: 1 };
        assert_eq!(
            cost(own, 60_000, 900, [pack(1, 900, 59_100)]),
            SeekCost { bytes: 60_000, requests: 1 }
        );
        let large = cost(own, 100_000, 20_000, [pack(1, 20_000, 80_000), pack(0, 7, 10)]);
        assert_eq!(large, SeekCost { bytes: 100_010, requests: 4 });
    }
}
