//! What can be asked of a player without changing it.

use deskreel_format::SegmentId;

use super::{Aim, Player, Proof};
use crate::core::access::Grant;
use crate::core::boards::Thumbnail;
use crate::core::compositor::Surface;
use crate::core::preview::{self, Preview};
use crate::core::sheet::MomentKey;
use crate::core::timeline::{Gap, Mark};

impl Player {
    /// The grant that requests are signed with now.
    pub fn grant(&self, now_ms: u64) -> Option<&Grant> {
        self.access.grant(now_ms)
    }

    /// Start and end of the window, UTC milliseconds; `None` while nothing is known.
    pub fn window(&self) -> Option<(u64, u64)> {
        self.discovery.window()
    }

    /// The playing time, UTC milliseconds: where a seek went, though its screenshot be older.
    pub fn position(&self, now_ms: u64) -> u64 {
        match self.aim {
            Some(Aim::At(time_ms)) => time_ms,
            _ => self.playback.position(now_ms),
        }
    }

    /// The screenshot on the screen, and whether every pixel was proved to be what was captured.
    pub fn shown(&self) -> Option<(MomentKey, bool)> {
        self.shown
    }

    /// Whether the pixels shown are being proved.
    pub fn is_proving(&self) -> bool {
        !matches!(self.proof, Proof::Done)
    }

    /// The surfaces on the screen, in the order of the layout.
    pub fn surfaces(&self) -> &[Surface] {
        self.compositor.surfaces()
    }

    /// The screenshots known in the window, oldest first.
    pub fn marks(&self) -> Vec<Mark> {
        self.window().map_or_else(Vec::new, |(start_ms, _)| self.timeline.marks(start_ms))
    }

    /// The stretches without screenshots in the window.
    pub fn gaps(&self) -> Vec<Gap> {
        self.window().map_or_else(Vec::new, |window| self.timeline.gaps(&self.marks(), window))
    }

    /// Time of the newest screenshot known, UTC milliseconds.
    pub fn newest_ms(&self) -> Option<u64> {
        self.timeline.newest_ms()
    }

    /// The server's clock, UTC milliseconds; this machine's while it is not known.
    pub fn wall_ms(&self, now_ms: u64) -> u64 {
        self.access.wall_ms(now_ms)
    }

    /// The stretch that playing repeats, UTC milliseconds.
    pub fn repeated(&self) -> Option<(u64, u64)> {
        self.repeat
    }

    /// The screenshot nearest to a time that is here whole, drawn small. Asks for nothing.
    pub fn preview(&self, time_ms: u64, most: u32) -> Option<Preview> {
        let key = self.nearest(time_ms, u64::MAX)?;
        let sheet = self.sheets.peek(&key.segment)?;
        preview::draw(&sheet.manifest, key.index, most, |key| self.packs.peek(&key))
    }

    /// The small picture nearest to a time out of the storyboards that are here. Asks for nothing.
    pub fn thumbnail(&self, time_ms: u64) -> Option<Thumbnail<'_>> {
        self.boards.nearest(time_ms)
    }

    /// The image of a storyboard that is here, a JPEG.
    pub fn storyboard(&self, id: SegmentId) -> Option<&[u8]> {
        self.boards.board(id).map(|board| board.image.as_slice())
    }

    /// Milliseconds between screenshots as planned.
    pub fn interval_ms(&self) -> u64 {
        self.timeline.interval_ms()
    }

    /// Playing, be it that it waits for bytes.
    pub fn is_playing(&self) -> bool {
        self.playback.is_playing()
    }

    /// Seconds per second.
    pub fn rate(&self) -> f64 {
        self.playback.rate()
    }

    /// A seek or step waits for its screenshot.
    pub fn is_seeking(&self) -> bool {
        self.seeking
    }

    /// The end was reached by playing.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Goes along with the newest screenshot.
    pub fn is_following(&self) -> bool {
        self.follow
    }

    /// As `HTMLMediaElement.readyState`: 0 nothing, 1 metadata, 2 a picture, 4 enough to play on.
    pub fn ready_state(&self) -> u8 {
        match (self.loaded, self.shown.is_some(), self.aim.is_some()) {
            (_, true, false) if self.playback.is_stalled() => 2,
            (_, true, false) => 4,
            (true, ..) => 1,
            _ => 0,
        }
    }

    /// Bytes of decoded tiles held.
    pub fn cached_bytes(&self) -> usize {
        self.packs.bytes()
    }

    /// Bytes of packs held as they were stored, of manifests, and of the picture.
    pub fn other_bytes(&self) -> (usize, usize, usize) {
        let picture = self.surfaces().iter().map(|surface| surface.rgba().len()).sum();
        (self.decoding.bytes(), self.sheets.bytes() + self.replay.bytes(), picture)
    }

    /// Stretches of time whose screenshots are all here, ascending, UTC milliseconds.
    pub fn buffered(&self) -> Vec<(u64, u64)> {
        let interval_ms = self.interval_ms();
        let mut ready: Vec<u64> = Vec::new();
        for sheet in self.sheets.keys().filter_map(|id| self.sheets.peek(id)) {
            let is_here = |key| self.packs.contains(&key) || self.decoding.contains(&key);
            ready.extend(sheet.ready(is_here));
        }
        ready.sort_unstable();
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for time_ms in ready {
            match spans.last_mut() {
                Some((_, end_ms)) if time_ms <= *end_ms + interval_ms / 2 => {
                    *end_ms = time_ms + interval_ms;
                }
                _ => spans.push((time_ms, time_ms + interval_ms)),
            }
        }
        spans
    }
}
