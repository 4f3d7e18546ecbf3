//! Looking moments up, before and after a time.

use std::collections::HashSet;

use deskreel_format::SegmentId;
use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::time::{HOUR_MS, hour_path};

use super::{REACH_MS, Segment, Timeline};
use crate::core::sheet::MomentKey;

/// The end of looking a moment up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It is this one.
    Found(MomentKey),
    /// The manifests of these segments must be read first.
    Unread(Vec<SegmentId>),
    /// This hour (`YYYY-MM-DD/HH`) must be listed first.
    Unlisted(String),
    /// There is none.
    Nothing,
}

impl Timeline {
    /// The newest moment at or before a time.
    pub fn at_or_before(&self, time_ms: u64) -> Lookup {
        let mut unread = Vec::new();
        let mut best: Option<MomentKey> = None;
        // A writer's segments follow each other: its newest one with a moment covers the older.
        let mut done: HashSet<u32> = HashSet::new();
        let reach_ms = time_ms.saturating_sub(REACH_MS);
        let last = SegmentId { first_ms: time_ms, writer: u32::MAX };
        for (id, segment) in self.segments.range(..=last).rev() {
            if id.first_ms < reach_ms && (best.is_some() || !unread.is_empty()) {
                // An index reaches further: to the end of its hour.
                if id.first_ms < time_ms.saturating_sub(HOUR_MS) {
                    break;
                } else if id.writer != INDEX_WRITER {
                    continue;
                }
            }
            if done.contains(&id.writer) {
                continue;
            }
            match segment {
                Segment::Listed => {
                    unread.push(*id);
                    done.insert(id.writer);
                }
                Segment::Read(times) => {
                    let count = times.partition_point(|time| *time <= time_ms);
                    if let Some(index) = count.checked_sub(1) {
                        let (segment, time_ms) = (*id, times[index]);
                        best = best.max(Some(MomentKey { time_ms, segment, index }));
                        done.insert(id.writer);
                    }
                }
                Segment::Unreadable => {}
            }
        }
        // An hour in which something newer may begin must be listed before this is the newest.
        let oldest_ms = unread.last().map(|id: &SegmentId| id.first_ms);
        let found_ms = best.map(|best| best.time_ms);
        let low_ms = found_ms.max(oldest_ms).map_or(0, |found_ms| found_ms.min(reach_ms));
        let (low, high) = (hour_path(low_ms), hour_path(time_ms));
        if let Some(hour) = self.unlisted.range(low..=high).next_back() {
            return Lookup::Unlisted(hour.clone());
        }
        end(best, unread)
    }

    /// The oldest moment after a time.
    pub fn after(&self, time_ms: u64) -> Lookup {
        let mut unread = Vec::new();
        let mut best: Option<MomentKey> = None;
        let mut consider = |id: &SegmentId, times: &[u64]| {
            let index = times.partition_point(|time| *time <= time_ms);
            if let Some(time_ms) = times.get(index).copied() {
                let key = MomentKey { time_ms, segment: *id, index };
                best = Some(best.map_or(key, |best| best.min(key)));
            }
            best
        };
        let here = SegmentId { first_ms: time_ms, writer: u32::MAX };
        let low_ms = time_ms.saturating_sub(REACH_MS);
        let index_ms = time_ms.saturating_sub(HOUR_MS);
        // Segments that began before may still hold moments after.
        let mut done: HashSet<u32> = HashSet::new();
        let first = SegmentId { first_ms: index_ms, writer: 0 };
        for (id, segment) in self.segments.range(first..=here).rev() {
            if id.first_ms < low_ms && id.writer != INDEX_WRITER {
                continue;
            }
            if !done.insert(id.writer) {
                continue;
            }
            match segment {
                Segment::Listed => unread.push(*id),
                Segment::Read(times) => {
                    consider(id, times);
                }
                Segment::Unreadable => {
                    done.remove(&id.writer);
                }
            }
        }
        let mut high_ms = None;
        let later = (std::ops::Bound::Excluded(here), std::ops::Bound::Unbounded);
        for (id, segment) in self.segments.range(later) {
            if consider(id, &[]).is_some_and(|best| best.time_ms <= id.first_ms) {
                break;
            }
            high_ms = Some(id.first_ms);
            match segment {
                Segment::Listed => {
                    unread.push(*id);
                    break;
                }
                Segment::Read(times) => {
                    consider(id, times);
                }
                Segment::Unreadable => {}
            }
        }
        let best = consider(&here, &[]);
        let high_ms = best.map(|best| best.time_ms).or(high_ms.filter(|_| !unread.is_empty()));
        let low = hour_path(low_ms);
        let mut unlisted = self.unlisted.range(low..);
        if let Some(hour) = unlisted.next()
            && high_ms.is_none_or(|high_ms| *hour <= hour_path(high_ms))
        {
            return Lookup::Unlisted(hour.clone());
        }
        end(best, unread)
    }
}

fn end(best: Option<MomentKey>, unread: Vec<SegmentId>) -> Lookup {
    match (best, unread.is_empty()) {
        (_, false) => Lookup::Unread(unread),
        (Some(key), true) => Lookup::Found(key),
        (None, true) => Lookup::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use deskreel_format::time::HOUR_MS;

    use super::*;
    use crate::core::timeline::tests::{T, id, timeline};

    fn found(lookup: &Lookup) -> Option<(u64, u32, usize)> {
        match lookup {
            Lookup::Found(key) => Some(((key.time_ms - T) / 1000, key.segment.writer, key.index)),
            _ => None,
        }
    }

    #[test]
    fn moments_are_found_before_and_after_any_time() {
        let timeline =
            timeline(&[(0, 1, Some(&[0, 10, 20])), (30, 1, Some(&[30, 40])), (90, 1, Some(&[90]))]);
        for (second, before, after) in [
            (0, Some((0, 1, 0)), Some((10, 1, 1))),
            (29, Some((20, 1, 2)), Some((30, 1, 0))),
            (30, Some((30, 1, 0)), Some((40, 1, 1))),
            (89, Some((40, 1, 1)), Some((90, 1, 0))),
            (90, Some((90, 1, 0)), None),
            (9999, Some((90, 1, 0)), None),
        ] {
            let time_ms = T + second * 1000;
            assert_eq!(found(&timeline.at_or_before(time_ms)), before, "before {second}");
            assert_eq!(found(&timeline.after(time_ms)), after, "after {second}");
        }
        assert_eq!(timeline.at_or_before(T - 1), Lookup::Nothing);
        assert_eq!(found(&timeline.after(0)), Some((0, 1, 0)));
    }

    #[test]
    fn writers_that_interleave_are_one_stream() {
        let timeline = timeline(&[(0, 1, Some(&[0, 20, 40])), (5, 2, Some(&[5, 15, 25, 35, 45]))]);
        let mut seen = Vec::new();
        let mut time_ms = T - 1;
        while let Lookup::Found(key) = timeline.after(time_ms) {
            time_ms = key.time_ms;
            seen.push((time_ms - T) / 1000);
            assert_eq!(timeline.at_or_before(time_ms), Lookup::Found(key));
        }
        assert_eq!(seen, [0, 5, 15, 20, 25, 35, 40, 45]);
    }

    #[test]
    fn what_is_unread_or_unlisted_and_in_the_way_is_asked_for() {
        let mut timeline = timeline(&[(0, 1, None), (60, 1, None), (120, 1, None), (70, 2, None)]);
        let at = |timeline: &Timeline, s: u64| timeline.at_or_before(T + s * 1000);
        assert_eq!(at(&timeline, 65), Lookup::Unread(vec![id(60, 1)]));
        assert_eq!(at(&timeline, 75), Lookup::Unread(vec![id(70, 2), id(60, 1)]));
        let after = timeline.after(T + 75_000);
        assert_eq!(after, Lookup::Unread(vec![id(70, 2), id(60, 1), id(120, 1)]));
        timeline.expect_hour(hour_path(T));
        timeline.expect_hour(hour_path(T + 5 * HOUR_MS));
        assert_eq!(at(&timeline, 65), Lookup::Unlisted(hour_path(T)));
        timeline.hour_listed(&hour_path(T));
        assert_eq!(at(&timeline, 65), Lookup::Unread(vec![id(60, 1)]));
        assert_eq!(at(&timeline, 86_400), Lookup::Unlisted(hour_path(T + 5 * HOUR_MS)));
        timeline.unreadable(id(60, 1));
        assert_eq!(at(&timeline, 65), Lookup::Unread(vec![id(0, 1)]));
    }

    #[test]
    fn an_hour_between_the_last_moment_and_the_time_asked_must_be_listed() {
        let mut timeline = timeline(&[(0, 1, Some(&[0]))]);
        timeline.expect_hour(hour_path(T + 3 * HOUR_MS));
        let lookup = timeline.at_or_before(T + 6 * HOUR_MS);
        assert_eq!(lookup, Lookup::Unlisted(hour_path(T + 3 * HOUR_MS)));
    }
}
