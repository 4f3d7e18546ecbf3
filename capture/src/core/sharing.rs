//! What this desktop has to share: tiles that stayed on its screen, and how much it shows of what is
//! shared and grows old. Decides what a list says, and when there is one.

use std::collections::{BTreeMap, HashMap, HashSet};

use deskreel_format::manifest::COMMONS_WRITER;
use deskreel_format::sharing::{CandidateGroup, Candidates, TilePrefix, Vote};
use deskreel_format::{SegmentId, TileHash, TileSize};
use deskreel_upkeep::plan::LEASE_MS;
use deskreel_upkeep::plan::share::AGING_MS;

use super::known::{KnownTiles, Place};

/// Between two looks at the screen, milliseconds.
const LOOK_MS: u64 = 300_000;
/// A tile that was stored so long ago and is on the screen is worth telling of, milliseconds.
const DWELL_MS: u64 = 300_000;
/// Between two lists, milliseconds.
const LIST_MS: u64 = 3_600_000;
/// From the start to the first list, milliseconds: not every desktop is on for long.
const FIRST_MS: u64 = 900_000;
/// Tiles of one list at most.
const ROOM: usize = 200_000;

/// Gathers what the next list will say.
#[derive(Debug, Default)]
pub(super) struct Sharer {
    looked_ms: Option<u64>,
    next_list_ms: Option<u64>,
    /// What was told of, and when: a desktop tells of a tile once a lease.
    told: HashMap<TileHash, u64>,
    groups: BTreeMap<SegmentId, Vec<TilePrefix>>,
    tiles: usize,
    /// The slots that were seen of each ageing pack of the commons.
    shown: BTreeMap<(u64, u32), HashSet<u32>>,
    /// Whether that is more than the last list said.
    is_more_shown: bool,
}

impl Sharer {
    /// Looks at a screen of `now_ms`: the hash and the place of each cell. Most screens are let pass.
    pub(super) fn see(
        &mut self,
        now_ms: u64,
        hashes: &[TileHash],
        places: &[Place],
        known: &KnownTiles,
    ) {
        self.next_list_ms.get_or_insert(now_ms.saturating_add(FIRST_MS));
        // A clock that jumped back starts the wait anew.
        let is_early = |looked: u64| looked <= now_ms && now_ms - looked < LOOK_MS;
        if self.looked_ms.is_some_and(is_early) {
            return;
        }
        self.looked_ms = Some(now_ms);
        self.told.retain(|_, told_ms| now_ms.saturating_sub(*told_ms) < LEASE_MS);
        self.shown.retain(|(first_ms, _), _| now_ms.saturating_sub(*first_ms) < LEASE_MS);
        for (hash, place) in hashes.iter().zip(places) {
            match known.find_shared(hash, now_ms) {
                Some(shared) => self.vote(now_ms, shared, known),
                None => self.tell(now_ms, hash, *place, known),
            }
        }
    }

    fn vote(&mut self, now_ms: u64, shared: Place, known: &KnownTiles) {
        let pack = known.pack(shared.pack);
        if now_ms.saturating_sub(pack.segment.first_ms) >= AGING_MS {
            let slots = self.shown.entry((pack.segment.first_ms, pack.offset)).or_default();
            self.is_more_shown |= slots.insert(shared.slot);
        }
    }

    fn tell(&mut self, now_ms: u64, hash: &TileHash, place: Place, known: &KnownTiles) {
        let segment = known.pack(place.pack).segment;
        let has_stayed = now_ms.saturating_sub(segment.first_ms) >= DWELL_MS;
        let is_own = segment.writer != COMMONS_WRITER;
        if !has_stayed || !is_own || !Candidates::names(hash) {
            return;
        }
        if self.tiles < ROOM && !self.told.contains_key(hash) {
            self.told.insert(*hash, now_ms);
            self.groups.entry(segment).or_default().push(Candidates::prefix(hash));
            self.tiles += 1;
        }
    }

    /// Segments that satisfy `gone` never arrived: nothing can be shared of them.
    pub(super) fn forget_segments(&mut self, gone: impl Fn(&SegmentId) -> bool) {
        self.groups.retain(|segment, _| !gone(segment));
        self.tiles = self.groups.values().map(Vec::len).sum();
    }

    /// The next list, if it is time for one and there is something to say.
    pub(super) fn take(&mut self, now_ms: u64, tile: TileSize) -> Option<Candidates> {
        let is_due = self.next_list_ms.is_some_and(|next_ms| now_ms >= next_ms);
        if !is_due || (self.groups.is_empty() && !self.is_more_shown) {
            return None;
        }
        self.next_list_ms = Some(now_ms.saturating_add(LIST_MS));
        self.is_more_shown = false;
        self.tiles = 0;
        let groups = std::mem::take(&mut self.groups).into_iter();
        let groups = groups.map(|(segment, tiles)| CandidateGroup { segment, tiles });
        let votes = self.shown.iter().map(|((first_ms, offset), slots)| Vote {
            first_ms: *first_ms,
            offset: *offset,
            tiles: slots.len() as u32,
        });
        Some(Candidates { tile, groups: groups.collect(), votes: votes.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::PackTiles;
    use super::*;
    use deskreel_format::PackRef;

    const START: u64 = 1_763_856_000_000;
    const SIZE: TileSize = TileSize::ALL[1];

    /// Of tiles that lists name.
    fn hash(tile: u8) -> TileHash {
        let mut hash = [tile; 16];
        hash[15] = 8;
        TileHash(hash)
    }

    fn pack(first_ms: u64, writer: u32, tiles: &[u8]) -> PackTiles {
        let segment = SegmentId { first_ms, writer };
        let pack = PackRef { segment, offset: 40, len: 9, tiles: tiles.len() as u32 };
        PackTiles { pack, hashes: tiles.iter().copied().map(hash).collect() }
    }

    /// Looks at a screen of these tiles.
    fn see(sharer: &mut Sharer, known: &KnownTiles, now_ms: u64, tiles: &[u8]) {
        let hashes: Vec<TileHash> = tiles.iter().copied().map(hash).collect();
        let places: Vec<Place> =
            hashes.iter().map(|hash| known.find(hash, now_ms).expect("known")).collect();
        sharer.see(now_ms, &hashes, &places, known);
    }

    #[test]
    fn tiles_that_stay_are_told_of_once_and_fleeting_ones_never() {
        let mut known = KnownTiles::new(LEASE_MS);
        known.learn(&pack(START, 1, &[1, 2]));
        let mut sharer = Sharer::default();
        see(&mut sharer, &known, START, &[1, 2]);
        see(&mut sharer, &known, START + LOOK_MS, &[1]);
        assert_eq!(sharer.take(START + FIRST_MS - 1, SIZE), None);
        let list = sharer.take(START + FIRST_MS, SIZE).unwrap();
        let segment = SegmentId { first_ms: START, writer: 1 };
        assert_eq!(list.groups, [CandidateGroup { segment, tiles: vec![[1; 8]] }]);
        assert_eq!(list.votes, []);
        see(&mut sharer, &known, START + 2 * LOOK_MS, &[1]);
        assert_eq!(sharer.take(START + FIRST_MS + LIST_MS, SIZE), None);
    }

    #[test]
    fn one_tile_in_eight_is_named() {
        let other = TileHash([7; 16]);
        assert!(Candidates::names(&hash(7)) && !Candidates::names(&other));
        let mut known = KnownTiles::new(LEASE_MS);
        let place = Place { pack: known.learn(&pack(START, 1, &[7])), slot: 0 };
        let mut sharer = Sharer::default();
        sharer.see(START + DWELL_MS, &[other], &[place], &known);
        assert_eq!(sharer.take(START + LIST_MS, SIZE), None);
    }

    #[test]
    fn what_is_shared_is_not_told_of_but_voted_for_once_it_ages() {
        let mut known = KnownTiles::new(LEASE_MS);
        known.learn(&pack(START, 1, &[1, 2, 3]));
        known.set_commons(&[pack(START, COMMONS_WRITER, &[1, 2])]);
        let mut sharer = Sharer::default();
        see(&mut sharer, &known, START + DWELL_MS, &[1, 2]);
        assert_eq!(sharer.take(START + LIST_MS, SIZE), None);
        see(&mut sharer, &known, START + AGING_MS, &[1, 1]);
        let list = sharer.take(START + AGING_MS, SIZE).unwrap();
        assert_eq!(list.votes, [Vote { first_ms: START, offset: 40, tiles: 1 }]);
        // More was shown: told again, in all. Nothing more: not.
        let later = START + AGING_MS + LIST_MS;
        see(&mut sharer, &known, later, &[2]);
        assert_eq!(sharer.take(later, SIZE).unwrap().votes[0].tiles, 2);
        see(&mut sharer, &known, later + LIST_MS, &[1, 2]);
        assert_eq!(sharer.take(later + LIST_MS, SIZE), None);
    }

    #[test]
    fn segments_that_never_arrived_are_not_told_of() {
        let mut known = KnownTiles::new(LEASE_MS);
        known.learn(&pack(START, 1, &[1]));
        known.learn(&pack(START + 1, 1, &[2]));
        let mut sharer = Sharer::default();
        see(&mut sharer, &known, START + 1 + DWELL_MS, &[1, 2]);
        sharer.forget_segments(|id| id.first_ms == START);
        let list = sharer.take(START + LIST_MS, SIZE).unwrap();
        assert_eq!(list.groups.len(), 1);
        assert_eq!(list.groups[0].tiles, [[2; 8]]);
    }
}
