//! Requests: what is asked for, in which order, and what is asked again.
//!
//! Every turn the player says anew what it wants ([`Transfers::begin`], then `want`). What is no
//! longer wanted is dropped if it has not started, and cancelled if it stands in the way.

use std::collections::{BTreeMap, VecDeque};

use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::time::HOUR_MS;
use deskreel_format::{PackRef, SegmentId, StreamName, TileSize};

use super::io::{Output, TransferId};
use super::plan::{self, Span};
use super::timeline::{REACH_MS, parse_hour};

/// How urgent a request is; the least is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The person waits for it.
    Now,
    /// The timeline needs it.
    Timeline,
    /// It will be shown soon.
    Soon,
    /// It may be of use.
    Someday,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// The dates that the stream has, as common prefixes.
    Dates,
    /// The hours of a date prefix.
    Hours(String),
    /// The segments of an hour (`YYYY-MM-DD/HH`).
    Hour(String),
    /// The last segments of an hour, those that may reach into the next.
    Reach(String),
    /// The segments after a key.
    News(String),
    /// The indexes that the stream has.
    Indexes,
    /// The summary of the day at the start of the index of an hour; what was read of it before.
    Summary(u64, Vec<u8>),
    /// The whole index of an hour; what was read of it before.
    Index(u64, Vec<u8>),
    /// The start of a segment; what was read of it before.
    Manifest(SegmentId, Vec<u8>),
    /// The storyboards after a key.
    Boards(String),
    /// A storyboard.
    Board(SegmentId),
    /// Packs of one object that lie side by side.
    Packs(Span),
}

impl Job {
    /// Both read the same, however far they have come.
    fn reads_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Manifest(a, _), Self::Manifest(b, _)) => a == b,
            (Self::Summary(a, _), Self::Summary(b, _)) | (Self::Index(a, _), Self::Index(b, _)) => {
                a == b
            }
            _ => self == other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting { until_ms: u64 },
    Flying,
}

/// A request, from the wish to the last answer.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What for.
    pub job: Job,
    /// First and last byte asked for.
    pub range: Option<(u64, u64)>,
    /// Token of the page of a listing.
    pub page: Option<String>,
    /// The browser's cache is not to be used.
    pub fresh: bool,
    urgency: Urgency,
    /// How urgent it was when it started.
    started: Urgency,
    attempts: u32,
    wanted: bool,
    state: State,
}

/// All requests.
#[derive(Debug)]
pub struct Transfers {
    stream: StreamName,
    all: BTreeMap<TransferId, Transfer>,
    next: u64,
    limit: usize,
    /// Answers that failed to come since one came.
    silence: u32,
}

/// Mostly as much as lists a day.
pub const SUMMARY_BYTES: u64 = 32_768;
/// What nobody waits for is read in pieces of so many bytes: a seek that comes has the line to itself
/// after 50 ms at 20 Mbit/s, and nothing is thrown away.
const PIECE_BYTES: u64 = 131_072;
/// Ends after any index does.
const END_OF_INDEX: u64 = u32::MAX as u64;
const FIRST_PAUSE_MS: u64 = 250;
const LONGEST_PAUSE_MS: u64 = 8_000;

impl Transfers {
    /// At most `limit` requests are under way at once.
    pub fn new(stream: StreamName, limit: usize) -> Self {
        Self { stream, all: BTreeMap::new(), next: 0, limit: limit.max(1), silence: 0 }
    }

    /// No answer came to several requests in a row.
    pub fn is_unreachable(&self) -> bool {
        self.silence > 1
    }

    /// From here on, what is not wanted again is not wanted.
    pub fn begin(&mut self) {
        for transfer in self.all.values_mut() {
            transfer.wanted = false;
            transfer.urgency = Urgency::Someday;
        }
    }

    /// Wants a listing, or another object that is read whole.
    pub fn want_list(&mut self, job: Job, urgency: Urgency) {
        self.want(job, None, false, urgency);
    }

    /// Wants a segment's manifest; its listed size decides how much is read.
    pub fn want_manifest(&mut self, id: SegmentId, size: Option<u64>, urgency: Urgency) {
        let (job, range) = match id.writer {
            INDEX_WRITER => (Job::Index(id.first_ms, Vec::new()), None),
            _ => (Job::Manifest(id, Vec::new()), plan::first_read(size)),
        };
        self.want(job, range, false, urgency);
    }

    /// Wants the summary of the day that the index of an hour begins with.
    pub fn want_summary(&mut self, hour_ms: u64, urgency: Urgency) {
        let range = Some((0, SUMMARY_BYTES - 1));
        self.want(Job::Summary(hour_ms, Vec::new()), range, false, urgency);
    }

    /// Wants packs that a manifest of this tile size refers to, `fresh`: past the browser's cache.
    /// Those already asked for are not asked for again.
    pub fn want_packs(
        &mut self,
        packs: impl IntoIterator<Item = PackRef>,
        tile: TileSize,
        fresh: bool,
        urgency: Urgency,
    ) {
        let mut missing = Vec::new();
        for pack in packs {
            let carries =
                |t: &&mut Transfer| matches!(&t.job, Job::Packs(s) if s.packs.contains(&pack));
            match self.all.values_mut().find(carries) {
                Some(transfer) => transfer.want(urgency),
                None => missing.push(pack),
            }
        }
        for span in plan::merge(missing, tile) {
            let range = Some(span.range);
            self.want(Job::Packs(span), range, fresh, urgency);
        }
    }

    fn want(&mut self, job: Job, range: Option<(u64, u64)>, fresh: bool, urgency: Urgency) {
        if let Some(transfer) = self.all.values_mut().find(|known| known.job.reads_the_same(&job)) {
            transfer.want(urgency);
            return;
        }
        self.next += 1;
        let state = State::Waiting { until_ms: 0 };
        let (started, attempts, wanted) = (urgency, 0, true);
        let transfer =
            Transfer { job, range, page: None, fresh, urgency, started, attempts, wanted, state };
        self.all.insert(TransferId(self.next), transfer);
    }

    /// Takes a request out because its answer came; `None` if it was dropped before.
    pub fn answered(&mut self, id: TransferId) -> Option<Transfer> {
        self.all.remove(&id)
    }

    /// A request that is under way.
    pub fn flying_to(&self, id: TransferId) -> Option<&Transfer> {
        self.all.get(&id).filter(|transfer| transfer.state == State::Flying)
    }

    /// An answer that was some good came: the network is there.
    pub fn heard(&mut self) {
        self.silence = 0;
    }

    /// Asks again, later each time.
    pub fn retry(&mut self, now_ms: u64, mut transfer: Transfer) {
        self.silence = self.silence.saturating_add(1);
        let pause_ms = (FIRST_PAUSE_MS << transfer.attempts.min(10)).min(LONGEST_PAUSE_MS);
        transfer.attempts += 1;
        self.again(transfer, now_ms + pause_ms);
    }

    /// Asks again as soon as may be: for the next page, for more bytes, with another grant, past the
    /// browser's cache.
    pub fn repeat(&mut self, transfer: Transfer) {
        self.again(transfer, 0);
    }

    fn again(&mut self, transfer: Transfer, until_ms: u64) {
        self.next += 1;
        let state = State::Waiting { until_ms };
        self.all.insert(TransferId(self.next), Transfer { state, ..transfer });
    }

    /// Ends every pause.
    pub fn hurry(&mut self) {
        for transfer in self.all.values_mut() {
            if let State::Waiting { until_ms } = &mut transfer.state {
                *until_ms = 0;
            }
        }
    }

    /// Drops what is not wanted, starts what may start.
    pub fn flush(&mut self, now_ms: u64, outputs: &mut VecDeque<Output>) {
        self.all.retain(|_, transfer| transfer.wanted || transfer.state == State::Flying);
        let is_ready =
            |t: &Transfer| matches!(t.state, State::Waiting { until_ms } if until_ms <= now_ms);
        let ready = self.all.iter().filter(|(_, transfer)| is_ready(transfer));
        let mut ready: Vec<(Urgency, TransferId)> =
            ready.map(|(id, transfer)| (transfer.urgency, *id)).collect();
        ready.sort_unstable();
        let is_awaited = self.all.values().any(|t| t.wanted && t.urgency == Urgency::Now);
        if ready.first().is_some_and(|(urgency, _)| *urgency == Urgency::Now) {
            self.clear_the_line(outputs);
        }
        let mut free = self.limit.saturating_sub(self.flying().count());
        let someday = self.flying().filter(|(_, t)| t.started == Urgency::Someday).count();
        let mut someday = (self.limit / 4).max(1).saturating_sub(someday);
        for (urgency, id) in ready {
            if free == 0 && urgency == Urgency::Now {
                let unwanted = self.flying().find(|(_, t)| !t.wanted).map(|(id, _)| *id);
                if let Some(id) = unwanted {
                    self.cancel(id, outputs);
                    free += 1;
                }
            }
            // What may be of use later leaves room for what is asked for now.
            if free == 0 || (urgency >= Urgency::Soon && free <= self.limit / 2) {
                break;
            }
            if urgency == Urgency::Someday {
                if is_awaited || someday == 0 {
                    break;
                }
                someday -= 1;
            }
            free -= 1;
            if let Some(transfer) = self.all.get_mut(&id) {
                outputs.push_back(transfer.start(id, &self.stream));
            }
        }
    }

    /// What was fetched ahead and is not wanted any more would take its share of the line from what the
    /// person waits for. What they waited for before comes to its end: scrubbing shows it.
    fn clear_the_line(&mut self, outputs: &mut VecDeque<Output>) {
        let is_idle = |t: &Transfer| !t.wanted && t.started >= Urgency::Soon;
        let idle: Vec<TransferId> =
            self.flying().filter(|(_, t)| is_idle(t)).map(|(id, _)| *id).collect();
        idle.into_iter().for_each(|id| self.cancel(id, outputs));
    }

    fn cancel(&mut self, id: TransferId, outputs: &mut VecDeque<Output>) {
        self.all.remove(&id);
        outputs.push_back(Output::Cancel { id });
    }

    fn flying(&self) -> impl Iterator<Item = (&TransferId, &Transfer)> {
        self.all.iter().filter(|(_, transfer)| transfer.state == State::Flying)
    }

    /// When the next pause ends.
    pub fn wake_ms(&self, now_ms: u64) -> Option<u64> {
        let pauses = self.all.values().filter_map(|transfer| match transfer.state {
            State::Waiting { until_ms } if until_ms > now_ms => Some(until_ms),
            _ => None,
        });
        pauses.min()
    }
}

impl Transfer {
    fn want(&mut self, urgency: Urgency) {
        self.wanted = true;
        self.urgency = self.urgency.min(urgency);
    }

    fn start(&mut self, id: TransferId, stream: &StreamName) -> Output {
        (self.state, self.started) = (State::Flying, self.urgency);
        if let Job::Index(_, had) = &self.job {
            let (from, is_piece) = (had.len() as u64, self.urgency >= Urgency::Soon);
            let end = if is_piece { from + PIECE_BYTES - 1 } else { END_OF_INDEX };
            self.range = (is_piece || from > 0).then_some((from, end));
        }
        self.output(id, stream)
    }

    /// Where the packs of a span end in its body, but for the last: that is all of it.
    fn parts(&self) -> Vec<usize> {
        let Job::Packs(span) = &self.job else { return Vec::new() };
        let inner = span.packs.split_last().map_or(&[][..], |(_, inner)| inner);
        inner.iter().map(|pack| span.place(pack).end).collect()
    }

    fn output(&self, id: TransferId, stream: &StreamName) -> Output {
        let (key, range, fresh) = match &self.job {
            Job::Manifest(segment, _) => (stream.segment_key(*segment), self.range, self.fresh),
            Job::Packs(span) => (stream.segment_key(span.segment), self.range, self.fresh),
            Job::Board(id) => (stream.storyboard_key(*id), self.range, self.fresh),
            Job::Summary(hour_ms, _) | Job::Index(hour_ms, _) => {
                (stream.index_key(*hour_ms), self.range, self.fresh)
            }
            list => return Output::List { id, query: query(list, self.page.as_deref(), stream) },
        };
        Output::Fetch { id, key, range, fresh, parts: self.parts() }
    }
}

fn query(job: &Job, page: Option<&str>, stream: &StreamName) -> Vec<(&'static str, String)> {
    let root = stream.segments_prefix();
    let (prefix, by_folder) = match job {
        Job::Hours(date) => (format!("{root}{date}/"), true),
        Job::Hour(hour) | Job::Reach(hour) => (format!("{root}{hour}/"), false),
        Job::News(_) => (root, false),
        Job::Indexes => (stream.index_prefix(), false),
        Job::Boards(_) => (stream.storyboards_prefix(), false),
        _ => (root, true),
    };
    let mut query = vec![("list-type", "2".to_owned()), ("prefix", prefix)];
    if by_folder {
        query.push(("delimiter", "/".to_owned()));
    }
    let after = match job {
        Job::News(after) | Job::Boards(after) => Some(after.clone()),
        Job::Reach(hour) => {
            let end_ms = parse_hour(hour).map(|hour_ms| hour_ms + HOUR_MS - REACH_MS);
            end_ms.map(|from_ms| stream.segments_from(from_ms))
        }
        _ => None,
    };
    query.extend(after.map(|after| ("start-after", after)));
    if let Some(token) = page {
        query.push(("continuation-token", token.to_owned()));
    }
    query
}
