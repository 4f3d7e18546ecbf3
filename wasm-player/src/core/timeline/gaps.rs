//! The stretches without screenshots, and why there are none.

use deskreel_format::{AbsenceKind, SegmentId};

use super::{Mark, Segment, Timeline};

/// A stretch without screenshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where the picture before ends, UTC milliseconds.
    pub from_ms: u64,
    /// The next moment, UTC milliseconds; or the window's end.
    pub to_ms: u64,
    /// Why, where the recording says.
    pub kind: Option<AbsenceKind>,
}

impl Timeline {
    /// The holes in a window (start and end, UTC milliseconds) that are longer than two and a half
    /// intervals: between `marks` (as [`Self::marks`] gives them), after the last of them, and before
    /// the first one if the recording tells of an absence there.
    pub fn gaps(&self, marks: &[Mark], (start_ms, end_ms): (u64, u64)) -> Vec<Gap> {
        let (Some(first), Some(last)) = (marks.first(), marks.last()) else { return Vec::new() };
        let mut gaps = Vec::new();
        let told =
            self.absences.keys().filter(|(from, to)| *from < first.time_ms && *to > start_ms);
        if let Some(from_ms) = told.map(|(from_ms, _)| start_ms.max(*from_ms)).min() {
            gaps.extend(self.gap(from_ms, first.time_ms));
        }
        for (before, after) in marks.iter().zip(marks.iter().skip(1)) {
            if after.time_ms - before.time_ms > self.longest_step_ms() {
                gaps.extend(self.gap(self.end_of(before), after.time_ms));
            }
        }
        // What the newest segments hold comes all at once: until then nothing is missing.
        let due_ms = last.time_ms + self.longest_step_ms() + self.span_ms;
        if end_ms > due_ms {
            gaps.extend(self.gap(self.end_of(last), end_ms));
        }
        gaps
    }

    /// Where the picture of a mark ends.
    fn end_of(&self, mark: &Mark) -> u64 {
        mark.time_ms + self.guessed_span_ms(mark.time_ms) + self.interval_ms
    }

    /// A hole, if it is long enough to be one.
    fn gap(&self, from_ms: u64, to_ms: u64) -> Option<Gap> {
        let is_long = to_ms.saturating_sub(from_ms) + self.interval_ms > self.longest_step_ms();
        is_long.then(|| Gap { from_ms, to_ms, kind: self.absence(from_ms, to_ms) })
    }

    /// How far beyond its first moment a segment that was only listed is thought to go.
    fn guessed_span_ms(&self, first_ms: u64) -> u64 {
        let first = SegmentId { first_ms, writer: 0 };
        let last = SegmentId { first_ms, writer: u32::MAX };
        let unread = self.segments.range(first..=last).any(|(_, s)| *s == Segment::Listed);
        if unread && !self.summaries.contains_key(&first_ms) { self.span_ms } else { 0 }
    }

    /// The kind of the absence that covers most of a stretch.
    fn absence(&self, from_ms: u64, to_ms: u64) -> Option<AbsenceKind> {
        let shared = |&(from, to): &(u64, u64)| to.min(to_ms).saturating_sub(from.max(from_ms));
        let best = self.absences.iter().max_by_key(|(span, _)| shared(span));
        best.filter(|(span, _)| shared(span) > 0).map(|(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{T, id, timeline};
    use super::*;

    const AT: fn(u64) -> u64 = |second| T + second * 1000;

    fn gap(from: u64, to: u64, kind: Option<AbsenceKind>) -> Gap {
        Gap { from_ms: AT(from), to_ms: AT(to), kind }
    }

    fn moments(seconds: &[u64]) -> Timeline {
        let mut timeline = Timeline::default();
        for second in seconds {
            timeline.summaries.insert(AT(*second), (Some(1), false));
        }
        timeline.version += 1;
        timeline
    }

    #[test]
    fn holes_longer_than_two_and_a_half_intervals_are_gaps() {
        let mut timeline = moments(&[0, 10, 20, 45, 55, 81, 91]);
        timeline.absences.insert((AT(60), AT(80)), AbsenceKind::Locked);
        timeline.absences.insert((T, AT(1)), AbsenceKind::Paused);
        let gaps = timeline.gaps(&timeline.marks(0), (T, AT(101)));
        assert_eq!(gaps, [gap(65, 81, Some(AbsenceKind::Locked))]);
    }

    #[test]
    fn the_time_since_the_newest_moment_is_a_gap_once_the_next_one_is_overdue() {
        let mut timeline = moments(&[0, 10]);
        let marks = timeline.marks(0);
        assert_eq!(timeline.gaps(&marks, (T, AT(35))), []);
        assert_eq!(timeline.gaps(&marks, (T, AT(36))), [gap(20, 36, None)]);
        timeline.span_ms = 50_000;
        assert_eq!(timeline.gaps(&marks, (T, AT(85))), [], "a minute is uploaded at once");
        assert_eq!(timeline.gaps(&marks, (T, AT(86))), [gap(20, 86, None)]);
        assert_eq!(timeline.gaps(&[], (T, AT(86))), []);
    }

    #[test]
    fn before_the_first_moment_there_is_a_gap_only_if_the_recording_tells_of_it() {
        let mut timeline = moments(&[600, 610]);
        let marks = timeline.marks(0);
        assert_eq!(timeline.gaps(&marks, (T, AT(620))), []);
        timeline.absences.insert((AT(10), AT(590)), AbsenceKind::NotRunning);
        let why = Some(AbsenceKind::NotRunning);
        assert_eq!(timeline.gaps(&marks, (T, AT(620))), [gap(10, 600, why)]);
        assert_eq!(timeline.gaps(&marks, (AT(300), AT(620))), [gap(300, 600, why)]);
    }

    #[test]
    fn segments_that_were_only_listed_are_no_gaps_when_others_are_as_long() {
        let mut timeline = timeline(&[(0, 1, None), (60, 1, None), (180, 1, None)]);
        timeline.span_ms = 50_000;
        let gaps = timeline.gaps(&timeline.marks(0), (T, AT(200)));
        assert_eq!(gaps, [gap(120, 180, None)]);
        assert_eq!(timeline.newest(), Some(id(180, 1)));
    }
}
