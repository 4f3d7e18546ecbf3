//! Drives a player: answers its requests from a bucket, keeps what it draws, moves the time.

use std::collections::VecDeque;

use deskreel_format::Limits;
use deskreel_player::core::player::Config;
use deskreel_player::core::{
    DecodeId, DecodeJob, Event, Input, Output, Player, PlayerError, Source, TransferId,
};

use crate::bucket::Bucket;
use crate::recording::{Shot, T0, stream};

/// A request that was not answered yet.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    List(TransferId, Vec<(&'static str, String)>),
    Fetch(TransferId, String, Option<(u64, u64)>, Vec<usize>),
}

impl Request {
    pub(crate) fn id(&self) -> TransferId {
        match self {
            Self::List(id, _) | Self::Fetch(id, ..) => *id,
        }
    }
}

pub(crate) struct Driver {
    pub(crate) player: Player,
    pub(crate) bucket: Bucket,
    pub(crate) now_ms: u64,
    pub(crate) wake_ms: Option<u64>,
    pub(crate) pending: VecDeque<Request>,
    /// Every GET of an object: key and range.
    pub(crate) fetched: Vec<(String, Option<(u64, u64)>)>,
    pub(crate) listed: usize,
    /// Bytes of all answers.
    pub(crate) received: usize,
    pub(crate) events: Vec<Event>,
    /// What is on the screen: one RGBA buffer per surface, drawn only by what outputs say.
    pub(crate) canvas: Vec<(u32, u32, Vec<u8>)>,
    /// Pixels drawn in all.
    pub(crate) drawn: u64,
    pub(crate) grants_expire_ms: u64,
    pub(crate) grant_status: u16,
    pub(crate) grants: usize,
    /// Decodings under way, and whether they were to be done on the page's own thread. Stays empty
    /// unless `holds_work`: what is to be decoded or proved is, at once.
    pub(crate) decodings: VecDeque<(DecodeId, DecodeJob, bool)>,
    pub(crate) holds_work: bool,
    /// The player asked to be called again soon.
    pub(crate) soon: bool,
}

pub(crate) fn config() -> Config {
    Config { ahead: 0, ..Config::new(stream(), Source::Server("http://h".into())) }
}

impl Driver {
    /// A player that was not ticked yet; the time is shortly after the last shot of most tests.
    pub(crate) fn new(bucket: Bucket, config: Config) -> Self {
        Self {
            player: Player::new(config),
            bucket,
            now_ms: T0 + 3_600_000,
            wake_ms: None,
            pending: VecDeque::new(),
            fetched: Vec::new(),
            listed: 0,
            received: 0,
            events: Vec::new(),
            canvas: Vec::new(),
            drawn: 0,
            grants_expire_ms: 43_200_000,
            grant_status: 200,
            grants: 0,
            decodings: VecDeque::new(),
            holds_work: false,
            soon: false,
        }
    }

    /// A player that has loaded and shows the newest shot.
    pub(crate) fn opened(bucket: Bucket, config: Config) -> Self {
        let mut driver = Self::new(bucket, config);
        driver.input(Input::Tick);
        driver.settle();
        driver
    }

    /// Passes an input in and takes the outputs; requests are left pending.
    pub(crate) fn input(&mut self, input: Input) {
        self.player.handle(self.now_ms, input);
        while let Some(output) = self.player.poll_output() {
            match output {
                Output::AskGrant(_) => {
                    self.grants += 1;
                    let reply = self.grant_reply();
                    self.input(reply);
                }
                Output::List { id, query } => {
                    self.listed += 1;
                    self.pending.push_back(Request::List(id, query));
                }
                Output::Fetch { id, key, range, parts, .. } => {
                    self.fetched.push((key.clone(), range));
                    self.pending.push_back(Request::Fetch(id, key, range, parts));
                }
                Output::Decode { id, job, here } => {
                    self.decodings.push_back((id, job, here));
                    if !self.holds_work {
                        self.decode_one();
                    }
                }
                Output::Soon if self.holds_work => self.soon = true,
                Output::Soon => self.input(Input::Tick),
                Output::Cancel { id } => self.pending.retain(|request| request.id() != id),
                Output::Resize { .. } => {
                    let surfaces = self.player.surfaces().iter();
                    self.canvas = surfaces
                        .map(|s| (s.info.width, s.info.height, vec![0; s.rgba().len()]))
                        .collect();
                }
                Output::Draw { surface, rects } => {
                    let source = self.player.surfaces()[surface].rgba();
                    let (width, _, canvas) = &mut self.canvas[surface];
                    for rect in rects {
                        self.drawn += u64::from(rect.width) * u64::from(rect.height);
                        for y in rect.y..rect.y + rect.height {
                            let from = ((y * *width + rect.x) * 4) as usize;
                            let to = from + rect.width as usize * 4;
                            canvas[from..to].copy_from_slice(&source[from..to]);
                        }
                    }
                }
                Output::Event(event) => self.events.push(event),
                Output::WakeAt(wake_ms) => {
                    assert!(wake_ms > self.now_ms, "a wake in the past would spin");
                    self.wake_ms = Some(wake_ms);
                }
            }
        }
    }

    fn grant_reply(&self) -> Input {
        let expires = self.now_ms + self.grants_expire_ms;
        let json = format!(
            r#"{{"endpoint":"http://h","region":"r","bucket":"b","prefix":"","path_style":true,
            "access_key_id":"a","secret_access_key":"s","session_token":null,
            "expires_at_ms":{expires}}}"#
        );
        let status = self.grant_status;
        Input::GrantReply { status, body: json.into_bytes(), server_now_ms: None }
    }

    /// Does the oldest decoding; false if there is none.
    pub(crate) fn decode_one(&mut self) -> bool {
        let Some((id, job, _)) = self.decodings.pop_front() else { return false };
        let tiles = job.decode(&Limits::default()).map_err(|error| error.to_string());
        self.input(Input::Decoded { id, tiles });
        true
    }

    /// Answers the oldest pending request from the bucket; false if there is none.
    pub(crate) fn answer_one(&mut self) -> bool {
        let Some(request) = self.pending.pop_front() else { return false };
        self.answer(&request);
        true
    }

    pub(crate) fn answer(&mut self, request: &Request) {
        let (id, (status, body)) = match request {
            Request::List(id, query) => (*id, self.bucket.list(query)),
            Request::Fetch(id, key, range, _) => (*id, self.bucket.get(key, *range)),
        };
        self.received += body.len();
        if let Request::Fetch(_, _, _, parts) = request
            && status == 206
        {
            self.parts(id, parts, &body);
        }
        self.input(Input::Reply { id, status, body });
    }

    /// Brings the parts of a body, as far as it goes.
    pub(crate) fn parts(&mut self, id: TransferId, parts: &[usize], body: &[u8]) {
        let mut from = 0;
        for end in parts.iter().filter(|end| **end <= body.len()) {
            self.input(Input::Part { id, from, bytes: body[from..*end].to_vec() });
            from = *end;
        }
    }

    /// Answers until nothing is asked any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.answer_one() {
                return;
            }
        }
        panic!("the player never stops asking");
    }

    /// Lets time pass, waking the player when it asked to be woken, answering at once.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        self.settle();
        while let Some(wake_ms) = self.wake_ms.filter(|wake_ms| *wake_ms <= end_ms) {
            self.now_ms = self.now_ms.max(wake_ms);
            self.wake_ms = None;
            self.input(Input::Tick);
            self.settle();
        }
        self.now_ms = end_ms;
        self.input(Input::Tick);
        self.settle();
    }

    pub(crate) fn seek(&mut self, time_ms: u64) {
        self.input(Input::Seek { time_ms });
        self.settle();
    }

    /// The screenshot shown: its time, and whether it was proved exact.
    pub(crate) fn shown(&self) -> Option<(u64, bool)> {
        self.player.shown().map(|(key, exact)| (key.time_ms, exact))
    }

    /// Every shot told as shown, in order.
    pub(crate) fn shown_times(&self) -> Vec<u64> {
        let shown = |event: &Event| match event {
            Event::Shown { time_ms, .. } => Some(*time_ms),
            _ => None,
        };
        self.events.iter().filter_map(shown).collect()
    }

    pub(crate) fn errors(&self) -> Vec<&PlayerError> {
        fn error(event: &Event) -> Option<&PlayerError> {
            match event {
                Event::Error(error) => Some(error),
                _ => None,
            }
        }
        self.events.iter().filter_map(error).collect()
    }

    /// Panics unless the canvas shows exactly this shot.
    pub(crate) fn assert_shows(&self, shot: &Shot) {
        assert_eq!(self.shown(), Some((shot.time_ms, true)));
        assert_eq!(self.canvas.len(), shot.pictures.len());
        for ((width, height, rgba), picture) in self.canvas.iter().zip(&shot.pictures) {
            assert_eq!((*width, *height), (picture.width(), picture.height()));
            let wanted = picture.rgb().chunks_exact(3);
            assert!(rgba.chunks_exact(4).zip(wanted).all(|(a, b)| a[..3] == *b && a[3] == 255));
        }
    }
}
