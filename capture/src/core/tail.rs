//! The tails of segments: what happened since the last index, told by the newest segments.

use deskreel_format::MomentSummary;
use deskreel_format::time::hour_start;

/// At most one segment in so many milliseconds has a tail: a reader looks at the newest few.
const EVERY_MS: u64 = 60_000;
/// The index of an hour is there so long after its end.
const INDEX_LATE_MS: u64 = 300_000;

/// The moments that no index tells of yet.
#[derive(Debug, Default)]
pub struct Tail {
    moments: Vec<MomentSummary>,
    told_ms: Option<u64>,
}

impl Tail {
    /// Learns a moment. After a clock that went back the later ones are forgotten.
    pub fn add(&mut self, moment: MomentSummary) {
        while self.moments.last().is_some_and(|last| last.time_ms >= moment.time_ms) {
            self.moments.pop();
        }
        self.moments.push(moment);
    }

    /// The tail of a segment that begins at `first_ms`.
    pub fn before(&mut self, first_ms: u64) -> Vec<MomentSummary> {
        let from_ms = hour_start(first_ms.saturating_sub(INDEX_LATE_MS));
        self.moments.retain(|moment| moment.time_ms >= from_ms);
        let is_told = |told: u64| (told..told.saturating_add(EVERY_MS)).contains(&first_ms);
        if self.told_ms.is_some_and(is_told) {
            return Vec::new();
        }
        self.told_ms = Some(first_ms);
        self.moments.iter().take_while(|moment| moment.time_ms < first_ms).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(tail: &[MomentSummary]) -> Vec<u64> {
        tail.iter().map(|moment| moment.time_ms).collect()
    }

    fn moment(time_ms: u64) -> MomentSummary {
        MomentSummary { time_ms, changed: 0, idle: false }
    }

    #[test]
    fn once_a_minute_all_of_the_hour_is_told() {
        let hour = 1_763_899_200_000;
        let mut tail = Tail::default();
        (0..20).for_each(|n| tail.add(moment(hour + n * 10_000)));
        assert_eq!(tail.before(hour + 50_000).len(), 5);
        assert_eq!(tail.before(hour + 60_000), []);
        assert_eq!(tail.before(hour + 110_000).len(), 11);
        // The last hour is told until its index is there.
        tail.add(moment(hour + 3_600_000));
        assert_eq!(tail.before(hour + 3_610_000).len(), 21);
        assert_eq!(times(&tail.before(hour + 4_000_000)), [hour + 3_600_000]);
    }

    #[test]
    fn a_clock_that_goes_back_leaves_times_that_ascend() {
        let mut tail = Tail::default();
        [10, 20, 30, 15].into_iter().for_each(|time| tail.add(moment(time)));
        assert_eq!(times(&tail.before(40)), [10, 15]);
        assert_eq!(times(&tail.before(15)), [10]);
    }
}
