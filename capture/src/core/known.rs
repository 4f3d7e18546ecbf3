//! The tiles that the bucket holds, and where: what makes a tile "seen".

use std::collections::HashMap;

use deskreel_format::{PackRef, SegmentId, TileHash};

/// A tile in a pack, packs numbered in the order in which this index learnt of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the pack in [`KnownTiles`].
    pub pack: u32,
    /// Slot in that pack.
    pub slot: u32,
}

/// A pack and the hashes of its tiles, slot by slot: the unit in which the index is learnt, kept on
/// disk and rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackTiles {
    /// Where the pack lies; offset from the start of its object.
    pub pack: PackRef,
    /// One hash per slot.
    pub hashes: Vec<TileHash>,
}

/// The index of known tiles.
///
/// Invariant: a place is handed out only while its pack is younger than the lease, so that expiry
/// by age never breaks a screenshot.
#[derive(Debug)]
pub struct KnownTiles {
    room: usize,
    lease_ms: u64,
    packs: Vec<PackRef>,
    places: HashMap<TileHash, Place>,
    /// What the commons hold, whether or not this desktop has shown it.
    shared: HashMap<TileHash, Place>,
    /// Numbers of the packs of the commons.
    commons: HashMap<PackRef, u32>,
    /// Tiles were forgotten that the screenshots of the last day may show.
    forgot: bool,
}

/// Tiles that the index holds at most: a busy working day, in about 26 MB.
const ROOM: usize = 900_000;

impl KnownTiles {
    /// An empty index whose entries are good for `lease_ms`.
    pub fn new(lease_ms: u64) -> Self {
        Self::with_room(lease_ms, ROOM)
    }

    /// The same with room for about `room` tiles, see [`KnownTiles::make_room`].
    pub fn with_room(lease_ms: u64, room: usize) -> Self {
        let (places, shared, commons) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { room, lease_ms, packs: Vec::new(), places, shared, commons, forgot: false }
    }

    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where pack number `pack` lies.
    pub fn pack(&self, pack: u32) -> PackRef {
        self.packs[pack as usize]
    }

    /// Whether tiles of a pack may still be referred to at `now_ms`. A clock that jumped back makes
    /// no pack older.
    pub fn in_lease(&self, pack: u32, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.packs[pack as usize].segment.first_ms) < self.lease_ms
    }

    /// Where a tile is, if it may be referred to at `now_ms`.
    pub fn find(&self, hash: &TileHash, now_ms: u64) -> Option<Place> {
        self.places.get(hash).copied().filter(|place| self.in_lease(place.pack, now_ms))
    }

    /// From now on the commons hold just these packs, oldest first; of a tile that lies there twice the
    /// younger place counts.
    pub fn set_commons(&mut self, packs: &[PackTiles]) {
        self.shared.clear();
        for PackTiles { pack, hashes } in packs {
            let next = self.packs.len() as u32;
            let number = *self.commons.entry(*pack).or_insert(next);
            if number == next {
                self.packs.push(*pack);
            }
            let places = (0..).map(|slot| Place { pack: number, slot });
            self.shared.extend(hashes.iter().copied().zip(places));
        }
        self.shared.shrink_to_fit();
    }

    /// Where the commons hold a tile, if it may be referred to at `now_ms`.
    pub fn find_shared(&self, hash: &TileHash, now_ms: u64) -> Option<Place> {
        self.shared.get(hash).copied().filter(|place| self.in_lease(place.pack, now_ms))
    }

    /// From now on this tile is known at `place`, in the commons. Returns where it was.
    pub(super) fn adopt(&mut self, hash: TileHash, place: Place) -> Option<Place> {
        self.places.insert(hash, place)
    }

    /// Where tiles were last, whether or not they may still be referred to.
    pub fn last(&self, hashes: impl Iterator<Item = TileHash>) -> HashMap<TileHash, Place> {
        hashes.filter_map(|hash| Some((hash, *self.places.get(&hash)?))).collect()
    }

    /// Whether tiles were forgotten, since this was last asked, that screenshots less than a lease old
    /// may show.
    pub(super) fn take_forgot(&mut self) -> bool {
        std::mem::take(&mut self.forgot)
    }

    /// Knows again what the screen shows. Else a tile could be stored again while it is shown from
    /// where it was, and nobody could say that both are the same.
    pub(super) fn keep(&mut self, hashes: &[TileHash], places: &[Place]) {
        for (hash, place) in hashes.iter().zip(places) {
            self.places.entry(*hash).or_insert(*place);
        }
    }

    /// Learns a pack; its tiles replace older places of the same tiles. Returns its number.
    pub fn learn(&mut self, tiles: &PackTiles) -> u32 {
        let pack = self.packs.len() as u32;
        self.packs.push(tiles.pack);
        for (slot, hash) in tiles.hashes.iter().enumerate() {
            self.places.insert(*hash, Place { pack, slot: slot as u32 });
        }
        pack
    }

    /// Forgets the oldest packs if more is known than there is room for: so many that there is room
    /// for an eighth more, so that it is not done for every pack. What is forgotten is stored again
    /// when it is next seen.
    ///
    /// Not while a screenshot is being stored: it could not be said of its tiles where they were.
    pub fn make_room(&mut self) {
        if self.places.len() <= self.room {
            return;
        }
        let mut counts = vec![0_usize; self.packs.len()];
        self.places.values().for_each(|place| counts[place.pack as usize] += 1);
        let mut left = self.places.len();
        let goal = self.room - self.room / 8;
        let oldest = counts.iter().position(|count| {
            left -= count;
            left <= goal
        });
        let cut = oldest.unwrap_or(counts.len()) as u32;
        // The newest pack is in use, however large it is.
        let cut = cut.min(self.packs.len() as u32 - 2_u32.min(self.packs.len() as u32));
        self.forgot = true;
        self.places.retain(|_, place| place.pack > cut);
    }

    /// Corrects where a pack lies, once the object around it is complete.
    pub(crate) fn relocate(&mut self, pack: u32, to: PackRef) {
        self.packs[pack as usize] = to;
    }

    /// Forgets tiles whose lease was over a lease ago, to bound memory: no screenshot younger than a
    /// lease shows them. Those in between are remembered, so that it can be said of a tile stored
    /// again where it was before.
    pub fn expire(&mut self, now_ms: u64) {
        let (packs, lease_ms) = (&self.packs, self.lease_ms);
        self.places.retain(|_, place| {
            now_ms.saturating_sub(packs[place.pack as usize].segment.first_ms) < 2 * lease_ms
        });
        if self.places.len() * 4 < self.places.capacity() {
            self.places.shrink_to_fit();
        }
    }

    /// Forgets every tile of segments that do not satisfy `keep`: they are not in the bucket.
    pub fn retain_segments(&mut self, keep: impl Fn(&SegmentId) -> bool) {
        let packs = &self.packs;
        self.forgot = true;
        self.places.retain(|_, place| keep(&packs[place.pack as usize].segment));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(first_ms: u64, hashes: &[u8]) -> PackTiles {
        let segment = SegmentId { first_ms, writer: 1 };
        PackTiles {
            pack: PackRef { segment, offset: 0, len: 1, tiles: hashes.len() as u32 },
            hashes: hashes.iter().map(|byte| TileHash([*byte; 16])).collect(),
        }
    }

    #[test]
    fn a_tile_is_unknown_once_its_lease_is_over_and_known_again_when_stored_again() {
        let mut known = KnownTiles::new(100);
        known.learn(&pack(1_000, &[1, 2]));
        let hash = TileHash([2; 16]);
        assert_eq!(known.find(&hash, 1_099), Some(Place { pack: 0, slot: 1 }));
        assert_eq!(known.find(&hash, 1_100), None);
        known.learn(&pack(1_100, &[2]));
        assert_eq!(known.find(&hash, 1_100), Some(Place { pack: 1, slot: 0 }));
        known.expire(1_199);
        assert_eq!(known.len(), 2);
        assert_eq!(known.find(&TileHash([1; 16]), 1_199), None);
        let old = TileHash([1; 16]);
        assert_eq!(known.last([old].into_iter())[&old], Place { pack: 0, slot: 0 });
        known.expire(1_200);
        assert_eq!(known.len(), 1);
    }

    #[test]
    fn the_oldest_packs_make_room_and_the_newest_never_goes() {
        let mut known = KnownTiles::with_room(1_000, 8);
        for (index, hashes) in [[1, 2, 3], [4, 5, 6], [7, 8, 9]].iter().enumerate() {
            known.learn(&pack(index as u64, hashes));
            known.make_room();
            assert!(known.len() <= 8);
        }
        assert!(known.find(&TileHash([2; 16]), 5).is_none());
        assert!((4..=9).all(|hash| known.find(&TileHash([hash; 16]), 5).is_some()));
        let large: Vec<u8> = (100..120).collect();
        known.learn(&pack(9, &large));
        known.make_room();
        assert!(large.iter().all(|hash| known.find(&TileHash([*hash; 16]), 10).is_some()));
        assert_eq!(known.len(), 20);
    }

    #[test]
    fn a_clock_that_jumps_back_loses_no_tile() {
        let mut known = KnownTiles::new(100);
        known.learn(&pack(1_000, &[1]));
        assert!(known.find(&TileHash([1; 16]), 5).is_some());
    }

    #[test]
    fn what_the_commons_hold_is_found_beside_what_is_known_and_keeps_its_number() {
        let mut known = KnownTiles::new(100);
        known.learn(&pack(1_000, &[1]));
        let hash = |byte| TileHash([byte; 16]);
        known.set_commons(&[pack(1_010, &[1, 2]), pack(1_050, &[2])]);
        assert_eq!(known.find(&hash(2), 1_060), None);
        let young = Place { pack: 2, slot: 0 };
        assert_eq!(known.find_shared(&hash(2), 1_149), Some(young));
        assert_eq!(known.find_shared(&hash(2), 1_150), None);
        assert_eq!(known.find_shared(&hash(1), 1_109), Some(Place { pack: 1, slot: 0 }));
        known.set_commons(&[pack(1_050, &[2])]);
        assert_eq!(known.find_shared(&hash(2), 1_060), Some(young));
        assert_eq!(known.find_shared(&hash(1), 1_060), None);
        assert_eq!(known.adopt(hash(2), young), None);
        assert_eq!(known.find(&hash(2), 1_060), Some(young));
    }

    #[test]
    fn tiles_of_missing_segments_are_forgotten() {
        let mut known = KnownTiles::new(100);
        known.learn(&pack(1, &[1]));
        known.learn(&pack(2, &[2]));
        known.retain_segments(|id| id.first_ms == 2);
        assert!(known.find(&TileHash([1; 16]), 3).is_none());
        assert!(known.find(&TileHash([2; 16]), 3).is_some());
    }
}
