//! Which screenshots there are, as far as listings and manifests have told.
//!
//! A listing tells each segment's first moment, a manifest all of its moments. Looking a moment up
//! therefore has three ends: it is found, there is none, or something must be read first. The
//! answer never depends on what else happens to have been read.

mod gaps;
mod hours;
mod lookup;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::{Absence, AbsenceKind, MomentSummary, SegmentId};

pub use gaps::Gap;
pub use hours::{index_of, parse_hour};
pub use lookup::Lookup;

use deskreel_format::time::hour_start;

use super::sheet::Sheet;

/// How far back a segment may begin that still holds a moment.
pub const REACH_MS: u64 = deskreel_format::segment::MAX_SPAN_MS;

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Its key was listed.
    Listed,
    /// Its manifest was read: the times of its moments, ascending.
    Read(Vec<u64>),
    /// It is gone or damaged.
    Unreadable,
}

/// A moment as the slider shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// UTC milliseconds.
    pub time_ms: u64,
    /// Share of the screen that changed, 0 to 127, where it is known.
    pub changed: Option<u8>,
    /// Bytes stored for it, about, where a listing told.
    pub bytes: Option<u64>,
    /// Nobody touched mouse or keyboard.
    pub idle: bool,
}

impl Mark {
    /// How much happened, 0 to 127: the share of the screen that changed, or what the bytes stored
    /// tell of it.
    pub fn activity(&self) -> u8 {
        // A manifest alone takes about the first, a screen full of news about the second.
        const QUIET_BYTES: f64 = 1_500.0;
        const BUSY_BYTES: f64 = 400_000.0;
        let estimate = |bytes: u64| {
            let share = (bytes as f64 / QUIET_BYTES).ln() / (BUSY_BYTES / QUIET_BYTES).ln();
            (share.clamp(0.05, 1.0).powi(2) * 127.0) as u8
        };
        self.changed.or(self.bytes.map(estimate)).unwrap_or(3).min(127)
    }
}

/// The segments and moments known so far.
///
/// An hour's index stands among the segments as one of writer 0 that begins with its hour.
#[derive(Debug, Clone)]
pub struct Timeline {
    segments: BTreeMap<SegmentId, Segment>,
    sizes: BTreeMap<SegmentId, u64>,
    unlisted: BTreeSet<String>,
    /// Hours whose moments are all in `summaries`, by their starts.
    summarised: BTreeSet<u64>,
    /// Hours whose index was asked for its summary of the day, in vain or not.
    asked: BTreeSet<u64>,
    summaries: BTreeMap<u64, (Option<u8>, bool)>,
    absences: BTreeMap<(u64, u64), AbsenceKind>,
    interval_ms: u64,
    /// The longest stretch that a manifest was seen to cover: what is guessed of unread ones.
    span_ms: u64,
    version: u64,
    /// All marks, and of which version they are.
    marks: RefCell<(u64, Vec<Mark>)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            segments: BTreeMap::new(),
            sizes: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            summarised: BTreeSet::new(),
            asked: BTreeSet::new(),
            summaries: BTreeMap::new(),
            absences: BTreeMap::new(),
            interval_ms: 10_000,
            span_ms: 0,
            version: 0,
            marks: RefCell::default(),
        }
    }
}

impl Timeline {
    /// Grows whenever anything here changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Milliseconds between screenshots, as the newest manifest read says.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// The longest step that is no gap.
    pub fn longest_step_ms(&self) -> u64 {
        self.interval_ms * 5 / 2
    }

    /// An hour that has segments which are not listed yet.
    pub fn expect_hour(&mut self, hour: String) {
        self.unlisted.insert(hour);
    }

    /// An hour's segments are all listed.
    pub fn hour_listed(&mut self, hour: &str) {
        self.version += u64::from(self.unlisted.remove(hour));
    }

    /// Hours yet to be listed, oldest first.
    pub fn unlisted(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.unlisted.iter().map(String::as_str)
    }

    /// A segment of a listing. False if it was known.
    pub fn listed(&mut self, id: SegmentId, size: u64) -> bool {
        if self.is_covered(id) {
            return false;
        }
        let new = !self.segments.contains_key(&id);
        if new {
            self.segments.insert(id, Segment::Listed);
            self.version += 1;
        }
        self.sizes.insert(id, size);
        new
    }

    /// Bytes of a segment, if a listing told.
    pub fn size(&self, id: SegmentId) -> Option<u64> {
        self.sizes.get(&id).copied()
    }

    /// A manifest.
    pub fn read(&mut self, sheet: &Sheet) {
        let manifest = &sheet.manifest;
        let times: Vec<u64> = manifest.moments.iter().map(|moment| moment.time_ms).collect();
        let segment = Segment::Read(times);
        if self.segments.get(&manifest.id) == Some(&segment) {
            return;
        }
        if self.newest() <= Some(manifest.id) {
            self.interval_ms = u64::from(manifest.interval_ms).max(100);
        }
        if manifest.id.writer == INDEX_WRITER {
            self.summarised.insert(manifest.id.first_ms);
        } else if let [first, .., last] = manifest.moments.as_slice() {
            self.span_ms = self.span_ms.max(last.time_ms - first.time_ms).min(REACH_MS);
        }
        let cells = manifest.moments.iter().map(|m| m.changes.len()).max().unwrap_or(0);
        for (index, moment) in manifest.moments.iter().enumerate() {
            // The first moment of a manifest gives every cell, so it says nothing about changes.
            let is_whole = index == 0
                || manifest.moments.get(index - 1).is_none_or(|m| m.layout != moment.layout);
            let changed = (!is_whole).then(|| MomentSummary::share(moment.changes.len(), cells));
            let known = self.summaries.entry(moment.time_ms).or_default();
            *known = (known.0.or(changed), moment.idle);
        }
        for summary in &manifest.tail {
            self.summaries.insert(summary.time_ms, (Some(summary.changed), summary.idle));
        }
        for Absence { from_ms, to_ms, kind } in &manifest.absences {
            self.absences.insert((*from_ms, *to_ms), *kind);
        }
        self.segments.insert(manifest.id, segment);
        self.version += 1;
    }

    /// A segment whose manifest cannot be had: its moments are as if they had never been.
    pub fn unreadable(&mut self, id: SegmentId) {
        if id.writer == INDEX_WRITER {
            self.lose_index(id.first_ms);
            return;
        }
        self.segments.insert(id, Segment::Unreadable);
        self.version += 1;
    }

    /// Forgets which segments were unreadable, to try them again.
    pub fn forgive(&mut self) {
        for segment in self.segments.values_mut().filter(|s| **s == Segment::Unreadable) {
            *segment = Segment::Listed;
            self.version += 1;
        }
    }

    /// Drops what no moment from `start_ms` on can need.
    pub fn prune(&mut self, start_ms: u64) {
        // The index of an hour may hold moments until its end.
        let first_ms = hour_start(start_ms.saturating_sub(REACH_MS));
        let first = SegmentId { first_ms, writer: 0 };
        if self.segments.first_key_value().is_none_or(|(id, _)| *id >= first) {
            return;
        }
        self.segments = self.segments.split_off(&first);
        self.sizes = self.sizes.split_off(&first);
        self.summaries = self.summaries.split_off(&start_ms);
        self.version += 1;
    }

    /// The newest segment known; indexes do not count.
    pub fn newest(&self) -> Option<SegmentId> {
        self.segments.keys().rev().find(|id| id.writer != INDEX_WRITER).copied()
    }

    /// The newest moment known or guessed, UTC milliseconds.
    pub fn newest_ms(&self) -> Option<u64> {
        let listed_ms = self.newest()?.first_ms;
        let known_ms = self.summaries.last_key_value().map_or(0, |(time_ms, _)| *time_ms);
        Some(listed_ms.max(known_ms))
    }

    /// All segments and indexes whose manifests can be read, oldest first.
    pub fn readable(&self) -> Vec<SegmentId> {
        let readable = self.segments.iter().filter(|(_, s)| **s != Segment::Unreadable);
        readable.map(|(id, _)| *id).collect()
    }

    /// The first segment that begins at or after a time.
    pub fn segment_from(&self, time_ms: u64) -> Option<SegmentId> {
        let first = SegmentId { first_ms: time_ms, writer: 0 };
        self.segments.range(first..).map(|(id, _)| *id).find(|id| id.writer != INDEX_WRITER)
    }

    /// The manifest was not read, and nothing says that it cannot be.
    pub fn is_unread(&self, id: SegmentId) -> bool {
        self.segments.get(&id) == Some(&Segment::Listed)
    }

    /// The first known moment after a time in which something happened; `None` if every one was idle
    /// and changed nothing.
    pub fn next_active_ms(&self, time_ms: u64) -> Option<u64> {
        let mut later = self.summaries.range(time_ms + 1..);
        later.find(|(_, (changed, idle))| !idle || *changed != Some(0)).map(|(time_ms, _)| *time_ms)
    }

    /// Nobody was there at this moment, and nothing changed; false where that is not known.
    pub fn is_idle(&self, time_ms: u64) -> bool {
        self.summaries.get(&time_ms).is_some_and(|(changed, idle)| *idle && *changed == Some(0))
    }

    /// Every moment known from `start_ms` on, ascending: exactly those of manifests read and of
    /// summaries, and the first of every segment that was only listed.
    pub fn marks(&self, start_ms: u64) -> Vec<Mark> {
        let mut known = self.marks.borrow_mut();
        if known.0 != self.version {
            *known = (self.version, self.all_marks());
        }
        let from = known.1.partition_point(|mark| mark.time_ms < start_ms);
        known.1[from..].to_vec()
    }

    /// Both lists ascend: thousands of moments are merged in a moment.
    fn all_marks(&self) -> Vec<Mark> {
        let summaries = self.summaries.iter();
        let mut marks: Vec<Mark> = summaries
            .map(|(&time_ms, &(changed, idle))| Mark { time_ms, changed, bytes: None, idle })
            .collect();
        let mut others = Vec::new();
        for (id, segment) in &self.segments {
            let count = match segment {
                Segment::Listed => 1,
                Segment::Read(times) => times.len() as u64,
                Segment::Unreadable => 0,
            };
            let time_ms = id.first_ms;
            let bytes = self.size(*id).zip(std::num::NonZero::new(count)).map(|(b, n)| b / n);
            if bytes.is_none() {
                continue;
            }
            match marks.binary_search_by_key(&time_ms, |mark| mark.time_ms) {
                Ok(index) => marks[index].bytes = bytes,
                Err(_) => others.push(Mark { time_ms, changed: None, bytes, idle: false }),
            }
        }
        if !others.is_empty() {
            // Of two segments of one time the last one counts.
            others.reverse();
            marks.extend(others);
            marks.sort_by_key(|mark| mark.time_ms);
            marks.dedup_by_key(|mark| mark.time_ms);
        }
        marks
    }

    /// Segments whose manifests were not read and that probably hold several moments, because the
    /// next one is long in coming; the newest first.
    pub fn batches(&self) -> Vec<SegmentId> {
        let mut next_ms = u64::MAX;
        let mut batches = Vec::new();
        let segments = self.segments.iter().filter(|(id, _)| id.writer != INDEX_WRITER);
        for (id, segment) in segments.rev() {
            let is_long = next_ms - id.first_ms > self.longest_step_ms();
            if *segment == Segment::Listed && is_long {
                batches.push(*id);
            }
            next_ms = id.first_ms;
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const T: u64 = 1_700_000_000_000;

    pub(super) fn id(seconds: u64, writer: u32) -> SegmentId {
        SegmentId { first_ms: T + seconds * 1000, writer }
    }

    /// Segments of (first second, writer, seconds of its moments if it was read).
    pub(super) fn timeline(segments: &[(u64, u32, Option<&[u64]>)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (first, writer, times) in segments {
            timeline.listed(id(*first, *writer), 1);
            if let Some(times) = times {
                let times = times.iter().map(|s| T + s * 1000).collect();
                timeline.segments.insert(id(*first, *writer), Segment::Read(times));
                timeline.version += 1;
            }
        }
        timeline
    }

    #[test]
    fn activity_is_what_changed_or_what_was_stored() {
        let mark = |changed, bytes| Mark { time_ms: 0, changed, bytes, idle: false }.activity();
        assert_eq!(mark(Some(9), Some(400_000)), 9);
        assert_eq!(mark(Some(255), None), 127);
        let stored = [0, 1_000, 20_000, 100_000, 400_000, u64::MAX].map(|b| mark(None, Some(b)));
        assert!(stored.is_sorted() && stored[3] > 40 && stored[5] == 127, "{stored:?}");
    }

    #[test]
    fn segments_that_hold_several_moments_are_told_from_those_that_hold_one() {
        let timeline = timeline(&[(0, 1, None), (60, 1, None), (120, 1, None), (130, 1, None)]);
        assert_eq!(timeline.batches(), [id(130, 1), id(60, 1), id(0, 1)]);
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut timeline = timeline(&[(0, 1, None), (7200, 1, None)]);
        timeline.prune(T + 3_600_001);
        assert_eq!(timeline.marks(0).len(), 1);
        assert_eq!(timeline.newest(), Some(id(7200, 1)));
    }
}
