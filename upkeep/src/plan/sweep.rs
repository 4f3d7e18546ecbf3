//! Which segments and indexes may go: mark and sweep over manifests.

use std::collections::HashSet;

use deskreel_format::SegmentId;
use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::storyboard::STORYBOARD_SPAN_MS;
use deskreel_format::time::HOUR_MS;
use serde::Serialize;

use super::facts::{Entry, Facts};
use super::{LIFETIME_MS, WINDOW_MS};

/// How a sweep judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepRule {
    /// The present, UTC milliseconds.
    pub now_ms: u64,
    /// Objects younger than this stay. A segment may also be so late on its way to the bucket: what
    /// it could refer to stays as well.
    pub grace_ms: u64,
}

impl SweepRule {
    /// Moments from here on are kept, and all that they refer to.
    fn kept_from(&self) -> u64 {
        self.now_ms.saturating_sub(WINDOW_MS).saturating_sub(self.grace_ms)
    }

    fn in_grace(&self, entry: &Entry) -> bool {
        u64::try_from(entry.modified_ms)
            .is_ok_and(|stored_ms| stored_ms.saturating_add(self.grace_ms) > self.now_ms)
    }
}

/// Why an object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its moments are too old to be shown, and none that can be shown needs its tiles.
    Unneeded,
    /// It is so old that nothing may refer to it.
    Expired,
}

/// An object that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doomed {
    /// Which.
    pub entry: Entry,
    /// Why.
    pub reason: Reason,
}

/// What a sweep deletes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SweepPlan {
    /// Segments, oldest first.
    pub segments: Vec<Doomed>,
    /// Indexes, oldest first.
    pub indexes: Vec<Doomed>,
    /// Storyboards, oldest first.
    pub storyboards: Vec<Doomed>,
    /// Objects that stay.
    pub kept: usize,
}

impl SweepPlan {
    /// Adds the storyboards that are too old to be shown: nothing refers to them.
    pub fn add_storyboards(&mut self, entries: &[Entry], rule: SweepRule) {
        for entry in entries {
            let end_ms = entry.id.first_ms.saturating_add(STORYBOARD_SPAN_MS);
            if end_ms <= rule.kept_from() && !rule.in_grace(entry) {
                self.storyboards.push(Doomed { entry: *entry, reason: Reason::Unneeded });
            } else {
                self.kept += 1;
            }
        }
    }

    /// All that goes.
    pub fn doomed(&self) -> impl Iterator<Item = &Doomed> {
        self.segments.iter().chain(&self.indexes).chain(&self.storyboards)
    }
}

/// Decides what goes. `unreadable` are segments that are there and could not be decoded: while one
/// of them may hold moments that are kept, its references are unknown and only what has expired goes.
///
/// Deleting any part of a plan leads, planned again, to the same end: what goes depends only on what
/// stays.
pub fn plan(
    segments: &[Facts],
    unreadable: &[Entry],
    indexes: &[Entry],
    rule: SweepRule,
) -> SweepPlan {
    let kept_from = rule.kept_from();
    let expired_before = rule.now_ms.saturating_sub(LIFETIME_MS).saturating_sub(rule.grace_ms);
    let ends_before = |entry: &Entry, time: u64| {
        entry.id.first_ms.saturating_add(MAX_SPAN_MS) < time && !rule.in_grace(entry)
    };
    let blind = unreadable.iter().any(|entry| !ends_before(entry, kept_from));
    let marked: HashSet<SegmentId> = segments
        .iter()
        .flat_map(|segment| &segment.uses)
        .filter(|shown| shown.last_ms >= kept_from)
        .map(|shown| shown.pack.segment)
        .collect();
    let mut plan = SweepPlan::default();
    for segment in segments {
        let last_ms = segment.last_ms().unwrap_or(segment.entry.id.first_ms);
        let reason = if rule.in_grace(&segment.entry) || last_ms >= kept_from {
            None
        } else if last_ms < expired_before {
            Some(Reason::Expired)
        } else {
            let unneeded = !blind && !marked.contains(&segment.entry.id);
            unneeded.then_some(Reason::Unneeded)
        };
        match reason {
            Some(reason) => plan.segments.push(Doomed { entry: segment.entry, reason }),
            None => plan.kept += 1,
        }
    }
    for entry in unreadable {
        if ends_before(entry, expired_before) {
            plan.segments.push(Doomed { entry: *entry, reason: Reason::Expired });
        } else {
            plan.kept += 1;
        }
    }
    plan.segments.sort_by_key(|doomed| doomed.entry.id);
    for entry in indexes {
        let over = entry.id.first_ms.saturating_add(HOUR_MS) <= kept_from;
        if over && !rule.in_grace(entry) {
            plan.indexes.push(Doomed { entry: *entry, reason: Reason::Unneeded });
        } else {
            plan.kept += 1;
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::super::facts::made::{id, segment};
    use super::*;
    use proptest::prelude::*;

    const GRACE: u64 = HOUR_MS;
    const NOW: u64 = 1_000 * HOUR_MS;
    /// The oldest moment that is kept.
    const EDGE: u64 = NOW - WINDOW_MS - GRACE;
    const RULE: SweepRule = SweepRule { now_ms: NOW, grace_ms: GRACE };

    fn doomed(segments: &[Facts], unreadable: &[Entry]) -> Vec<u64> {
        let plan = plan(segments, unreadable, &[], RULE);
        plan.segments.iter().map(|doomed| doomed.entry.id.first_ms).collect()
    }

    #[test]
    fn a_storyboard_goes_once_none_of_it_can_be_shown() {
        let entry = |first_ms| segment(first_ms, &[first_ms], &[]).entry;
        let gone = entry(EDGE - STORYBOARD_SPAN_MS);
        let mut late = gone;
        late.modified_ms = NOW as i64;
        let mut plan = SweepPlan::default();
        plan.add_storyboards(&[gone, late, entry(EDGE - STORYBOARD_SPAN_MS + 1)], RULE);
        assert_eq!(plan.doomed().map(|doomed| doomed.entry).collect::<Vec<_>>(), [gone]);
        assert_eq!(plan.kept, 2);
    }

    #[test]
    fn a_segment_goes_when_its_last_moment_does_and_nothing_kept_needs_it() {
        assert_eq!(doomed(&[segment(EDGE - 20, &[EDGE - 20, EDGE - 1], &[])], &[]), [EDGE - 20]);
        assert!(doomed(&[segment(EDGE - 20, &[EDGE - 20, EDGE], &[])], &[]).is_empty());
    }

    #[test]
    fn what_a_kept_moment_shows_stays_and_what_only_an_old_one_shows_goes() {
        let old = segment(EDGE - 50, &[EDGE - 50], &[]);
        let needed = segment(EDGE - 40, &[EDGE - 40], &[EDGE - 50]);
        let kept = segment(EDGE, &[EDGE], &[EDGE - 40]);
        assert_eq!(doomed(&[old, needed, kept], &[]), [EDGE - 50]);
    }

    #[test]
    fn a_segment_that_arrived_late_is_in_its_grace_period() {
        let mut late = segment(EDGE - 50, &[EDGE - 50], &[]);
        late.entry.modified_ms = (NOW - GRACE + 1) as i64;
        assert!(doomed(&[late.clone()], &[]).is_empty());
        late.entry.modified_ms -= 1;
        assert_eq!(doomed(&[late], &[]), [EDGE - 50]);
    }

    #[test]
    fn while_a_young_segment_cannot_be_read_only_what_has_expired_goes() {
        let expired = NOW - LIFETIME_MS - GRACE - 1;
        let segments = [segment(expired, &[expired], &[]), segment(EDGE - 50, &[EDGE - 50], &[])];
        let young = Entry { id: id(NOW - HOUR_MS), size: 9, modified_ms: 0 };
        assert_eq!(doomed(&segments, &[]), [expired, EDGE - 50]);
        assert_eq!(doomed(&segments, &[young]), [expired]);
        let old = Entry { id: id(expired - MAX_SPAN_MS), size: 9, modified_ms: 0 };
        assert_eq!(doomed(&segments, &[old]), [expired - MAX_SPAN_MS, expired, EDGE - 50]);
    }

    #[test]
    fn an_index_goes_when_its_hour_does() {
        let hour =
            |first_ms| Entry { id: SegmentId { first_ms, writer: 0 }, size: 1, modified_ms: 0 };
        let over = EDGE - HOUR_MS;
        let plan = plan(&[], &[], &[hour(over), hour(over + HOUR_MS)], RULE);
        assert_eq!(plan.indexes.len(), 1);
        assert_eq!(plan.indexes[0].entry.id.first_ms, over);
    }

    #[test]
    fn a_clock_that_stands_at_zero_deletes_nothing() {
        let rule = SweepRule { now_ms: 0, grace_ms: GRACE };
        let segments = [segment(0, &[0], &[]), segment(5, &[5], &[])];
        assert!(plan(&segments, &[], &[], rule).segments.is_empty());
    }

    /// Streams in which each segment shows some of those up to 24 h before it.
    fn streams() -> impl Strategy<Value = Vec<Facts>> {
        let steps = prop::collection::vec(
            (1_u64..200, prop::collection::vec(any::<prop::sample::Index>(), 0..4)),
            1..60,
        );
        steps.prop_map(|steps| {
            let mut facts: Vec<Facts> = Vec::new();
            let mut at = NOW - 60 * HOUR_MS;
            for (minutes, picks) in steps {
                at += minutes * 60_000;
                let leased = |first: &u64| at - first < WINDOW_MS;
                let near: Vec<u64> =
                    facts.iter().map(|f| f.entry.id.first_ms).filter(leased).collect();
                let shows: Vec<u64> = picks
                    .iter()
                    .filter(|_| !near.is_empty())
                    .map(|p| near[p.index(near.len())])
                    .collect();
                facts.push(segment(at, &[at, at + 10_000], &shows));
            }
            facts
        })
    }

    proptest! {
        #[test]
        fn nothing_that_can_be_shown_ever_loses_a_tile(stream in streams()) {
            let plan = plan(&stream, &[], &[], RULE);
            let gone: HashSet<SegmentId> = plan.segments.iter().map(|d| d.entry.id).collect();
            prop_assert_eq!(gone.len() + plan.kept, stream.len());
            for segment in &stream {
                let shown = segment.last_ms().unwrap() >= NOW - WINDOW_MS;
                prop_assert!(!shown || !gone.contains(&segment.entry.id));
                prop_assert!(!shown || segment.refers.iter().all(|id| !gone.contains(id)));
            }
        }

        #[test]
        fn a_sweep_interrupted_anywhere_and_run_again_ends_alike(stream in streams(), kept: u64) {
            let whole = plan(&stream, &[], &[], RULE);
            let gone = |plan: &SweepPlan| -> HashSet<SegmentId> {
                plan.segments.iter().map(|d| d.entry.id).collect()
            };
            let all = gone(&whole);
            // Any subset may have been deleted: batches go out in no order that we rely on.
            let first: HashSet<SegmentId> = all
                .iter()
                .enumerate()
                .filter(|(n, _)| kept >> (n % 64) & 1 == 0)
                .map(|(_, id)| *id)
                .collect();
            let rest: Vec<Facts> =
                stream.iter().filter(|s| !first.contains(&s.entry.id)).cloned().collect();
            let second = gone(&plan(&rest, &[], &[], RULE));
            prop_assert_eq!(&first | &second, all);
        }
    }
}
