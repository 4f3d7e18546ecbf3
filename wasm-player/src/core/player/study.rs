//! Studying a region: reads every manifest of the window, compares the tiles that manifests leave
//! open, tells the answer.

use super::{Event, Player, Urgency};
use crate::core::regions::{Answer, Question, Region, Tile};
use crate::core::sheet::PackKey;

/// A region under study.
pub(super) struct Study {
    id: u32,
    region: Region,
    /// Pairs of tiles to compare before the answer is looked for again.
    open: Vec<(Tile, Tile)>,
    /// A pack that was to be compared cannot be had.
    is_sure: bool,
    told: (usize, usize),
}

/// Pairs compared at once: their packs must fit the cache.
const PAIRS: usize = 100;

impl Player {
    /// Begins to study a region; one at a time.
    pub(super) fn begin_study(&mut self, id: u32, region: Region) {
        self.end_study();
        let (open, told) = (Vec::new(), (0, 0));
        self.study = Some(Study { id, region, open, is_sure: true, told });
    }

    /// Ends the study under way without an answer.
    pub(super) fn end_study(&mut self) {
        if let Some(before) = self.study.take() {
            self.tell(Event::RegionFound { id: before.id, times: Vec::new(), sure: false });
        }
    }

    /// The question for what is shown now.
    pub(super) fn seen_question(&self) -> Question {
        Question::Seen(self.shown.map_or(0, |(key, _)| key.time_ms))
    }

    /// Goes on with it.
    pub(super) fn study(&mut self) {
        let Some(mut study) = self.study.take() else { return };
        let Some((start_ms, _)) = self.discovery.window() else {
            self.study = Some(study);
            return;
        };
        let needed = self.timeline.readable();
        let mut unread = Vec::new();
        for id in &needed {
            if study.region.has(*id) {
                continue;
            }
            match self.sheets.peek(id) {
                Some(sheet) => study.region.take(sheet),
                None => unread.push(*id),
            }
        }
        let read = needed.len() - unread.len();
        if !unread.is_empty() || !self.discovery.is_complete() {
            if study.told != (read, needed.len()) {
                let times = study.region.so_far(start_ms);
                self.tell_progress(&mut study, (read, needed.len()), times);
            }
            // The person waits for it, though less than for the picture.
            self.want_manifests(unread, Urgency::Timeline);
            self.study = Some(study);
            return;
        }
        loop {
            let open = std::mem::take(&mut study.open);
            for pair in open {
                match self.compare_tiles(&mut study, pair) {
                    Some(equal) => study.region.compared(pair, equal),
                    None => study.open.push(pair),
                }
            }
            if !study.open.is_empty() {
                self.study = Some(study);
                return;
            }
            match study.region.answer(start_ms, self.timeline.interval_ms()) {
                Answer::Times(times) => {
                    if study.told != (read, read) {
                        let certain = match study.region.question() {
                            Question::History => times.clone(),
                            Question::Seen(_) => Vec::new(),
                        };
                        self.tell_progress(&mut study, (read, read), certain);
                    }
                    self.tell(Event::RegionFound { id: study.id, times, sure: study.is_sure });
                    return;
                }
                Answer::Compare(mut pairs) => {
                    if study.told != (read, read) {
                        let times = study.region.so_far(start_ms);
                        self.tell_progress(&mut study, (read, read), times);
                    }
                    pairs.truncate(PAIRS);
                    study.open = pairs;
                }
            }
        }
    }

    /// Tells how many of how many manifests were read, and what is certain by them.
    fn tell_progress(&mut self, study: &mut Study, told: (usize, usize), times: Vec<u64>) {
        study.told = told;
        let (read, of) = told;
        self.tell(Event::RegionProgress { id: study.id, read, of, times });
    }

    /// Whether two tiles are equal, once both their packs are here.
    fn compare_tiles(&mut self, study: &mut Study, pair: (Tile, Tile)) -> Option<bool> {
        let mut is_here = true;
        for (key, _) in [pair.0, pair.1] {
            if self.failed.contains_key(&key) {
                study.is_sure = false;
                return Some(false);
            }
            self.pinned.insert(key);
            if !self.packs.contains(&key) {
                is_here = false;
                self.want_pack(study, key);
            }
        }
        if !is_here {
            return None;
        }
        let tile = |(key, slot): Tile| self.packs.peek(&key).and_then(|pack| pack.tile(slot));
        Some(tile(pair.0) == tile(pair.1))
    }

    fn want_pack(&mut self, study: &Study, key: PackKey) {
        if self.decoding.want(key, Urgency::Soon) {
            return;
        }
        if let Some((place, tile)) = study.region.place(&key) {
            let fresh = self.suspects.contains(&key);
            self.transfers.want_packs([place], tile, fresh, Urgency::Soon);
        }
    }
}
