//! Which segments must be written anew so that some moments are as if never recorded.
//!
//! Segments never change (readers keep them), so a segment that must lose something is replaced: by
//! one with another id, its *heir*. Whatever refers to a replaced segment is replaced too. An heir's
//! id is greater than that of the segment it replaces, so while both are there readers take the
//! moments of the heir (FORMAT.md, "Merging"); and it follows from the old id and the range alone, so
//! an interrupted run is taken up where it stopped.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use deskreel_format::SegmentId;
use deskreel_format::storyboard::STORYBOARD_SPAN_MS;

use super::facts::{Entry, Facts};

/// A segment that goes, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The segment that goes.
    pub old: SegmentId,
    /// Its heir; `None` when nothing of it stays.
    pub heir: Option<SegmentId>,
    /// How many of its moments are forgotten.
    pub forgotten: usize,
    /// How many are kept.
    pub kept: usize,
}

/// What to do so that a range of time is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForgetPlan {
    /// In an order in which each segment comes after those that it refers to: heirs are written in
    /// this order, and what they replace is deleted in the reverse.
    pub replacements: Vec<Replacement>,
    /// Hours (their starts) whose indexes tell of forgotten moments or of replaced segments.
    pub indexes: Vec<u64>,
    /// Storyboards that may show a forgotten moment. They go whole: pictures cannot be cut out of one.
    pub storyboards: Vec<SegmentId>,
}

/// The storyboards, out of these, that may show a moment of a range.
pub fn storyboards_of(entries: &[Entry], range: &Range<u64>) -> Vec<SegmentId> {
    let shows = |id: &SegmentId| {
        id.first_ms < range.end && id.first_ms.saturating_add(STORYBOARD_SPAN_MS) > range.start
    };
    entries.iter().map(|entry| entry.id).filter(shows).collect()
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgetError {
    /// Segments that refer to each other in a circle cannot be written in any order.
    #[error("segment {id} refers to itself through others; `deskreel verify` tells more")]
    Circle {
        /// One of them.
        id: SegmentId,
    },
    /// There is no id above the segment's own for its heir.
    #[error("segment {id} has the last writer number there is; wait until it expires")]
    NoHeir {
        /// Which segment.
        id: SegmentId,
    },
}

/// Plans to forget the moments in `range`.
///
/// # Errors
/// [`ForgetError`] for streams that no agent writes.
pub fn plan(
    segments: &[Facts],
    indexes: &[Facts],
    range: &Range<u64>,
) -> Result<ForgetPlan, ForgetError> {
    let replaced = replaced(segments, range);
    let by_id: BTreeMap<SegmentId, &Facts> = segments
        .iter()
        .filter(|s| replaced.contains(&s.entry.id))
        .map(|s| (s.entry.id, s))
        .collect();
    let replacements = in_order(&by_id)?.into_iter().map(|id| replace(by_id[&id], range));
    let stale = indexes
        .iter()
        .filter(|index| holds(index, range) || index.refers.iter().any(|id| replaced.contains(id)));
    Ok(ForgetPlan {
        replacements: replacements.collect::<Result<_, _>>()?,
        indexes: stale.map(|index| index.entry.id.first_ms).collect(),
        storyboards: Vec::new(),
    })
}

/// Whether a manifest holds or lists a moment in `range`.
fn holds(facts: &Facts, range: &Range<u64>) -> bool {
    facts.moments.iter().chain(&facts.listed).any(|time| range.contains(time))
}

/// The segments that tell of the range, and all that refer to those, directly or not.
fn replaced(segments: &[Facts], range: &Range<u64>) -> HashSet<SegmentId> {
    let mut referrers: HashMap<SegmentId, Vec<SegmentId>> = HashMap::new();
    for segment in segments {
        for target in &segment.refers {
            referrers.entry(*target).or_default().push(segment.entry.id);
        }
    }
    let mut next: Vec<SegmentId> =
        segments.iter().filter(|s| holds(s, range)).map(|s| s.entry.id).collect();
    let mut replaced = HashSet::new();
    while let Some(id) = next.pop() {
        if replaced.insert(id) {
            next.extend(referrers.get(&id).into_iter().flatten());
        }
    }
    replaced
}

/// The ids so that each comes after those that it refers to, smallest first otherwise.
fn in_order(segments: &BTreeMap<SegmentId, &Facts>) -> Result<Vec<SegmentId>, ForgetError> {
    let mut waits: HashMap<SegmentId, usize> = HashMap::new();
    let mut frees: HashMap<SegmentId, Vec<SegmentId>> = HashMap::new();
    for (id, facts) in segments {
        let needed = facts.refers.iter().filter(|target| segments.contains_key(target));
        waits.insert(*id, needed.clone().count());
        needed.for_each(|target| frees.entry(*target).or_default().push(*id));
    }
    let mut ready: BTreeSet<SegmentId> =
        waits.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::new();
    while let Some(id) = ready.pop_first() {
        order.push(id);
        for freed in frees.get(&id).into_iter().flatten() {
            if let Some(count) = waits.get_mut(freed) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*freed);
                }
            }
        }
    }
    let done: HashSet<&SegmentId> = order.iter().collect();
    match segments.keys().find(|id| !done.contains(id)) {
        Some(id) => Err(ForgetError::Circle { id: *id }),
        None => Ok(order),
    }
}

fn replace(facts: &Facts, range: &Range<u64>) -> Result<Replacement, ForgetError> {
    let old = facts.entry.id;
    let forgotten = facts.moments_in(range);
    let kept = facts.moments.len() - forgotten;
    let first_kept = facts.moments.iter().find(|time| !range.contains(time)).copied();
    // The key must not tell of a forgotten moment either.
    let first_ms = match first_kept {
        Some(time) if facts.moments.first() != Some(&time) => time,
        _ => old.first_ms,
    };
    // Absences are no moments and stay, so a segment that has nothing else has an heir too.
    let needed = kept > 0 || facts.absences > 0;
    let heir = needed.then(|| heir(old, first_ms, range)).transpose()?;
    Ok(Replacement { old, heir, forgotten, kept })
}

/// An id greater than `old`, the same for the same range. All heirs of one run of an agent share a
/// writer, as their segments did: readers look no further once a writer's newest segment is found.
fn heir(old: SegmentId, first_ms: u64, range: &Range<u64>) -> Result<SegmentId, ForgetError> {
    let text = format!("heir without {}..{}", range.start, range.end);
    let hash = blake3::hash(text.as_bytes());
    // Small steps leave room for many heirs of heirs.
    let step = u32::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) + 1;
    let writer = old.writer.checked_add(step).ok_or(ForgetError::NoHeir { id: old })?;
    Ok(SegmentId { first_ms, writer })
}

#[cfg(test)]
mod tests {
    use super::super::facts::made::{id, segment};
    use super::*;
    use proptest::prelude::*;

    fn planned(segments: &[Facts], range: Range<u64>) -> Vec<(u64, usize, usize)> {
        let plan = plan(segments, &[], &range).unwrap();
        plan.replacements.iter().map(|r| (r.old.first_ms, r.forgotten, r.kept)).collect()
    }

    #[test]
    fn what_tells_of_the_range_and_whatever_refers_to_it_is_replaced() {
        let segments = [
            segment(10, &[10], &[]),
            segment(20, &[20, 25], &[10]),
            segment(30, &[30], &[10]),
            segment(40, &[40], &[20]),
            segment(50, &[50], &[40]),
        ];
        assert_eq!(planned(&segments, 25..26), [(20, 1, 1), (40, 0, 1), (50, 0, 1)]);
        assert_eq!(planned(&segments, 26..30), []);
        assert_eq!(planned(&segments, 30..31), [(30, 1, 0)]);
    }

    #[test]
    fn a_summary_that_lists_a_forgotten_moment_is_replaced_too() {
        let mut lists = segment(40, &[40], &[]);
        lists.listed = vec![30];
        assert_eq!(planned(&[segment(30, &[30], &[]), lists], 30..31), [(30, 1, 0), (40, 0, 1)]);
    }

    #[test]
    fn heirs_have_greater_ids_and_keys_that_tell_of_kept_moments_only() {
        let segments = [segment(20, &[20, 25], &[]), segment(30, &[30], &[20])];
        let plan = plan(&segments, &[], &(20..25)).unwrap();
        let heirs: Vec<SegmentId> = plan.replacements.iter().filter_map(|r| r.heir).collect();
        assert_eq!(heirs.iter().map(|id| id.first_ms).collect::<Vec<_>>(), [25, 30]);
        assert!(heirs[1] > id(30) && heirs[1].writer == heirs[0].writer);
        let other = super::plan(&segments, &[], &(20..24)).unwrap();
        assert_ne!(other.replacements[1].heir, Some(heirs[1]));
    }

    #[test]
    fn a_segment_whose_writer_number_is_the_last_has_no_heir() {
        let mut last = segment(20, &[20], &[]);
        last.entry.id.writer = u32::MAX;
        last.listed = vec![5];
        let refused = plan(&[last.clone()], &[], &(5..6));
        assert_eq!(refused, Err(ForgetError::NoHeir { id: last.entry.id }));
    }

    #[test]
    fn references_to_later_times_are_written_in_the_order_of_need() {
        // The clock jumped back: 40 was stored before 30.
        let segments =
            [segment(20, &[20], &[]), segment(30, &[30], &[40]), segment(40, &[40], &[20])];
        let order: Vec<u64> = planned(&segments, 20..21).iter().map(|r| r.0).collect();
        assert_eq!(order, [20, 40, 30]);
        let circle = [segment(30, &[30], &[40]), segment(40, &[40], &[30])];
        assert_eq!(plan(&circle, &[], &(30..31)), Err(ForgetError::Circle { id: id(30) }));
    }

    #[test]
    fn indexes_that_tell_of_forgotten_moments_or_replaced_segments_go() {
        let segments = [segment(20, &[20], &[]), segment(30, &[30], &[20])];
        let index = |hour: u64, listed: &[u64], refers: &[u64]| {
            let mut index = segment(hour, &[], refers);
            index.listed = listed.to_vec();
            index
        };
        let indexes = [
            index(0, &[20], &[]),
            index(1, &[], &[30]),
            index(2, &[29], &[10]),
            index(3, &[], &[]),
        ];
        assert_eq!(plan(&segments, &indexes, &(20..21)).unwrap().indexes, [0, 1]);
    }

    proptest! {
        #[test]
        fn no_kept_segment_refers_to_a_replaced_one_and_order_respects_need(
            links in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..40),
            from in 0_u64..400, len in 0_u64..100,
        ) {
            let mut stream: Vec<Facts> = Vec::new();
            for (n, picks) in links.iter().enumerate() {
                let at = n as u64 * 10;
                let shows: BTreeSet<u64> =
                    picks.iter().filter(|_| n > 0).map(|p| p.index(n) as u64 * 10).collect();
                stream.push(segment(at, &[at, at + 5], &shows.into_iter().collect::<Vec<_>>()));
            }
            let range = from..from + len;
            let plan = plan(&stream, &[], &range).unwrap();
            let place: HashMap<SegmentId, usize> =
                plan.replacements.iter().enumerate().map(|(n, r)| (r.old, n)).collect();
            for facts in &stream {
                let own = place.get(&facts.entry.id);
                prop_assert!(own.is_some() || facts.moments_in(&range) == 0);
                for target in &facts.refers {
                    match (own, place.get(target)) {
                        (None, Some(_)) => prop_assert!(false, "a kept one refers to a replaced one"),
                        (Some(own), Some(target)) => prop_assert!(target < own),
                        _ => {}
                    }
                }
            }
            let heirs: HashSet<SegmentId> = plan.replacements.iter().filter_map(|r| r.heir).collect();
            prop_assert!(stream.iter().all(|facts| !heirs.contains(&facts.entry.id)));
        }
    }
}
