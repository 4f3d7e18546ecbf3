//! The player: turns what happened into what is to be done.
//!
//! Every [`Player::handle`] ends in one turn: say anew what is wanted, show what can be shown, ask
//! for what is missing, tell what changed, name the time to come back.

mod direct;
mod proof;
mod repeat;
mod replies;
mod show;
mod study;
mod view;

use std::collections::{HashMap, HashSet, VecDeque};

use deskreel_format::time::END_OF_TIME_MS;
use deskreel_format::{Limits, Pack, SegmentId, StreamName};

use super::access::{Access, Refusal, Source};
use super::boards::Boards;
use super::cache::ByteLru;
use super::compositor::Compositor;
use super::decoding::Decoding;
use super::discovery::Discovery;
use super::io::{Event, Input, Output, PlayerError, Status};
use super::playback::Playback;
use super::regions::{Question, Region};
use super::replay::Replay;
use super::sheet::{MomentKey, PackKey, Sheet};
use super::timeline::Timeline;
use super::transfers::{Transfers, Urgency};
use direct::Direct;
use proof::Proof;
use study::Study;

/// What a player is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The stream to show.
    pub stream: StreamName,
    /// Where grants come from.
    pub source: Source,
    /// Bearer token for the server.
    pub token: Option<String>,
    /// What to show first, UTC milliseconds; the newest screenshot if not given.
    pub start_ms: Option<u64>,
    /// Bytes of decoded tiles kept, over what the picture on the screen itself needs; the memory of
    /// decoders counts too.
    pub pack_bytes: usize,
    /// Bytes of packs kept as they were stored.
    pub stored_bytes: usize,
    /// Bytes of decoded manifests kept.
    pub sheet_bytes: usize,
    /// Requests under way at once.
    pub parallel: usize,
    /// Screenshots fetched ahead of playing; while paused one on either side. 0 fetches nothing
    /// before it is asked for.
    pub ahead: usize,
    /// Pixels of the largest desktop that is drawn.
    pub max_pixels: u64,
    /// What decoders may be asked for.
    pub limits: Limits,
}

impl Config {
    /// The defaults for a stream.
    pub fn new(stream: StreamName, source: Source) -> Self {
        Self {
            stream,
            source,
            token: None,
            start_ms: None,
            pack_bytes: 256 << 20,
            stored_bytes: 32 << 20,
            // A busy day takes 55 MB for each 1920 x 1080 pixels, and its newest hour, which has no
            // index yet, 12 MB more; no more than it needs is taken.
            sheet_bytes: 224 << 20,
            parallel: 8,
            ahead: 8,
            max_pixels: 1 << 27,
            limits: Self::limits(),
        }
    }

    /// What decoders may be asked for in a browser.
    pub fn limits() -> Limits {
        Limits { pack_pixels: 1 << 26, pack_bytes: 1 << 28, ..Limits::default() }
    }
}

/// What is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Newest,
    At(u64),
    Step { from_ms: u64, by: i32 },
}

/// The player of one stream.
pub struct Player {
    config: Config,
    access: Access,
    discovery: Discovery,
    timeline: Timeline,
    transfers: Transfers,
    packs: ByteLru<PackKey, Pack>,
    decoding: Decoding,
    sheets: ByteLru<SegmentId, Sheet>,
    /// Packs that came damaged once and are asked for again, past the browser's cache.
    suspects: HashSet<PackKey>,
    /// Packs that cannot be had, and why.
    failed: HashMap<PackKey, PlayerError>,
    /// Packs of the picture that is being made.
    pinned: HashSet<PackKey>,
    compositor: Compositor,
    replay: Replay,
    boards: Boards,
    proof: Proof,
    study: Option<Study>,
    direct: Direct,
    /// A seek began, and the nearest moment that is here was not looked for yet.
    nearby: bool,
    /// A picture was shown in this turn; what comes next is fetched in the next one.
    just_shown: bool,
    /// The last seek or step went back in time.
    backward: bool,
    playback: Playback,
    aim: Option<Aim>,
    shown: Option<(MomentKey, bool)>,
    seeking: bool,
    ended: bool,
    follow: bool,
    skip_idle: bool,
    /// Playing repeats this stretch, UTC milliseconds.
    repeat: Option<(u64, u64)>,
    loaded: bool,
    /// The store's refusal to list.
    unlistable: Option<String>,
    outputs: VecDeque<Output>,
    told: Told,
}

/// What listeners and the clock were told last.
#[derive(Debug, Default)]
struct Told {
    status: Option<Status>,
    version: u64,
    /// Segments whose moments are to be known before metadata count as loaded.
    batches: Option<Vec<SegmentId>>,
    /// Manifests worth reading when there is nothing better to do, and for which version of the
    /// timeline that holds.
    around: Vec<SegmentId>,
    around_version: u64,
    progress_ms: u64,
    time_ms: u64,
    wake_ms: Option<u64>,
}

/// How often [`Event::Progress`] and, while playing, [`Event::TimeUpdate`] come at most.
const TELL_EVERY_MS: u64 = 250;
/// Manifests of several moments that are read while the stream is opened, and after gaps.
const MOST_BATCHES: usize = 64;
/// How far from the screenshot shown such manifests are read later on.
const AROUND_MS: u64 = 1_800_000;
/// The shortest time for which a screenshot is shown while playing.
const FRAME_MS: u64 = 16;

impl Player {
    /// A player that shows nothing yet; [`Input::Tick`] starts it.
    pub fn new(config: Config) -> Self {
        let (stream, source) = (config.stream.clone(), config.source.clone());
        Self {
            access: Access::new(source, stream.to_string(), config.token.clone()),
            discovery: Discovery::default(),
            timeline: Timeline::default(),
            transfers: Transfers::new(stream, config.parallel),
            packs: ByteLru::new(config.pack_bytes),
            decoding: Decoding::new(config.stored_bytes),
            suspects: HashSet::new(),
            sheets: ByteLru::new(config.sheet_bytes),
            failed: HashMap::new(),
            pinned: HashSet::new(),
            compositor: Compositor::default(),
            replay: Replay::default(),
            boards: Boards::default(),
            proof: Proof::Done,
            study: None,
            direct: Direct::default(),
            nearby: false,
            just_shown: false,
            backward: false,
            playback: Playback::new(config.start_ms.unwrap_or(0)),
            aim: Some(config.start_ms.map_or(Aim::Newest, Aim::At)),
            shown: None,
            seeking: false,
            ended: false,
            follow: false,
            skip_idle: false,
            repeat: None,
            loaded: false,
            unlistable: None,
            outputs: VecDeque::new(),
            told: Told::default(),
            config,
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Something happened at `now_ms` (UTC milliseconds of this machine's clock).
    pub fn handle(&mut self, now_ms: u64, input: Input) {
        match input {
            // Browsers round both timers and clocks: a timer may be over before its time, and is needed
            // once more then.
            Input::Tick => self.told.wake_ms = None,
            Input::Seek { time_ms } => {
                let time_ms = time_ms.min(END_OF_TIME_MS - 1);
                self.seek(now_ms, Aim::At(time_ms), time_ms);
            }
            Input::Step(by) => {
                // Steps made before a picture came add up.
                let (from_ms, by) = match (self.aim, self.shown) {
                    (Some(Aim::Step { from_ms, by: before }), _) => {
                        (from_ms, before.saturating_add(by))
                    }
                    (Some(Aim::At(time_ms)), _) => (time_ms, by),
                    (_, Some((shown, _))) => (shown.time_ms, by),
                    _ => return,
                };
                self.stop(now_ms);
                self.seek(now_ms, Aim::Step { from_ms, by }, from_ms);
            }
            Input::Play => self.play(now_ms),
            Input::Pause => self.stop(now_ms),
            Input::SetRate(rate) => {
                if self.playback.set_rate(now_ms, rate) {
                    self.tell(Event::RateChange);
                }
            }
            Input::SkipIdle(skip) => self.skip_idle = skip,
            Input::Repeat(stretch) => self.set_repeat(stretch),
            Input::Follow(follow) => {
                self.follow = follow;
                if follow {
                    self.stop(now_ms);
                }
            }
            Input::GrantReply { status, body, server_now_ms } => {
                self.access.reply(now_ms, status, &body, server_now_ms);
            }
            Input::Renew { token } => {
                self.access.renew(token);
                self.failed.clear();
                self.timeline.forgive();
                self.transfers.hurry();
            }
            Input::Reply { id, status, body } => self.reply(now_ms, id, status, body),
            Input::Part { id, from, bytes } => self.part(id, from, &bytes),
            Input::Online => {
                self.access.online();
                self.transfers.hurry();
            }
            Input::Region { id, surface, rect, seen } => {
                let question = if seen { self.seen_question() } else { Question::History };
                self.begin_study(id, Region::new(question, surface, rect));
            }
            Input::EndRegion => self.end_study(),
            Input::LookAt(time_ms) => self.boards.look_at(time_ms),
            Input::Decoders { ready, coming, bytes } => {
                self.decoding.set_decoders(ready, coming);
                self.packs.set_bound(self.config.pack_bytes.saturating_sub(bytes));
            }
            Input::Decoded { id, tiles } => self.decoded(id, tiles),
            Input::DecoderLost { id } => self.decoding.lost(id),
        }
        self.turn(now_ms);
    }

    fn seek(&mut self, now_ms: u64, aim: Aim, position_ms: u64) {
        self.follow = false;
        self.ended = false;
        self.aim = Some(aim);
        self.seeking = true;
        self.nearby = true;
        self.backward = match aim {
            Aim::Step { by, .. } => by < 0,
            _ => position_ms < self.playback.position(now_ms),
        };
        self.playback.jump(now_ms, position_ms);
        self.tell(Event::Seeking);
    }

    fn play(&mut self, now_ms: u64) {
        self.follow = false;
        if std::mem::take(&mut self.ended)
            && let Some((start_ms, end_ms)) = self.discovery.window()
        {
            let from_ms = if self.playback.is_backward() { end_ms } else { start_ms };
            self.seek(now_ms, Aim::At(from_ms), from_ms);
        }
        if self.playback.play(now_ms) {
            self.tell(Event::Play);
        }
    }

    fn stop(&mut self, now_ms: u64) {
        if self.playback.pause(now_ms) {
            self.tell(Event::Pause);
        }
    }

    fn turn(&mut self, now_ms: u64) {
        let wall_ms = self.access.wall_ms(now_ms);
        if let Some(ask) = self.access.poll(now_ms) {
            self.outputs.push_back(Output::AskGrant(ask));
        }
        self.discovery.advance(wall_ms, &mut self.timeline);
        self.transfers.begin();
        self.decoding.begin();
        let (stream, timeline) = (&self.config.stream, &self.timeline);
        self.discovery.want(now_ms, wall_ms, stream, timeline, &mut self.transfers);
        if let Some((start_ms, _)) = self.discovery.window() {
            self.boards.prune(start_ms);
            self.boards.want(now_ms, start_ms, stream, &mut self.transfers);
        }
        let play_wake_ms = self.pursue(now_ms);
        self.want_metadata();
        self.study();
        self.fetch_ahead();
        self.decoding.flush(now_ms, &mut self.outputs);
        self.prove();
        if self.access.grant(now_ms).is_some() {
            self.transfers.flush(now_ms, &mut self.outputs);
        }
        self.report(now_ms);
        self.schedule(now_ms, play_wake_ms);
    }

    /// The newest manifest lists the moments before it, what stands after a gap tells why, and
    /// segments of several moments are read for their times.
    fn want_metadata(&mut self) {
        let Some(newest) = self.timeline.newest() else { return };
        let summary = self.timeline.summary_wanted();
        if let Some(hour_ms) = summary {
            self.transfers.want_summary(hour_ms, Urgency::Timeline);
        }
        if self.timeline.is_unread(newest) && !self.loaded {
            self.want_manifests(vec![newest], Urgency::Timeline);
            return;
        }
        if summary.is_some() {
            return;
        }
        if !self.discovery.is_complete() {
            return;
        }
        if !self.loaded {
            let batches = self.told.batches.get_or_insert_with(|| {
                let most = if self.config.ahead == 0 { 0 } else { MOST_BATCHES };
                self.timeline.batches().into_iter().take(most).collect()
            });
            let mut unread = batches.clone();
            unread.retain(|id| self.timeline.is_unread(*id));
            self.loaded = unread.is_empty();
            self.want_manifests(unread, Urgency::Timeline);
            if self.loaded {
                self.tell(Event::LoadedMetadata);
            }
        } else if self.config.ahead > 0 {
            self.look_around();
        }
    }

    fn look_around(&mut self) {
        if self.told.around_version != self.timeline.version() {
            self.told.around_version = self.timeline.version();
            let gaps = self.gaps();
            let unnamed = gaps.iter().rev().filter(|gap| gap.kind.is_none());
            let after = unnamed.filter_map(|gap| self.timeline.segment_from(gap.to_ms));
            let mut around: Vec<SegmentId> =
                after.filter(|id| self.timeline.is_unread(*id)).take(MOST_BATCHES).collect();
            let here_ms = self.shown.map_or(0, |(shown, _)| shown.time_ms);
            let mut batches = self.timeline.batches();
            batches.retain(|id| id.first_ms.abs_diff(here_ms) < AROUND_MS);
            around.extend(batches);
            around.extend(self.timeline.unread_indexes(here_ms));
            self.told.around = around;
        }
        let around = self.told.around.clone();
        self.want_manifests(around, Urgency::Someday);
    }

    fn want_manifests(&mut self, segments: Vec<SegmentId>, urgency: Urgency) {
        for id in segments {
            self.transfers.want_manifest(id, self.timeline.size(id), urgency);
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Tells what changed since it was last told.
    fn report(&mut self, now_ms: u64) {
        let status = self.status();
        if self.told.status.as_ref() != Some(&status) {
            self.told.status = Some(status.clone());
            self.tell(Event::Status(status));
        }
        if self.has_progress() && now_ms >= self.told.progress_ms + TELL_EVERY_MS {
            self.told.version = self.progress_version();
            self.told.progress_ms = now_ms;
            self.tell(Event::Progress);
        }
        if self.playback.is_playing() && now_ms >= self.told.time_ms + TELL_EVERY_MS {
            self.told.time_ms = now_ms;
            self.tell(Event::TimeUpdate);
        }
    }

    fn has_progress(&self) -> bool {
        self.told.version != self.progress_version()
    }

    fn progress_version(&self) -> u64 {
        // Both only grow or change together with what they count.
        (self.timeline.version() << 20) ^ self.packs.bytes() as u64
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        match self.access.refusal() {
            Some(Refusal::Locked(reason)) => return Status::Locked { reason: reason.clone() },
            Some(Refusal::Expired) => return Status::Expired,
            Some(Refusal::Denied(reason)) => return Status::Denied { reason: reason.clone() },
            None => {}
        }
        if self.access.is_unreachable() || self.transfers.is_unreachable() {
            return Status::Offline;
        }
        if let Some(reason) = &self.unlistable {
            return Status::Denied { reason: reason.clone() };
        }
        if self.shown.is_some() {
            Status::Ready
        } else if self.discovery.is_empty() || (self.loaded && self.aim.is_none()) {
            Status::Empty
        } else {
            Status::Loading
        }
    }

    fn schedule(&mut self, now_ms: u64, play_wake_ms: Option<u64>) {
        let progress_ms = self.has_progress().then(|| self.told.progress_ms + TELL_EVERY_MS);
        let time_ms = self.playback.is_playing().then(|| self.told.time_ms + TELL_EVERY_MS);
        let wakes = [
            self.access.wake_ms(),
            self.transfers.wake_ms(now_ms),
            self.discovery.wake_ms(),
            self.decoding.wake_ms(),
            play_wake_ms,
            progress_ms,
            time_ms,
        ];
        // What was due is done; an answer comes by itself.
        let wake_ms = wakes.into_iter().flatten().filter(|wake_ms| *wake_ms > now_ms).min();
        if let Some(wake_ms) = wake_ms
            && self.told.wake_ms != Some(wake_ms)
        {
            self.outputs.push_back(Output::WakeAt(wake_ms));
        }
        self.told.wake_ms = wake_ms;
    }
}
