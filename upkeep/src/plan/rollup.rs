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

/// When somebody other than the agent looks after a stream's hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Now, UTC milliseconds.
    pub now_ms: u64,
    /// Earlier hours are left alone.
    pub from_ms: u64,
    /// So long after its end, and after the last segment that came to it, an hour is its agent's own
    /// affair, milliseconds.
    pub grace_ms: u64,
}

/// The hours whose agent will not roll them any more: due, over for longer than the grace, and quiet
/// for as long.
pub fn abandoned(segments: &[Entry], indexes: &[Entry], watch: Watch) -> BTreeSet<u64> {
    let quiet_since = watch.now_ms.saturating_sub(watch.grace_ms);
    let newest = newest(segments);
    let is_quiet = |hour: &u64| {
        let stored = newest.get(hour).copied().unwrap_or_default();
        u64::try_from(stored).unwrap_or_default() <= quiet_since
    };
    due(segments, indexes, watch.from_ms, quiet_since).into_iter().filter(is_quiet).collect()
}

/// The hours that a segment of `after` may be told of by that `before` did not have.
pub fn grown(before: &[Entry], after: &[Entry]) -> BTreeSet<u64> {
    let known: BTreeSet<_> = before.iter().map(|entry| entry.id).collect();
    let new = after.iter().filter(|entry| !known.contains(&entry.id));
    new.flat_map(|entry| may_touch(entry.id.first_ms)).collect()
}

/// The hours that a segment may be told of by. It may reach into the next one; only its manifest
/// tells.
fn may_touch(first_ms: u64) -> impl Iterator<Item = u64> {
    hours_touched(first_ms, first_ms.saturating_add(MAX_SPAN_MS))
}

/// When the store took the last segment of each hour.
fn newest(segments: &[Entry]) -> BTreeMap<u64, i64> {
    let mut newest: BTreeMap<u64, i64> = BTreeMap::new();
    for segment in segments {
        for hour in may_touch(segment.id.first_ms) {
            let stored = newest.entry(hour).or_insert(segment.modified_ms);
            *stored = (*stored).max(segment.modified_ms);
        }
    }
    newest
}

/// The hours from `from_ms` on that are over at `now_ms` and whose index is missing, or was stored
/// before one of their segments.
pub fn due(segments: &[Entry], indexes: &[Entry], from_ms: u64, now_ms: u64) -> BTreeSet<u64> {
    let newest = newest(segments);
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
    fn an_hour_is_its_agents_own_until_it_was_quiet_for_the_grace() {
        let segments = [
            entry(HOUR + 5, 1, HOUR + 6),
            entry(2 * HOUR + 5, 1, 4 * HOUR),
            entry(3 * HOUR + 5, 1, 3 * HOUR + 6),
        ];
        let abandoned = |now_ms, indexes: &[Entry]| {
            let watch = Watch { now_ms, from_ms: 0, grace_ms: 100 };
            Vec::from_iter(abandoned(&segments, indexes, watch))
        };
        assert_eq!(abandoned(2 * HOUR + 99, &[]), [] as [u64; 0]);
        assert_eq!(abandoned(2 * HOUR + 100, &[]), [HOUR]);
        // Hour 2 got a segment two hours late, just when hour 3 ended.
        assert_eq!(abandoned(4 * HOUR + 99, &[]), [HOUR]);
        assert_eq!(abandoned(4 * HOUR + 100, &[]), [HOUR, 2 * HOUR, 3 * HOUR]);
        let told = [1, 2, 3].map(|hour| entry(hour * HOUR, 0, 5 * HOUR));
        assert_eq!(abandoned(9 * HOUR, &told), [] as [u64; 0]);
        let watch = Watch { now_ms: 9 * HOUR, from_ms: 3 * HOUR, grace_ms: 100 };
        assert_eq!(Vec::from_iter(super::abandoned(&segments, &[], watch)), [3 * HOUR]);
    }

    #[test]
    fn hours_grow_by_the_segments_that_came() {
        let before = [entry(HOUR, 1, 0), entry(2 * HOUR, 1, 0)];
        let after = [before[1], entry(4 * HOUR - 1, 1, 0), entry(5 * HOUR, 1, 0)];
        assert_eq!(Vec::from_iter(grown(&before, &before)), [] as [u64; 0]);
        assert_eq!(Vec::from_iter(grown(&before, &after)), [3 * HOUR, 4 * HOUR, 5 * HOUR]);
    }

    #[test]
    fn a_segment_near_the_end_of_an_hour_may_reach_into_the_next() {
        let segments = [entry(2 * HOUR - 1_000, 1, 0)];
        let due = Vec::from_iter(due(&segments, &[], 0, 9 * HOUR));
        assert_eq!(due, [HOUR, 2 * HOUR]);
        assert_eq!(Vec::from_iter(hours_touched(2 * HOUR - 1, 2 * HOUR)), [HOUR, 2 * HOUR]);
    }
}
