//! Which moment is to be shown now, what it still needs, and showing it.

use std::collections::HashMap;

use deskreel_format::time::END_OF_TIME_MS;
use deskreel_format::{PackRef, SegmentId};

use super::{Aim, Event, FRAME_MS, Output, Player, PlayerError, Proof};
use crate::core::compositor::{self, Wanted};
use crate::core::sheet::{MomentKey, PackKey, object_key};
use crate::core::timeline::Lookup;
use crate::core::transfers::Urgency;

/// Moments that playing may pass in one turn; more than any turn needs.
const TURNS: usize = 8;
/// So many moments are looked at for the nearest that is here: less than a millisecond's work.
const MOST_NEAR: usize = 400;
/// Bytes of packs fetched ahead of a still picture, in the direction of travel.
const AHEAD_BYTES: u64 = 2 << 20;

impl Player {
    /// Shows what is to be shown, as far as it is there. Returns when playing goes on by itself.
    pub(super) fn pursue(&mut self, now_ms: u64) -> Option<u64> {
        self.pinned.clear();
        self.discovery.window()?;
        if self.follow && self.aim.is_none() {
            self.follow_newest();
        }
        for _ in 0..TURNS {
            let aim = match self.aim {
                Some(aim) => aim,
                None if self.playback.is_playing() => Aim::At(self.repeated_position(now_ms)),
                None => return None,
            };
            match self.resolve_directly(aim) {
                Lookup::Found(key) => {
                    let is_shown = self.shown.is_some_and(|(shown, _)| shown == key);
                    if is_shown && self.aim.is_none() {
                        match self.play_on(now_ms, key) {
                            Next::Wake(wake_ms) => return self.wake_for_repeat(now_ms, wake_ms),
                            Next::Again => continue,
                        }
                    }
                    if !self.gather(key, Urgency::Now) {
                        self.show_nearest(key.time_ms);
                        self.make_room(key);
                        self.wait(now_ms, key.time_ms);
                        return None;
                    }
                    self.show(now_ms, aim, key);
                }
                Lookup::Nothing => {
                    self.aim = None;
                    self.finish_seek();
                    return None;
                }
                missing => {
                    self.want_missing(missing, Urgency::Now);
                    let position_ms = self.playback.position(now_ms);
                    self.show_nearest(position_ms);
                    self.wait(now_ms, position_ms);
                    return None;
                }
            }
        }
        Some(now_ms + 1)
    }

    fn follow_newest(&mut self) {
        let newest = self.resolve(Aim::Newest);
        if newest != Lookup::Nothing && newest != self.shown_lookup() {
            self.aim = Some(Aim::Newest);
        }
    }

    fn shown_lookup(&self) -> Lookup {
        self.shown.map_or(Lookup::Nothing, |(key, _)| Lookup::Found(key))
    }

    /// Playing waits for bytes; a seek without playing just takes its time.
    fn wait(&mut self, now_ms: u64, position_ms: u64) {
        if !self.playback.is_playing() || self.playback.is_stalled() {
            return;
        }
        // A seek's own position stands; playing waits at the moment that it came to.
        let position_ms =
            if self.aim.is_some() { self.playback.position(now_ms) } else { position_ms };
        if self.playback.stall(now_ms, position_ms) {
            self.tell(Event::Waiting);
        }
    }

    /// The moment that an aim is at.
    pub(super) fn resolve(&self, aim: Aim) -> Lookup {
        let Some((start_ms, _)) = self.discovery.window() else { return Lookup::Nothing };
        let inside = |lookup: Lookup| match lookup {
            Lookup::Found(key) if key.time_ms < start_ms => Lookup::Nothing,
            lookup => lookup,
        };
        let first = || self.timeline.after(start_ms.saturating_sub(1));
        match aim {
            Aim::Newest => inside(self.timeline.at_or_before(END_OF_TIME_MS - 1)),
            Aim::At(time_ms) => match inside(self.timeline.at_or_before(time_ms)) {
                Lookup::Nothing => first(),
                lookup => lookup,
            },
            Aim::Step { from_ms, by } => {
                let mut at = inside(self.timeline.at_or_before(from_ms));
                if at == Lookup::Nothing {
                    at = first();
                }
                for _ in 0..by.unsigned_abs() {
                    let Lookup::Found(key) = at else { break };
                    let next = if by > 0 {
                        self.timeline.after(key.time_ms)
                    } else {
                        inside(self.timeline.at_or_before(key.time_ms.saturating_sub(1)))
                    };
                    if next == Lookup::Nothing {
                        break;
                    }
                    at = next;
                }
                at
            }
        }
    }

    fn want_missing(&mut self, missing: Lookup, urgency: Urgency) {
        match missing {
            Lookup::Unread(segments) => self.want_manifests(segments, urgency),
            Lookup::Unlisted(hour) => {
                self.transfers.want_list(self.timeline.listing(hour), urgency);
            }
            Lookup::Found(_) | Lookup::Nothing => {}
        }
    }

    /// Asks for what a moment still needs; true if it has all that can be had.
    pub(super) fn gather(&mut self, key: MomentKey, urgency: Urgency) -> bool {
        let Some(sheet) = self.sheets.peek(&key.segment) else {
            self.transfers.want_manifest(key.segment, self.timeline.size(key.segment), urgency);
            return false;
        };
        let tile = sheet.manifest.tile;
        let needs: Vec<PackRef> = sheet.needs(key.index).copied().collect();
        self.sheets.touch(&key.segment);
        let (mut missing, mut is_ready) = (Vec::new(), true);
        for pack in needs {
            let pack_key = PackKey::from(&pack);
            self.packs.touch(&pack_key);
            if urgency == Urgency::Now {
                self.pinned.insert(pack_key);
            }
            if self.packs.contains(&pack_key) || self.failed.contains_key(&pack_key) {
                continue;
            }
            is_ready = false;
            if !self.decoding.want(pack_key, urgency) {
                missing.push(pack);
            }
        }
        let suspects = &self.suspects;
        let is_suspect = |pack: &PackRef| suspects.contains(&PackKey::from(pack));
        let (again, missing) = missing.into_iter().partition::<Vec<_>, _>(is_suspect);
        self.transfers.want_packs(missing, tile, false, urgency);
        self.transfers.want_packs(again, tile, true, urgency);
        is_ready
    }

    /// Draws a moment in one go, and tells.
    fn show(&mut self, now_ms: u64, aim: Aim, key: MomentKey) {
        let Some(failures) = self.paint(key) else { return };
        // Playing on: whoever waited for the moment before has been shown it.
        if !matches!(self.proof, Proof::Done) && self.aim.is_none() {
            self.finish_seek();
        }
        self.nearby = false;
        self.just_shown = true;
        if self.playback.resume(now_ms) && self.playback.is_playing() {
            self.tell(Event::Playing);
        }
        if self.aim.take().is_some() {
            let position_ms = match aim {
                Aim::At(time_ms) => time_ms.max(key.time_ms).min(self.end_ms()),
                Aim::Newest | Aim::Step { .. } => key.time_ms,
            };
            self.playback.jump(now_ms, position_ms);
        }
        self.begin_proof(failures);
        self.told.time_ms = now_ms;
        self.tell(Event::TimeUpdate);
        if matches!(self.proof, Proof::Done) && self.aim.is_none() {
            self.finish_seek();
        }
    }

    /// Puts a moment on the screen, whole; returns what is wrong with its packs. `None` if it cannot
    /// be shown at all.
    fn paint(&mut self, key: MomentKey) -> Option<Vec<PlayerError>> {
        let (number, sheet) = self.sheets.peek_numbered(&key.segment)?;
        let object = object_key(&self.config.stream, key.segment);
        let manifest = &sheet.manifest;
        let pixels = sheet.layout(key.index).map_or(0, compositor::pixels);
        if pixels > self.config.max_pixels {
            self.timeline.unreadable(key.segment);
            let limit = self.config.max_pixels;
            self.tell(Event::Error(PlayerError::TooLarge { object, pixels, limit }));
            return None;
        }
        let mut failures: Vec<PlayerError> = sheet
            .needs(key.index)
            .filter_map(|pack| self.failed.get(&PackKey::from(pack)))
            .cloned()
            .collect();
        failures.dedup();
        let index = key.index;
        let screen = self.replay.screen(number, manifest, index)?;
        let packs = &self.packs;
        let numbered = |key| packs.peek_numbered(&key);
        let wanted = Wanted { manifest, number, index, screen };
        let frame = match self.compositor.show(&wanted, numbered) {
            Ok(frame) => frame,
            Err(error) => {
                let effect = "its screenshots cannot be shown";
                self.timeline.unreadable(key.segment);
                let reason = error.to_string();
                self.tell(Event::Error(PlayerError::Corrupt { object, reason, effect }));
                return None;
            }
        };
        if frame.resized {
            self.tell_size();
        }
        for (surface, rects) in frame.dirty {
            self.outputs.push_back(Output::Draw { surface, rects });
        }
        self.shown = Some((key, false));
        // What is around it is to be looked at anew.
        self.told.around_version = u64::MAX;
        Some(failures)
    }

    /// Before anything is shown: while the tiles of the first picture are on their way.
    fn make_room(&mut self, key: MomentKey) {
        if self.shown.is_some() {
            return;
        }
        let Some(sheet) = self.sheets.peek(&key.segment) else { return };
        let Some(layout) = sheet.layout(key.index) else { return };
        if compositor::pixels(layout) > self.config.max_pixels {
            return;
        }
        // What is wrong with it is told when it is to be shown.
        if let Ok(true) = self.compositor.prepare(layout, sheet.manifest.tile) {
            self.tell_size();
        }
    }

    fn tell_size(&mut self) {
        let (width, height) = self.compositor.size();
        self.outputs.push_back(Output::Resize { width, height });
    }

    /// While the moment that a seek goes to is on its way: the one nearest to it that is here whole, if
    /// it is nearer than what is shown. Looked for once a seek, so that scrubbing shows something with
    /// every frame.
    fn show_nearest(&mut self, time_ms: u64) {
        if !std::mem::take(&mut self.nearby) {
            return;
        }
        let shown_away = self.shown.map_or(u64::MAX, |(key, _)| key.time_ms.abs_diff(time_ms));
        let Some(key) = self.nearest(time_ms, shown_away) else { return };
        if let Some(failures) = self.paint(key) {
            self.begin_proof(failures);
        }
    }

    /// The moment nearest to a time, less than `away_ms` from it, that is here whole.
    pub(super) fn nearest(&self, time_ms: u64, away_ms: u64) -> Option<MomentKey> {
        let mut near: Vec<(u64, MomentKey)> = Vec::new();
        for id in self.sheets.keys() {
            let Some(sheet) = self.sheets.peek(id) else { continue };
            for (index, moment) in sheet.manifest.moments.iter().enumerate() {
                let away = moment.time_ms.abs_diff(time_ms);
                if away < away_ms {
                    let (time_ms, segment) = (moment.time_ms, *id);
                    near.push((away, MomentKey { time_ms, segment, index }));
                }
            }
        }
        near.sort_unstable();
        // Each manifest's packs are looked up once: neighbours share most of theirs.
        let mut here: HashMap<SegmentId, Vec<bool>> = HashMap::new();
        let near = near.iter().take(MOST_NEAR).map(|(_, key)| *key);
        near.filter(|key| self.is_inside(*key)).find(|key| {
            let Some(sheet) = self.sheets.peek(&key.segment) else { return false };
            let here = here.entry(key.segment);
            let here = here.or_insert_with(|| sheet.here(|pack| self.packs.contains(&pack)));
            sheet.is_ready(key.index, here)
        })
    }

    fn end_ms(&self) -> u64 {
        self.discovery.window().map_or(END_OF_TIME_MS, |(_, end_ms)| end_ms)
    }

    pub(super) fn finish_seek(&mut self) {
        if std::mem::take(&mut self.seeking) {
            self.tell(Event::Seeked);
        }
    }

    /// Playing is on the moment shown: when does it leave it, and where to?
    fn play_on(&mut self, now_ms: u64, shown: MomentKey) -> Next {
        if self.playback.resume(now_ms) {
            self.tell(Event::Playing);
        }
        let (interval_ms, longest_ms) =
            (self.timeline.interval_ms(), self.timeline.longest_step_ms());
        let position_ms = self.playback.position(now_ms);
        let held_until_ms = shown.time_ms + interval_ms;
        if self.playback.is_backward() {
            if position_ms > held_until_ms {
                self.playback.jump(now_ms, held_until_ms);
            }
            let before_ms = shown.time_ms.saturating_sub(1);
            return match self.timeline.at_or_before(before_ms) {
                Lookup::Found(key) if self.is_inside(key) => {
                    Next::Wake(self.wake_at(now_ms, before_ms))
                }
                Lookup::Unread(_) | Lookup::Unlisted(_) => {
                    Next::Wake(self.wake_at(now_ms, before_ms))
                }
                _ => self.end(now_ms, shown.time_ms),
            };
        }
        match self.timeline.after(shown.time_ms) {
            Lookup::Found(next) => {
                let leap_to_ms = self.next_worth_ms(shown.time_ms).max(next.time_ms);
                if leap_to_ms - shown.time_ms <= longest_ms {
                    return Next::Wake(self.wake_at(now_ms, next.time_ms));
                }
                // Nothing happens until then: the picture is held for its own time and no longer; at
                // all only if something happened in it.
                let is_skipped = self.skip_idle && self.timeline.is_idle(shown.time_ms);
                if position_ms < held_until_ms && !is_skipped {
                    return Next::Wake(self.wake_at(now_ms, held_until_ms));
                }
                self.playback.jump(now_ms, leap_to_ms);
                Next::Again
            }
            Lookup::Nothing if self.repeat.is_some() && position_ms < held_until_ms => {
                Next::Wake(self.wake_at(now_ms, held_until_ms))
            }
            Lookup::Nothing => self.end(now_ms, shown.time_ms),
            missing => {
                self.want_missing(missing, Urgency::Soon);
                Next::Wake(self.wake_at(now_ms, held_until_ms))
            }
        }
    }

    /// What playing forward goes to after a moment: with idle stretches skipped, the next moment in
    /// which something happened, or the newest if nothing did since.
    fn next_worth_ms(&self, time_ms: u64) -> u64 {
        if !self.skip_idle {
            return 0;
        }
        self.timeline.next_active_ms(time_ms).or(self.timeline.newest_ms()).unwrap_or(0)
    }

    fn is_inside(&self, key: MomentKey) -> bool {
        self.discovery.window().is_some_and(|(start_ms, _)| key.time_ms >= start_ms)
    }

    fn wake_at(&self, now_ms: u64, position_ms: u64) -> Option<u64> {
        let wake_ms = self.playback.time_of(now_ms, position_ms)?;
        Some(wake_ms.max(now_ms + FRAME_MS.min(self.frame_ms())))
    }

    /// At high rates several screenshots fall into one frame; at low ones none waits for it.
    fn frame_ms(&self) -> u64 {
        let shown_ms = self.timeline.interval_ms() as f64 / self.playback.rate().abs();
        if shown_ms < FRAME_MS as f64 { FRAME_MS } else { 1 }
    }

    fn end(&mut self, now_ms: u64, position_ms: u64) -> Next {
        if let Some((from_ms, to_ms)) = self.repeat {
            let start_ms = if self.playback.is_backward() { to_ms } else { from_ms };
            self.playback.jump(now_ms, start_ms);
            return Next::Again;
        }
        self.playback.jump(now_ms, position_ms);
        self.stop(now_ms);
        self.ended = true;
        self.tell(Event::TimeUpdate);
        self.tell(Event::Ended);
        Next::Wake(None)
    }

    /// Fetches what will be shown next: ahead of playing, or on both sides of a still picture.
    pub(super) fn fetch_ahead(&mut self) {
        let Some((shown, _)) = self.shown else { return };
        if self.aim.is_some() || self.config.ahead == 0 {
            return;
        }
        // To ask for a dozen packs takes milliseconds, in which nobody hears of the picture.
        if std::mem::take(&mut self.just_shown) {
            // A picture that is to be proved comes back by itself.
            if !matches!(self.proof, Proof::Drawn) {
                self.outputs.push_back(Output::Soon);
            }
            return;
        }
        if self.playback.is_playing() {
            let backward = self.playback.is_backward();
            self.fetch_toward(shown.time_ms, self.config.ahead, backward, u64::MAX);
            return;
        }
        // Whoever travelled here goes on that way, more likely than not.
        self.fetch_toward(shown.time_ms, 1, !self.backward, u64::MAX);
        self.fetch_toward(shown.time_ms, self.config.ahead, self.backward, AHEAD_BYTES);
    }

    fn fetch_toward(&mut self, from_ms: u64, count: usize, backward: bool, mut budget: u64) {
        let stride_ms = if self.playback.is_playing() {
            (self.playback.rate().abs() * FRAME_MS as f64) as u64
        } else {
            0
        };
        let mut time_ms = from_ms;
        for _ in 0..count {
            let next = if backward {
                self.timeline.at_or_before(time_ms.saturating_sub(stride_ms.max(1)))
            } else {
                match self.timeline.after(time_ms) {
                    // Playing will pass over what lies closer than a frame.
                    Lookup::Found(next) if next.time_ms < time_ms + stride_ms => {
                        self.timeline.at_or_before(time_ms + stride_ms)
                    }
                    next => next,
                }
            };
            match next {
                Lookup::Found(key) if self.is_inside(key) && key.time_ms != time_ms => {
                    let missing = self.missing_bytes(key);
                    if missing > budget {
                        return;
                    }
                    budget -= missing;
                    self.gather(key, Urgency::Soon);
                    time_ms = key.time_ms;
                }
                Lookup::Found(_) | Lookup::Nothing => return,
                missing => {
                    self.want_missing(missing, Urgency::Soon);
                    return;
                }
            }
        }
    }

    /// Bytes to be fetched for a moment whose manifest is here.
    fn missing_bytes(&self, key: MomentKey) -> u64 {
        let packs = self.sheets.peek(&key.segment).into_iter().flat_map(|s| s.needs(key.index));
        let is_missing = |pack: &&PackRef| {
            let key = PackKey::from(*pack);
            !self.packs.contains(&key) && !self.decoding.contains(&key)
        };
        packs.filter(is_missing).map(|pack| u64::from(pack.len)).sum()
    }
}

/// What playing does next.
enum Next {
    /// Nothing before this time; `None`: until something comes.
    Wake(Option<u64>),
    /// It went elsewhere.
    Again,
}
