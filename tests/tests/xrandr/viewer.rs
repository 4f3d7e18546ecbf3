//! The player's core on a bucket in memory: what a browser would show, without one.

use std::collections::VecDeque;

use deskreel_format::{Limits, StreamName};
use deskreel_player::core::player::Config;
use deskreel_player::core::{Input, Output, Player, Source};

use crate::bucket::Bucket;

/// A monitor as the player lays it out: name, x, y, width, height, and its pixels (RGB).
pub(crate) type Shown = ((String, i32, i32, u32, u32), Vec<u8>);

pub(crate) struct Viewer {
    player: Player,
    bucket: Bucket,
    now_ms: u64,
}

impl Viewer {
    /// Opens a stream at a time.
    pub(crate) fn open(bucket: Bucket, stream: StreamName, now_ms: u64) -> Self {
        let config = Config::new(stream, Source::Server("http://server".into()));
        let mut viewer = Self { player: Player::new(config), bucket, now_ms };
        viewer.input(Input::Tick);
        viewer
    }

    /// What is shown after a seek to `time_ms`: only what was proved to be what was captured.
    pub(crate) fn seek(&mut self, time_ms: u64) -> Option<(u64, Vec<Shown>)> {
        self.input(Input::Seek { time_ms });
        let (key, true) = self.player.shown()? else { return None };
        let shown = |surface: &deskreel_player::core::compositor::Surface| {
            let info = &surface.info;
            let rgb = surface.rgba().chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec());
            ((info.name.clone(), info.x, info.y, info.width, info.height), rgb.collect())
        };
        Some((key.time_ms, self.player.surfaces().iter().map(shown).collect()))
    }

    /// Passes an input in and does what it leads to, until nothing is asked any more.
    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.player.handle(self.now_ms, input);
            while let Some(output) = self.player.poll_output() {
                inputs.extend(self.answer(output));
            }
        }
    }

    fn answer(&self, output: Output) -> Option<Input> {
        match output {
            Output::AskGrant(_) => {
                let expires_ms = self.now_ms + 3_600_000;
                let body = format!(
                    r#"{{"endpoint":"http://server","region":"r","bucket":"b","prefix":"",
                    "path_style":true,"access_key_id":"a","secret_access_key":"s",
                    "session_token":null,"expires_at_ms":{expires_ms}}}"#
                );
                Some(Input::GrantReply { status: 200, body: body.into(), server_now_ms: None })
            }
            Output::List { id, query } => {
                let (status, body) = self.bucket.list(&query);
                Some(Input::Reply { id, status, body })
            }
            Output::Fetch { id, key, range, .. } => {
                let (status, body) = self.bucket.get(&key, range);
                Some(Input::Reply { id, status, body })
            }
            Output::Decode { id, job, .. } => {
                let tiles = job.decode(&Limits::default()).map_err(|error| error.to_string());
                Some(Input::Decoded { id, tiles })
            }
            Output::Soon => Some(Input::Tick),
            _ => None,
        }
    }
}
