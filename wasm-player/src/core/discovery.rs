//! Finding the stream's segments and the window of time to show.
//!
//! The newest segments and all indexes are listed at once: for a stream that is being recorded, that
//! places the window, and tells for each of its hours whether there is an index to read or segments
//! to list. For a stream that rests, so do the segments since its newest index. For an old one without
//! indexes, short listings by date and hour lead to its newest hour first.

use std::collections::BTreeSet;

use deskreel_format::StreamName;
use deskreel_format::time::{DAY_MS, HOUR_MS, hour_path, hour_start};

use super::timeline::{Timeline, parse_hour};
use super::transfers::{Job, Transfers, Urgency};

/// How far back a look for news goes: time enough for a slow upload to arrive.
const LOOK_BACK_MS: u64 = 120_000;
/// One look in so many goes further back: agents that were offline upload late.
const LONG_LOOK_EVERY: u32 = 30;
const LONG_LOOK_BACK_MS: u64 = 2 * 3_600_000;

/// So many hours without an index are listed though they may be empty; of more it is first asked
/// which there are.
const FEW_HOURS: usize = 3;
/// A screenshot is stored mostly so long after it was taken.
const UPLOAD_MS: u64 = 1_200;
/// How soon a late one is looked for again.
const LATE_MS: u64 = 1_500;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// The newest segments, and the indexes.
    Opening {
        since: Since,
        is_asked: bool,
        indexes_listed: bool,
    },
    Dates {
        found: BTreeSet<String>,
    },
    Hours {
        dates: BTreeSet<String>,
        hours: BTreeSet<String>,
    },
    /// The newest hour, which places the window.
    Newest {
        hour: String,
        hours: BTreeSet<String>,
    },
    Known,
}

/// What has been found, and what is to be listed next.
#[derive(Debug)]
pub struct Discovery {
    phase: Phase,
    /// Hours that have an index, by their starts.
    indexes: BTreeSet<u64>,
    window: Option<(u64, u64)>,
    complete: bool,
    look_at_ms: u64,
    looks: u32,
    looking: Option<String>,
}

/// Since when segments are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// For a stream that is being recorded.
    JustNow,
    /// For one that rests: the hour after its newest index. There are few.
    AfterIndex,
    /// Or the hour of that index.
    Index,
}

impl Since {
    fn earlier(self) -> Option<Self> {
        match self {
            Self::JustNow => Some(Self::AfterIndex),
            Self::AfterIndex => Some(Self::Index),
            Self::Index => None,
        }
    }
}

impl Phase {
    fn start() -> Self {
        Self::Opening { since: Since::JustNow, is_asked: false, indexes_listed: false }
    }

    fn walk() -> Self {
        Self::Dates { found: BTreeSet::new() }
    }
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            phase: Phase::start(),
            indexes: BTreeSet::new(),
            window: None,
            complete: false,
            look_at_ms: 0,
            looks: 0,
            looking: None,
        }
    }
}

impl Discovery {
    /// Start and end of the window, UTC milliseconds, once anything was found.
    pub fn window(&self) -> Option<(u64, u64)> {
        self.window
    }

    /// Every hour of the window was listed.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The stream was looked at and holds nothing.
    pub fn is_empty(&self) -> bool {
        self.complete && self.window.is_none()
    }

    /// When to look for news next.
    pub fn wake_ms(&self) -> Option<u64> {
        (self.complete && self.looking.is_none()).then_some(self.look_at_ms)
    }

    /// Wants what must be listed now.
    pub fn want(
        &mut self,
        now_ms: u64,
        wall_ms: u64,
        stream: &StreamName,
        timeline: &Timeline,
        transfers: &mut Transfers,
    ) {
        match &mut self.phase {
            Phase::Opening { .. } if now_ms < self.look_at_ms => {}
            Phase::Opening { since, is_asked, indexes_listed } => {
                if !std::mem::replace(is_asked, true) {
                    let newest_index_ms = self.indexes.last().copied().unwrap_or_default();
                    let from_ms = match since {
                        Since::JustNow => wall_ms.saturating_sub(LOOK_BACK_MS),
                        Since::AfterIndex => newest_index_ms.saturating_add(HOUR_MS),
                        Since::Index => newest_index_ms,
                    };
                    self.looking = Some(stream.segments_from(from_ms));
                }
                if let Some(after) = &self.looking {
                    transfers.want_list(Job::News(after.clone()), Urgency::Now);
                }
                if !*indexes_listed {
                    transfers.want_list(Job::Indexes, Urgency::Now);
                }
            }
            Phase::Dates { .. } if now_ms >= self.look_at_ms => {
                transfers.want_list(Job::Dates, Urgency::Now);
            }
            Phase::Dates { .. } => {}
            Phase::Hours { dates, .. } => {
                for date in dates.iter() {
                    transfers.want_list(Job::Hours(date.clone()), Urgency::Now);
                }
            }
            Phase::Newest { hour, .. } => {
                transfers.want_list(Job::Hour(hour.clone()), Urgency::Now);
            }
            Phase::Known => {
                // The newest first: they are made in this order.
                for hour in timeline.unlisted().rev() {
                    transfers.want_list(timeline.listing(hour.to_owned()), Urgency::Timeline);
                }
                self.look_for_news(now_ms, wall_ms, stream, timeline, transfers);
            }
        }
    }

    fn look_for_news(
        &mut self,
        now_ms: u64,
        wall_ms: u64,
        stream: &StreamName,
        timeline: &Timeline,
        transfers: &mut Transfers,
    ) {
        if self.looking.is_none() && self.complete && now_ms >= self.look_at_ms {
            self.looks += 1;
            let long = self.looks.is_multiple_of(LONG_LOOK_EVERY);
            let back_ms = if long { LONG_LOOK_BACK_MS } else { LOOK_BACK_MS };
            let newest_ms = timeline.newest().map_or(wall_ms, |id| id.first_ms);
            let from_ms = newest_ms.saturating_sub(back_ms);
            self.looking = Some(stream.segments_from(from_ms));
        }
        if let Some(after) = &self.looking {
            transfers.want_list(Job::News(after.clone()), Urgency::Timeline);
        }
    }

    /// A page of the hours that have indexes; whether it was the last page.
    pub fn found_indexes(
        &mut self,
        wall_ms: u64,
        hours: impl IntoIterator<Item = u64>,
        is_last: bool,
        timeline: &mut Timeline,
    ) {
        self.indexes.extend(hours);
        if let Phase::Opening { indexes_listed, .. } = &mut self.phase {
            *indexes_listed |= is_last;
            self.open(wall_ms, timeline);
        }
    }

    /// Both first listings are here: there is something new, or an old stream has to be looked for.
    fn open(&mut self, wall_ms: u64, timeline: &mut Timeline) {
        let Phase::Opening { since, is_asked: true, indexes_listed: true } = self.phase else {
            return;
        };
        if self.looking.is_some() {
            return;
        }
        let Some(newest) = timeline.newest() else {
            let earlier = since.earlier().filter(|_| !self.indexes.is_empty());
            self.phase = earlier.map_or_else(Phase::walk, |since| Phase::Opening {
                since,
                is_asked: false,
                indexes_listed: true,
            });
            return;
        };
        self.place(wall_ms, timeline);
        let Some((start_ms, _)) = self.window else { return };
        let first_ms = hour_start(start_ms.saturating_sub(super::timeline::REACH_MS));
        let hours = (first_ms..=newest.first_ms).step_by(HOUR_MS as usize);
        let newest_hour = hour_start(newest.first_ms);
        let without: Vec<u64> =
            hours.filter(|hour| *hour != newest_hour && !self.indexes.contains(hour)).collect();
        if without.len() <= FEW_HOURS {
            let hours = without.into_iter().map(hour_path).collect();
            self.expect(start_ms, hours, timeline);
            self.expect_newest(newest_hour, timeline);
        } else {
            let date = |hour: u64| hour_path(hour)[..10].to_owned();
            let dates = without.into_iter().map(date).collect();
            self.phase = Phase::Hours { dates, hours: BTreeSet::from([hour_path(newest_hour)]) };
        }
    }

    /// The hour that is being recorded is listed, though it may have an index of its beginning.
    fn expect_newest(&mut self, newest_hour: u64, timeline: &mut Timeline) {
        timeline.expect_segments(newest_hour);
        self.phase = Phase::Known;
        self.complete = false;
    }

    /// Every hour of the window is read from its index, or else listed.
    fn expect(&mut self, start_ms: u64, hours: BTreeSet<String>, timeline: &mut Timeline) {
        // A segment that began in the hour before may reach into the window.
        let first_ms = hour_start(start_ms.saturating_sub(super::timeline::REACH_MS));
        let indexed: BTreeSet<String> = self.indexes.iter().map(|hour| hour_path(*hour)).collect();
        let first = hour_path(first_ms);
        let unindexed = hours.into_iter().filter(|hour| *hour >= first && !indexed.contains(hour));
        let unindexed: Vec<u64> = unindexed.filter_map(|hour| parse_hour(&hour)).collect();
        let end_ms = timeline.newest().map_or(0, |newest| hour_start(newest.first_ms));
        self.indexes.range(first_ms..end_ms).for_each(|hour| timeline.expect_index(*hour));
        unindexed.into_iter().for_each(|hour| timeline.expect_segments(hour));
    }

    /// A page of the dates that there are, each `YYYY-MM-DD`; whether it was the last page.
    pub fn found_dates(
        &mut self,
        now_ms: u64,
        dates: impl IntoIterator<Item = String>,
        is_last: bool,
        interval_ms: u64,
    ) {
        let Phase::Dates { found } = &mut self.phase else { return };
        found.extend(dates);
        if !is_last {
            return;
        }
        // A day's window touches two dates.
        let dates: BTreeSet<String> = std::mem::take(found).into_iter().rev().take(2).collect();
        self.complete = dates.is_empty();
        self.look_at_ms = now_ms + interval_ms;
        if !dates.is_empty() {
            self.phase = Phase::Hours { dates, hours: BTreeSet::new() };
        }
    }

    /// The hours of a date, each `YYYY-MM-DD/HH`.
    pub fn found_hours(&mut self, date: &str, found: impl IntoIterator<Item = String>) {
        let Phase::Hours { dates, hours } = &mut self.phase else { return };
        dates.remove(date);
        hours.extend(found);
        if dates.is_empty() {
            let hours = std::mem::take(hours);
            self.look_at_newest(hours);
        }
    }

    fn look_at_newest(&mut self, hours: BTreeSet<String>) {
        self.complete = hours.is_empty();
        self.phase = match hours.last() {
            Some(hour) => Phase::Newest { hour: hour.clone(), hours },
            None => Phase::walk(),
        };
    }

    /// All of an hour's segments are in the timeline.
    pub fn found_hour(&mut self, wall_ms: u64, hour: &str, timeline: &mut Timeline) {
        if let Phase::Newest { hour: newest, hours } = &mut self.phase
            && newest == hour
        {
            let mut hours = std::mem::take(hours);
            hours.remove(hour);
            if timeline.newest().is_none() {
                // The hour held something else than segments.
                self.look_at_newest(hours);
                return;
            }
            self.place(wall_ms, timeline);
            self.phase = Phase::Known;
            if let Some((start_ms, _)) = self.window {
                self.expect(start_ms, hours, timeline);
                // For what reaches into it from the hour before.
                parse_hour(hour).into_iter().for_each(|hour_ms| timeline.expect_segments(hour_ms));
            }
        }
        timeline.hour_listed(hour);
        self.complete = self.phase == Phase::Known && timeline.unlisted().next().is_none();
    }

    /// News were listed. The next look is an interval away, or when the next screenshot should have
    /// been uploaded; who follows the recording looks again soon when it is late.
    pub fn found_news(
        &mut self,
        now_ms: u64,
        wall_ms: u64,
        follows: bool,
        timeline: &mut Timeline,
    ) {
        self.looking = None;
        let interval_ms = timeline.interval_ms();
        let due_ms = timeline.newest_ms().unwrap_or(0) + interval_ms + UPLOAD_MS;
        let pause_ms = match due_ms.checked_sub(wall_ms) {
            Some(wait_ms) => wait_ms.min(interval_ms),
            None if follows && wall_ms - due_ms < 3 * interval_ms => LATE_MS.min(interval_ms),
            None => interval_ms,
        };
        self.look_at_ms = now_ms + pause_ms.max(LATE_MS.min(interval_ms) / 2);
        if matches!(self.phase, Phase::Opening { .. }) {
            self.look_at_ms = now_ms;
            self.open(wall_ms, timeline);
        }
    }

    /// Moves the window along with the time.
    pub fn advance(&mut self, wall_ms: u64, timeline: &mut Timeline) {
        if self.window.is_some() {
            self.place(wall_ms, timeline);
        }
        if let Some((start_ms, _)) = self.window {
            timeline.prune(start_ms);
        }
    }

    /// The window: the last 24 hours, or those before the newest moment when it is older.
    fn place(&mut self, wall_ms: u64, timeline: &Timeline) {
        let Some(newest_ms) = timeline.newest_ms() else { return };
        let newest_end_ms = newest_ms + timeline.interval_ms();
        let is_recent = newest_ms >= wall_ms.saturating_sub(DAY_MS);
        let end_ms = if is_recent { wall_ms.max(newest_end_ms) } else { newest_end_ms };
        self.window = Some((end_ms.saturating_sub(DAY_MS), end_ms));
    }
}
