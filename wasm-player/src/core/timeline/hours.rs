//! Hours that have an index, and what indexes tell of the day.

use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::time::{DAY_MS, HOUR_MS, hour_path, hour_start};
use deskreel_format::{Absence, DaySummary, SegmentId};

use super::{REACH_MS, Segment, Timeline};
use crate::core::transfers::Job;

/// Whoever looks at a moment may soon be so far from it; an index may be a quarter of a megabyte.
const NEAR_MS: u64 = 900_000;

/// The segment that stands for the index of an hour.
pub fn index_of(hour_ms: u64) -> SegmentId {
    SegmentId { first_ms: hour_ms, writer: INDEX_WRITER }
}

/// The start of the UTC hour that `YYYY-MM-DD/HH` names.
pub fn parse_hour(path: &str) -> Option<u64> {
    let number = |from: usize, to: usize| path.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let hour = number(11, 13)?;
    // Days of the civil calendar, with years that begin in March.
    let (shifted, from_march) = (year.checked_sub(u64::from(month < 3))?, (month + 9) % 12);
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400;
    let days = days + (from_march * 153 + 2) / 5 + day.checked_sub(1)?;
    let hour_ms = days.checked_sub(719_468)?.checked_mul(DAY_MS)?.checked_add(hour * HOUR_MS)?;
    (hour_path(hour_ms) == path).then_some(hour_ms)
}

impl Timeline {
    /// An hour that has an index: its moments are read from there, not from segments.
    pub fn expect_index(&mut self, hour_ms: u64) {
        self.segments.entry(index_of(hour_ms)).or_insert(Segment::Listed);
        self.version += 1;
    }

    /// An index cannot be had, or is not to be believed: its hour's segments are listed instead.
    pub fn lose_index(&mut self, hour_ms: u64) {
        self.segments.remove(&index_of(hour_ms));
        self.summarised.remove(&hour_ms);
        self.asked.insert(hour_ms);
        self.expect_segments(hour_ms);
        self.version += 1;
    }

    /// An hour without an index: its segments are listed, and those of the hour before that may
    /// reach into it.
    pub fn expect_segments(&mut self, hour_ms: u64) {
        self.expect_hour(hour_path(hour_ms));
        let before_ms = hour_ms.saturating_sub(HOUR_MS);
        if self.has_index(before_ms) {
            self.expect_hour(hour_path(before_ms));
        }
    }

    /// The indexes that are not read: of the hour that a time is in, and of the hour before or after it
    /// when that is near.
    pub fn unread_indexes(&self, time_ms: u64) -> impl Iterator<Item = SegmentId> + '_ {
        let [before_ms, after_ms] = [time_ms.saturating_sub(NEAR_MS), time_ms + NEAR_MS];
        let mut near = [time_ms, before_ms, after_ms].map(hour_start).to_vec();
        near.dedup();
        near.into_iter().map(index_of).filter(|id| self.is_unread(*id))
    }

    /// The segment that holds the newest moment at or before a time, if each screenshot is stored by
    /// itself by the writer of the newest one, and only the index of its hour is unread, of which a
    /// summary told the moments.
    pub fn guess(&self, unread: &[SegmentId], time_ms: u64) -> Option<SegmentId> {
        let hour_ms = hour_start(time_ms);
        if unread != [index_of(hour_ms)] || !self.summarised.contains(&hour_ms) {
            return None;
        }
        let (first_ms, _) = self.summaries.range(hour_ms..=time_ms).next_back()?;
        let SegmentId { writer, .. } = self.newest()?;
        Some(SegmentId { first_ms: *first_ms, writer })
    }

    /// A listing or an index named this segment or index.
    pub fn knows(&self, id: SegmentId) -> bool {
        self.segments.contains_key(&id)
    }

    /// How an hour that is to be listed is listed.
    pub fn listing(&self, hour: String) -> Job {
        let is_indexed = parse_hour(&hour).is_some_and(|hour_ms| self.has_index(hour_ms));
        if is_indexed { Job::Reach(hour) } else { Job::Hour(hour) }
    }

    fn has_index(&self, hour_ms: u64) -> bool {
        self.segments.contains_key(&index_of(hour_ms))
    }

    /// The index to ask for its summary of the day next: the newest of an hour of which nothing is
    /// known. One is mostly enough.
    pub fn summary_wanted(&self) -> Option<u64> {
        let unread = self
            .segments
            .iter()
            .rev()
            .filter(|(id, segment)| id.writer == INDEX_WRITER && **segment == Segment::Listed);
        let mut hours = unread.map(|(id, _)| id.first_ms);
        hours.find(|hour| !self.summarised.contains(hour) && !self.asked.contains(hour))
    }

    /// What the index of an hour tells of the day before its end.
    pub fn summarise(&mut self, hour_ms: u64, summary: &DaySummary) {
        self.asked.insert(hour_ms);
        self.summarised.extend(&summary.hours);
        for moment in &summary.moments {
            self.summaries.insert(moment.time_ms, (Some(moment.changed), moment.idle));
        }
        for Absence { from_ms, to_ms, kind } in &summary.absences {
            self.absences.insert((*from_ms, *to_ms), *kind);
        }
        self.version += 1;
    }

    /// The moments of a segment are all known to be in indexes.
    pub(super) fn is_covered(&self, id: SegmentId) -> bool {
        let hour_ms = hour_start(id.first_ms);
        let ends_ms = hour_ms + HOUR_MS;
        self.has_index(hour_ms)
            && self.summaries.contains_key(&id.first_ms)
            && (id.first_ms + REACH_MS < ends_ms || self.has_index(ends_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_hour_names_it() {
        for hour in (0..2_700_000).step_by(37) {
            assert_eq!(parse_hour(&hour_path(hour * HOUR_MS)), Some(hour * HOUR_MS));
        }
        for path in
            ["", "2023-11-14", "2023-02-30/01", "2023-11-14/24", "2023-11-14/1x", "2023-11-14/011"]
        {
            assert_eq!(parse_hour(path), None, "{path}");
        }
    }
}
