//! Finding the stream's segments and the window of time to show.
//!
//! Keys sort by date and hour, so two short listings tell which hours there are; then each hour of
//! the window is listed, the newest first. Indexes of hours fit in here: another way to learn what
//! an hour holds.

use std::collections::BTreeSet;

use deskreel_format::StreamName;
use deskreel_format::time::{DAY_MS, hour_path};

use super::timeline::Timeline;
use super::transfers::{Job, Transfers, Urgency};

/// How far back a look for news goes: time enough for a slow upload to arrive.
const LOOK_BACK_MS: u64 = 120_000;
/// One look in so many goes further back: agents that were offline upload late.
const LONG_LOOK_EVERY: u32 = 30;
const LONG_LOOK_BACK_MS: u64 = 2 * 3_600_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
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
    window: Option<(u64, u64)>,
    complete: bool,
    look_at_ms: u64,
    looks: u32,
    looking: Option<String>,
}

impl Phase {
    fn start() -> Self {
        Self::Dates { found: BTreeSet::new() }
    }
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            phase: Phase::start(),
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
        match &self.phase {
            Phase::Dates { .. } if now_ms >= self.look_at_ms => {
                transfers.want_list(Job::Dates, Urgency::Now);
            }
            Phase::Dates { .. } => {}
            Phase::Hours { dates, .. } => {
                for date in dates {
                    transfers.want_list(Job::Hours(date.clone()), Urgency::Now);
                }
            }
            Phase::Newest { hour, .. } => {
                transfers.want_list(Job::Hour(hour.clone()), Urgency::Now);
            }
            Phase::Known => {
                // The newest first: they are made in this order.
                for hour in timeline.unlisted().rev() {
                    transfers.want_list(Job::Hour(hour.to_owned()), Urgency::Timeline);
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
            None => Phase::start(),
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
                // A segment that began in the hour before may reach into the window.
                let first = hour_path(start_ms.saturating_sub(super::timeline::REACH_MS));
                hours.into_iter().filter(|h| *h >= first).for_each(|h| timeline.expect_hour(h));
            }
        }
        timeline.hour_listed(hour);
        self.complete = self.phase == Phase::Known && timeline.unlisted().next().is_none();
    }

    /// News were listed; the next look is an interval away.
    pub fn found_news(&mut self, now_ms: u64, interval_ms: u64) {
        self.looking = None;
        self.look_at_ms = now_ms + interval_ms;
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
