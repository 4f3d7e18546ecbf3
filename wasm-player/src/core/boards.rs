//! Storyboards: which there are, which are here, and what to ask for while somebody looks along the
//! slider. Nothing is asked for before.

use std::collections::BTreeMap;

use deskreel_format::storyboard::STORYBOARD_SPAN_MS;
use deskreel_format::{SegmentId, Storyboard, StreamName};

use super::cache::ByteLru;
use super::transfers::{Job, Transfers, Urgency};

/// New ones are looked for so often at most.
const LOOK_EVERY_MS: u64 = 30_000;
/// Bytes of images kept: those of a day.
const HELD_BYTES: usize = 8 << 20;

/// What is known of a stream's storyboards.
pub struct Boards {
    /// False for those that cannot be had.
    known: BTreeMap<SegmentId, bool>,
    held: ByteLru<SegmentId, Storyboard>,
    /// What somebody looks at, UTC milliseconds.
    wanted_ms: Option<u64>,
    /// When they were listed last.
    listed_ms: Option<u64>,
    /// The key after which they are being listed.
    listing: Option<String>,
}

/// A small picture of a storyboard that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thumbnail<'a> {
    /// Whose it is.
    pub id: SegmentId,
    /// The storyboard.
    pub board: &'a Storyboard,
    /// Which of its pictures.
    pub index: usize,
}

impl Default for Boards {
    fn default() -> Self {
        let (known, held) = (BTreeMap::new(), ByteLru::new(HELD_BYTES));
        Self { known, held, wanted_ms: None, listed_ms: None, listing: None }
    }
}

impl Boards {
    /// Somebody looks at this time, or no longer at any.
    pub fn look_at(&mut self, time_ms: Option<u64>) {
        self.wanted_ms = time_ms;
    }

    /// Wants what is missing of what is looked at. `start_ms`: the window's start.
    pub fn want(
        &mut self,
        now_ms: u64,
        start_ms: u64,
        stream: &StreamName,
        transfers: &mut Transfers,
    ) {
        let Some(wanted_ms) = self.wanted_ms else { return };
        let best = self.best(wanted_ms);
        let is_covered =
            best.is_some_and(|id| wanted_ms.abs_diff(id.first_ms) < STORYBOARD_SPAN_MS);
        let may_look = self.listed_ms.is_none_or(|listed_ms| now_ms >= listed_ms + LOOK_EVERY_MS);
        if !is_covered && may_look && self.listing.is_none() {
            let newest_ms = self.known.keys().next_back().map(|id| id.first_ms);
            let from_ms = newest_ms.unwrap_or(start_ms.saturating_sub(STORYBOARD_SPAN_MS));
            self.listing = Some(stream.storyboards_from(from_ms));
        }
        if let Some(after) = &self.listing {
            transfers.want_list(Job::Boards(after.clone()), Urgency::Timeline);
        }
        if let Some(id) = best.filter(|id| !self.held.contains(id)) {
            transfers.want_list(Job::Board(id), Urgency::Timeline);
        }
    }

    /// The one that shows what is nearest to a time, as far as keys tell.
    fn best(&self, time_ms: u64) -> Option<SegmentId> {
        let usable = |(id, is_usable): (&SegmentId, &bool)| is_usable.then_some(*id);
        let from = SegmentId { first_ms: time_ms.saturating_add(1), writer: 0 };
        let before = self.known.range(..from).rev().find_map(usable);
        let after = self.known.range(from..).find_map(usable);
        match (before, after) {
            // It shows up to ten minutes after its first picture.
            (Some(before), _) if time_ms - before.first_ms < STORYBOARD_SPAN_MS => Some(before),
            (Some(before), Some(after)) => {
                let since_ms = time_ms - before.first_ms - STORYBOARD_SPAN_MS;
                Some(if since_ms <= after.first_ms - time_ms { before } else { after })
            }
            (before, after) => before.or(after),
        }
    }

    /// A page of the listing came; whether it was the last.
    pub fn listed(&mut self, now_ms: u64, ids: impl IntoIterator<Item = SegmentId>, is_last: bool) {
        for id in ids {
            self.known.entry(id).or_insert(true);
        }
        if is_last {
            self.listing = None;
            self.listed_ms = Some(now_ms);
        }
    }

    /// An object came, or cannot be had (`None`); whether there is a new picture to show.
    pub fn arrived(&mut self, id: SegmentId, bytes: Option<&[u8]>) -> bool {
        let board = bytes.and_then(|bytes| Storyboard::decode(bytes).ok());
        match board.filter(|board| board.times.first() == Some(&id.first_ms)) {
            Some(board) => {
                let size = board.image.len();
                self.held.insert(id, board, size, |_| false);
                true
            }
            None => {
                self.known.insert(id, false);
                false
            }
        }
    }

    /// Forgets those that end before the window.
    pub fn prune(&mut self, start_ms: u64) {
        let first_ms = start_ms.saturating_sub(STORYBOARD_SPAN_MS);
        self.known = self.known.split_off(&SegmentId { first_ms, writer: 0 });
    }

    /// The small picture nearest to a time among those that are here.
    pub fn nearest(&self, time_ms: u64) -> Option<Thumbnail<'_>> {
        let boards = self.held.keys().filter(|id| self.known.contains_key(id));
        let thumbnails = boards.filter_map(|id| {
            let board = self.held.peek(id)?;
            Some(Thumbnail { id: *id, board, index: board.nearest(time_ms)? })
        });
        thumbnails.min_by_key(|thumbnail| (thumbnail.time_ms().abs_diff(time_ms), thumbnail.id))
    }

    /// One that is here.
    pub fn board(&self, id: SegmentId) -> Option<&Storyboard> {
        self.held.peek(&id)
    }
}

impl Thumbnail<'_> {
    /// The time of the screenshot that it shows, UTC milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.board.times[self.index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::io::Output;
    use std::collections::VecDeque;

    const START: u64 = 1_700_000_400_000;

    fn id(minutes: u64) -> SegmentId {
        SegmentId { first_ms: START + minutes * 60_000, writer: 9 }
    }

    fn bytes(minutes: u64, pictures: u64) -> Vec<u8> {
        let times = (0..pictures).map(|n| id(minutes + n).first_ms).collect();
        let board = Storyboard { width: 4, height: 3, columns: 5, times, image: vec![1; 100] };
        board.encode().unwrap()
    }

    /// What is asked for now.
    fn asked(boards: &mut Boards, now_ms: u64) -> Vec<Output> {
        let stream = StreamName::parse("desk").unwrap();
        let mut transfers = Transfers::new(stream.clone(), 8);
        transfers.begin();
        boards.want(now_ms, START, &stream, &mut transfers);
        let mut outputs = VecDeque::new();
        transfers.flush(now_ms, &mut outputs);
        outputs.into()
    }

    fn keys(outputs: &[Output]) -> Vec<String> {
        let key = |output: &Output| match output {
            Output::Fetch { key, range: None, .. } => key.clone(),
            Output::List { query, .. } => {
                query.iter().find(|(name, _)| *name == "start-after").unwrap().1.clone()
            }
            other => panic!("{other:?}"),
        };
        outputs.iter().map(key).collect()
    }

    #[test]
    fn nothing_is_asked_for_before_somebody_looks_and_only_what_is_looked_at() {
        let stream = StreamName::parse("desk").unwrap();
        let mut boards = Boards::default();
        assert_eq!(asked(&mut boards, 0), []);
        boards.look_at(Some(id(12).first_ms));
        let from = stream.storyboards_from(START - STORYBOARD_SPAN_MS);
        assert_eq!(keys(&asked(&mut boards, 0)), [from]);
        boards.listed(0, [id(0), id(10), id(20)], true);
        assert_eq!(keys(&asked(&mut boards, 0)), [stream.storyboard_key(id(10))]);
        assert!(boards.arrived(id(10), Some(&bytes(10, 10))));
        assert_eq!(asked(&mut boards, 0), []);
        let near = boards.nearest(id(12).first_ms + 20_000).unwrap();
        assert_eq!((near.id, near.index, near.time_ms()), (id(10), 2, id(12).first_ms));
        // Looking elsewhere no longer asks for it; looking nowhere asks for nothing.
        boards.look_at(Some(id(3).first_ms));
        assert_eq!(keys(&asked(&mut boards, 0)), [stream.storyboard_key(id(0))]);
        boards.look_at(None);
        assert_eq!(asked(&mut boards, 0), []);
    }

    #[test]
    fn what_is_newer_than_the_listing_is_looked_for_again_but_not_all_the_time() {
        let stream = StreamName::parse("desk").unwrap();
        let mut boards = Boards::default();
        boards.look_at(Some(id(35).first_ms));
        boards.listed(5_000, [id(0), id(10)], true);
        assert!(boards.arrived(id(10), Some(&bytes(10, 10))));
        assert_eq!(asked(&mut boards, 5_000 + LOOK_EVERY_MS - 1), []);
        let from = stream.storyboards_from(id(10).first_ms);
        assert_eq!(keys(&asked(&mut boards, 5_000 + LOOK_EVERY_MS)), [from]);
        boards.listed(40_000, [id(10), id(33)], true);
        assert_eq!(keys(&asked(&mut boards, 40_000)), [stream.storyboard_key(id(33))]);
    }

    #[test]
    fn damaged_and_missing_ones_are_not_asked_for_again() {
        let mut boards = Boards::default();
        boards.listed(0, [id(0), id(10)], true);
        boards.look_at(Some(id(11).first_ms));
        let mut damaged = bytes(10, 10);
        damaged[30] ^= 1;
        assert!(!boards.arrived(id(10), Some(&damaged)));
        // The next best is.
        let stream = StreamName::parse("desk").unwrap();
        assert_eq!(keys(&asked(&mut boards, 1)), [stream.storyboard_key(id(0))]);
        assert!(!boards.arrived(id(0), None));
        assert_eq!(asked(&mut boards, 1), []);
        // One that belongs elsewhere is damaged too.
        boards.listed(0, [id(20)], true);
        assert!(!boards.arrived(id(20), Some(&bytes(21, 3))));
        assert_eq!(boards.nearest(START), None);
    }

    #[test]
    fn those_before_the_window_are_forgotten() {
        let mut boards = Boards::default();
        boards.listed(0, [id(0), id(10)], true);
        assert!(boards.arrived(id(0), Some(&bytes(0, 10))));
        assert!(boards.nearest(START).is_some());
        boards.prune(START + STORYBOARD_SPAN_MS + 1);
        assert_eq!(boards.nearest(START), None);
    }
}
