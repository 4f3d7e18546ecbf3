//! Which hours want an index: those that are over and have none, or one older than their segments.

use std::collections::{BTreeMap, BTreeSet};

use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::time::{HOUR_MS, hour_start};

use super::facts::Entry;

/// The hours that a segment whose moments lie in `first_ms..=last_ms` is told of by.
pub fn hours_touched(first_ms: u64, last_ms: u64) -> impl Iterator<Item = u64> {
    let (first, last) = (hour_start(first_ms), hour_start(last_ms.max(first_ms)));
    (first..=last).step_by(HOUR_MS as usize)
}

/// The hours from `from_ms` on that are over at `now_ms` and whose index is missing, or was stored
/// before one of their segments.
pub fn due(segments: &[Entry], indexes: &[Entry], from_ms: u64, now_ms: u64) -> BTreeSet<u64> {
    let mut newest: BTreeMap<u64, i64> = BTreeMap::new();
    for segment in segments {
        // A segment may reach into the next hour; only its manifest tells.
        let first_ms = segment.id.first_ms;
        for hour in hours_touched(first_ms, first_ms.saturating_add(MAX_SPAN_MS)) {
            let stored = newest.entry(hour).or_insert(segment.modified_ms);
            *stored = (*stored).max(segment.modified_ms);
        }
    }
    let has_own: BTreeSet<u64> = segments.iter().map(|s| hour_start(s.id.first_ms)).collect();
    let stored: BTreeMap<u64, i64> =
        indexes.iter().map(|index| (index.id.first_ms, index.modified_ms)).collect();
    let wants = |(hour, newest): &(u64, i64)| {
        let is_over = hour.saturating_add(HOUR_MS) <= now_ms && *hour >= hour_start(from_ms);
        let is_stale = match stored.get(hour) {
            // Stores round to seconds.
            Some(index) => *index <= *newest,
            None => has_own.contains(hour) || reaches(segments, *hour),
        };
        is_over && is_stale
    };
    newest.into_iter().filter(wants).map(|(hour, _)| hour).collect()
}

/// Whether the hour before has a segment that may reach into this one.
fn reaches(segments: &[Entry], hour: u64) -> bool {
    let late = hour.saturating_sub(MAX_SPAN_MS)..hour;
    segments.iter().any(|segment| late.contains(&segment.id.first_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::SegmentId;

    const HOUR: u64 = HOUR_MS;

    fn entry(first_ms: u64, writer: u32, modified_ms: u64) -> Entry {
        let id = SegmentId { first_ms, writer };
        Entry { id, size: 1, modified_ms: modified_ms as i64 }
    }

    #[test]
    fn hours_that_are_over_and_have_no_index_or_an_older_one_are_due() {
        let segments = [
            entry(HOUR + 5, 1, HOUR + 6),
            entry(2 * HOUR + 5, 1, 9 * HOUR),
            entry(3 * HOUR + 5, 1, 3 * HOUR + 6),
            entry(4 * HOUR + 5, 1, 4 * HOUR + 6),
        ];
        let indexes = [entry(2 * HOUR, 0, 3 * HOUR), entry(3 * HOUR, 0, 4 * HOUR)];
        let due = |from, now| Vec::from_iter(due(&segments, &indexes, from, now));
        // Hour 1 has none, hour 2 got a segment late, hour 3 is well, hour 4 is not over.
        assert_eq!(due(0, 5 * HOUR - 1), [HOUR, 2 * HOUR]);
        assert_eq!(due(0, 5 * HOUR), [HOUR, 2 * HOUR, 4 * HOUR]);
        assert_eq!(due(2 * HOUR + 1, 5 * HOUR), [2 * HOUR, 4 * HOUR]);
    }

    #[test]
    fn a_segment_near_the_end_of_an_hour_may_reach_into_the_next() {
        let segments = [entry(2 * HOUR - 1_000, 1, 0)];
        let due = Vec::from_iter(due(&segments, &[], 0, 9 * HOUR));
        assert_eq!(due, [HOUR, 2 * HOUR]);
        assert_eq!(Vec::from_iter(hours_touched(2 * HOUR - 1, 2 * HOUR)), [HOUR, 2 * HOUR]);
    }
}
