//! The audit of a stream's structure: what its manifests promise, held against what is there.

use std::collections::{HashMap, HashSet};

use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::time::HOUR_MS;
use deskreel_format::{PackRef, SegmentId, StreamName};
use serde::Serialize;

use super::LEASE_MS;
use super::WINDOW_MS;
use super::facts::Facts;

/// So long after a segment came, milliseconds, the index of its hour has to tell of it.
const SETTLED_MS: u64 = 600_000;

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// An object under the stream's prefix whose key is none of ours.
    ForeignKey,
    /// An object that does not decode, or is not the one that its key names.
    Unreadable,
    /// A moment that can still be shown refers to an object that is not there.
    MissingObject,
    /// A reference to bytes that are no pack of the object, or to a pack of other size.
    WrongPack,
    /// A reference to a pack that was too old when the moment was recorded.
    LeaseBroken,
    /// Moments of one writer in segments that overlap.
    TimesOverlap,
    /// A segment that is longer than readers look back.
    SpanTooLong,
    /// An index that tells of a moment which no segment has.
    IndexInvents,
    /// An index that is silent about a moment of its hour: readers that trust it do not show that.
    IndexLacks,
    /// A pack that does not decode.
    DamagedPack,
    /// A moment whose pixels are not those that were captured.
    Inexact,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which promise.
    pub fault: Fault,
    /// Key of the object that breaks it.
    pub object: String,
    /// The moment concerned, UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// What is wrong, for a person.
    pub what: String,
}

/// A stream as read: everything that could be decoded, and the ids of all that is there.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Whose objects they are.
    pub stream: &'a StreamName,
    /// Its segments, by id.
    pub segments: &'a [Facts],
    /// Segments that are there and could not be decoded.
    pub unreadable: &'a [SegmentId],
    /// Its indexes.
    pub indexes: &'a [Facts],
    /// The objects of the commons that it refers to.
    pub commons: &'a [Facts],
}

/// Everything that is wrong with the structure of a stream at `now_ms`, in the order of objects.
/// Whether a reference resolves matters only for moments that can still be shown.
pub fn audit(seen: Seen<'_>, now_ms: u64) -> Vec<Problem> {
    let Seen { stream, segments, unreadable, indexes, commons } = seen;
    let places = Places {
        stream,
        oldest_shown: now_ms.saturating_sub(WINDOW_MS),
        own: segments
            .iter()
            .chain(commons)
            .map(|s| (s.entry.id, s.own.iter().copied().collect()))
            .collect(),
        unreadable: unreadable.iter().copied().collect(),
    };
    let mut problems = Vec::new();
    let mut last_of: HashMap<u32, (u64, SegmentId)> = HashMap::new();
    for segment in segments {
        let key = stream.segment_key(segment.entry.id);
        places.check(segment, &key, &mut problems);
        check_times(segment, stream, &key, &mut last_of, &mut problems);
    }
    let known: HashSet<u64> = segments.iter().flat_map(|s| &s.moments).copied().collect();
    for index in indexes {
        let key = stream.index_key(index.entry.id.first_ms);
        places.check(index, &key, &mut problems);
        let told = index.moments.iter().chain(&index.listed);
        let shown = told.filter(|time| **time >= places.oldest_shown);
        if let Some(time) = shown.filter(|time| !known.contains(time)).min() {
            problems.push(Problem {
                fault: Fault::IndexInvents,
                object: key,
                time_ms: Some(*time),
                what: "it tells of a moment that no segment has; delete the index".to_owned(),
            });
        }
        problems.extend(lacks(index, segments, &places, now_ms));
    }
    problems
}

/// What an index should tell of and does not, although the segment has been there for a while: whoever
/// stores a segment late writes the index of its hour anew right after.
fn lacks(index: &Facts, segments: &[Facts], places: &Places<'_>, now_ms: u64) -> Option<Problem> {
    let hour = index.entry.id.first_ms..index.entry.id.first_ms + HOUR_MS;
    let told: HashSet<u64> = index.moments.iter().copied().collect();
    let settled_ms = now_ms.saturating_sub(SETTLED_MS);
    let settled =
        segments.iter().filter(|s| u64::try_from(s.entry.modified_ms).unwrap_or(0) < settled_ms);
    let moments = settled.flat_map(|s| &s.moments).filter(|time| {
        hour.contains(time) && **time >= places.oldest_shown && !told.contains(time)
    });
    moments.min().map(|time| Problem {
        fault: Fault::IndexLacks,
        object: places.stream.index_key(index.entry.id.first_ms),
        time_ms: Some(*time),
        what: "it is silent about a moment that a segment has; `deskreel admin reindex` writes it anew"
            .to_owned(),
    })
}

struct Places<'a> {
    stream: &'a StreamName,
    oldest_shown: u64,
    own: HashMap<SegmentId, HashSet<PackRef>>,
    unreadable: HashSet<SegmentId>,
}

impl Places<'_> {
    /// Every reference of `facts`, the manifest of the object `key`.
    fn check(&self, facts: &Facts, key: &str, problems: &mut Vec<Problem>) {
        let mut problem = |fault, time_ms, what| {
            let object = key.to_owned();
            problems.push(Problem { fault, object, time_ms: Some(time_ms), what });
        };
        for shown in &facts.uses {
            let PackRef { segment, offset, len, tiles } = shown.pack;
            let target = self.stream.segment_key(segment);
            let age_ms = shown.last_ms.saturating_sub(segment.first_ms);
            if age_ms >= LEASE_MS {
                let hours = age_ms as f64 / 3.6e6;
                let what = format!("it shows a tile of '{target}', {hours:.2} h older than itself");
                problem(Fault::LeaseBroken, shown.last_ms, what);
            }
            if shown.last_ms < self.oldest_shown {
                continue;
            }
            match self.own.get(&segment) {
                Some(own) if own.contains(&shown.pack) => {}
                Some(_) => {
                    let what = format!(
                        "it refers to {tiles} tiles in bytes {offset}+{len} of '{target}', which \
                         has no such pack"
                    );
                    problem(Fault::WrongPack, shown.last_ms, what);
                }
                None if self.unreadable.contains(&segment) => {
                    let what = format!("it shows tiles of '{target}', which cannot be read");
                    problem(Fault::WrongPack, shown.last_ms, what);
                }
                None => {
                    let what = format!("it shows tiles of '{target}', which is not there");
                    problem(Fault::MissingObject, shown.last_ms, what);
                }
            }
        }
    }
}

fn check_times(
    segment: &Facts,
    stream: &StreamName,
    key: &str,
    last_of: &mut HashMap<u32, (u64, SegmentId)>,
    problems: &mut Vec<Problem>,
) {
    let id = segment.entry.id;
    let Some(last_ms) = segment.last_ms() else { return };
    if let Some((before_ms, before)) = last_of.get(&id.writer)
        && *before_ms >= id.first_ms
    {
        problems.push(Problem {
            fault: Fault::TimesOverlap,
            object: key.to_owned(),
            time_ms: segment.moments.first().copied(),
            what: format!("it begins before the end of '{}'", stream.segment_key(*before)),
        });
    }
    last_of.insert(id.writer, (last_ms, id));
    let span_ms = last_ms.saturating_sub(id.first_ms);
    if span_ms > MAX_SPAN_MS {
        problems.push(Problem {
            fault: Fault::SpanTooLong,
            object: key.to_owned(),
            time_ms: Some(last_ms),
            what: format!("it spans {span_ms} ms; readers look back {MAX_SPAN_MS} ms at most"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::made::{id, pack, segment};
    use super::*;

    fn faults(segments: &[Facts], indexes: &[Facts], now_ms: u64) -> Vec<(Fault, Option<u64>)> {
        let stream = StreamName::parse("desk").unwrap();
        let seen = Seen { stream: &stream, segments, unreadable: &[id(77)], indexes, commons: &[] };
        audit(seen, now_ms).into_iter().map(|problem| (problem.fault, problem.time_ms)).collect()
    }

    #[test]
    fn a_stream_that_keeps_its_promises_has_no_problem() {
        let segments = [segment(10, &[10, 20], &[]), segment(30, &[30], &[10])];
        let mut index = segment(0, &[10, 20], &[10]);
        index.uses.retain(|shown| shown.pack == pack(10));
        assert_eq!(faults(&segments, &[index], 40), []);
    }

    #[test]
    fn a_missing_object_matters_only_while_the_moment_can_be_shown() {
        let segments = [segment(30, &[30, 40], &[10])];
        assert_eq!(faults(&segments, &[], 50), [(Fault::MissingObject, Some(40))]);
        assert_eq!(faults(&segments, &[], 40 + WINDOW_MS), [(Fault::MissingObject, Some(40))]);
        assert_eq!(faults(&segments, &[], 41 + WINDOW_MS), []);
    }

    #[test]
    fn another_range_tile_count_or_an_unreadable_object_is_a_wrong_pack() {
        let spoil: [fn(&mut PackRef); 3] = [|p| p.offset += 1, |p| p.len -= 1, |p| p.tiles += 1];
        for spoil in spoil {
            let mut segments = [segment(10, &[10], &[]), segment(30, &[30], &[10])];
            spoil(&mut segments[1].uses[0].pack);
            assert_eq!(faults(&segments, &[], 50), [(Fault::WrongPack, Some(30))]);
        }
        let segments = [segment(80, &[80], &[77])];
        assert_eq!(faults(&segments, &[], 90), [(Fault::WrongPack, Some(80))]);
    }

    #[test]
    fn the_lease_ends_after_exactly_a_day() {
        let at = |late: u64| {
            let time = 10 + LEASE_MS + late;
            [segment(10, &[10], &[]), segment(time, &[time], &[10])]
        };
        let mut kept = at(0);
        kept[1] = segment(9 + LEASE_MS, &[9 + LEASE_MS], &[10]);
        assert_eq!(faults(&kept, &[], 50), []);
        assert_eq!(faults(&at(0), &[], 50), [(Fault::LeaseBroken, Some(10 + LEASE_MS))]);
    }

    #[test]
    fn overlaps_of_one_writer_and_long_spans_are_told() {
        let segments = [segment(10, &[10, 30], &[]), segment(30, &[30], &[])];
        assert_eq!(faults(&segments, &[], 50), [(Fault::TimesOverlap, Some(30))]);
        let long = 11 + MAX_SPAN_MS;
        let segments = [segment(10, &[10, long], &[])];
        assert_eq!(faults(&segments, &[], 50), [(Fault::SpanTooLong, Some(long))]);
    }

    #[test]
    fn an_index_must_not_tell_of_what_no_segment_has() {
        let segments = [segment(10, &[10], &[])];
        let mut index = segment(0, &[10, 25], &[10]);
        index.uses.retain(|shown| shown.pack == pack(10));
        assert_eq!(faults(&segments, &[index], 50), [(Fault::IndexInvents, Some(25))]);
    }

    #[test]
    fn an_index_must_tell_of_every_moment_of_its_hour_that_came_long_ago() {
        let mut segments = [segment(10, &[10], &[]), segment(20, &[20], &[])];
        let next_hour = segment(HOUR_MS + 5, &[HOUR_MS + 5], &[]);
        let mut index = segment(0, &[10], &[10]);
        index.uses.retain(|shown| shown.pack == pack(10));
        let at = |segments: &[Facts], now_ms| {
            let all: Vec<Facts> = segments.iter().chain([&next_hour]).cloned().collect();
            faults(&all, &[index.clone()], now_ms)
        };
        let late = 3 * SETTLED_MS;
        assert_eq!(at(&segments[..1], late), []);
        assert_eq!(at(&segments, late), [(Fault::IndexLacks, Some(20))]);
        // Just stored, whenever it was taken.
        segments[1].entry.modified_ms = (late - SETTLED_MS) as i64;
        assert_eq!(at(&segments, late), []);
        // Nobody can see it any more.
        segments[1].entry.modified_ms = 0;
        assert_eq!(at(&segments, 21 + WINDOW_MS), []);
    }
}
