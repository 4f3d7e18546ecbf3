//! Which tiles are the same: as manifests say, and as comparing has found.
//!
//! A day's manifests name hundreds of thousands of runs of equal tiles, of which a region asks for few.
//! So they stay with the manifests, and only the tiles asked for are followed back to where they were
//! first stored.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deskreel_format::{PackRef, TileRef, TileSize};

use crate::core::sheet::{Copies, PackKey};

/// A tile: number of its pack in [`Equals`], and slot.
pub(super) type TileId = (u32, u32);

/// Packs by numbers, and the tiles known to be the same or not.
#[derive(Debug, Default)]
pub(super) struct Equals {
    numbers: HashMap<PackKey, u32>,
    packs: Vec<Known>,
    told: Vec<Told>,
    /// Tiles that are the same, where `told` cannot say so.
    same: Vec<(TileId, TileId)>,
    /// Tiles that comparing found to differ.
    other: Vec<(TileId, TileId)>,
    /// What follows of both lists; made anew by [`Equals::settle`].
    settled: Settled,
    /// Where tiles were stored first that were followed back once: some are asked for at every change,
    /// and were stored again hundreds of times.
    origins: RefCell<HashMap<TileId, TileId>>,
}

/// A pack, and who tells of its tiles.
#[derive(Debug)]
struct Known {
    place: PackRef,
    tile: TileSize,
    /// Of two that tell of one tile, the first counts; what the other says is in [`Equals::same`].
    source: Option<Source>,
    /// Hardly ever any: a segment and the index of its hour say the same, which is kept once.
    more: Vec<Source>,
}

/// So many others may tell of a pack; what is said beyond them goes to [`Equals::same`]. Else each would
/// have to be held against all before it.
const MOST_MORE: usize = 3;

/// A pack in a manifest that tells of it: index into [`Equals::told`], and into the manifest's table.
#[derive(Debug, Clone, Copy)]
struct Source {
    manifest: u32,
    pack: u32,
}

/// A manifest that was taken in.
#[derive(Debug)]
struct Told {
    copies: Arc<Copies>,
    /// The number of each pack of its table.
    packs: Arc<[u32]>,
}

impl Told {
    fn id(&self, tile: TileRef) -> TileId {
        (self.packs[tile.pack as usize], tile.slot)
    }
}

#[derive(Debug, Default)]
struct Settled {
    is_stale: bool,
    /// From a tile to the same one elsewhere; without circles. Its keys were stored nowhere before.
    parents: HashMap<TileId, TileId>,
    different: HashSet<(TileId, TileId)>,
}

/// What is known of two tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are the same.
    Same,
    /// They differ.
    Different,
    /// They are not said to be the same: along a chain they differ.
    Unsaid,
}

impl Equals {
    /// The number of a pack.
    pub(super) fn number(&mut self, pack: &PackRef, tile: TileSize) -> u32 {
        *self.numbers.entry(pack.into()).or_insert_with(|| {
            self.packs.push(Known { place: *pack, tile, source: None, more: Vec::new() });
            self.packs.len() as u32 - 1
        })
    }

    /// Where a pack lies.
    pub(super) fn place(&self, key: &PackKey) -> Option<(PackRef, TileSize)> {
        let known = self.packs.get(*self.numbers.get(key)? as usize)?;
        Some((known.place, known.tile))
    }

    /// A tile by where it is stored.
    pub(super) fn tile(&self, (pack, slot): TileId) -> (PackKey, u32) {
        (PackKey::from(&self.packs[pack as usize].place), slot)
    }

    /// The inverse of [`Self::tile`].
    pub(super) fn id(&self, (key, slot): (PackKey, u32)) -> Option<TileId> {
        self.numbers.get(&key).map(|number| (*number, slot))
    }

    /// Takes in what a manifest says; `packs` are the numbers of the packs of its table.
    pub(super) fn take(&mut self, copies: &Arc<Copies>, packs: &Arc<[u32]>) {
        self.settled.is_stale = true;
        self.origins.get_mut().clear();
        let manifest = self.told.len() as u32;
        let told = Told { copies: Arc::clone(copies), packs: Arc::clone(packs) };
        let odd = copies.odd().map(|(from, to)| (told.id(from), told.id(to)));
        self.same.extend(odd);
        self.told.push(told);
        for (pack, number) in (0..).zip(packs.iter()) {
            if copies.of(pack).is_empty() {
                continue;
            }
            let known = &mut self.packs[*number as usize];
            let source = Source { manifest, pack };
            match known.source {
                None => known.source = Some(source),
                Some(_) => self.add(*number, source),
            }
        }
    }

    /// Another one tells of a pack: takes in what nobody has told yet.
    fn add(&mut self, pack: u32, source: Source) {
        let has_room = self.packs[pack as usize].more.len() < MOST_MORE;
        let told = &self.told[source.manifest as usize];
        let (mut is_new, mut pairs) = (false, Vec::new());
        for (slot, from) in told.copies.of(source.pack).iter().flat_map(|copy| copy.tiles()) {
            let (from, to) = (told.id(from), (pack, slot));
            match self.before(to) {
                Some(known) if known == from => {}
                None if has_room => is_new = true,
                _ => pairs.push((from, to)),
            }
        }
        self.same.append(&mut pairs);
        if is_new {
            self.packs[pack as usize].more.push(source);
        }
    }

    /// Comparing found whether two tiles are the same.
    pub(super) fn compared(&mut self, a: TileId, b: TileId, equal: bool) {
        self.settled.is_stale = true;
        if equal { self.same.push((a, b)) } else { self.other.push((a, b)) }
    }

    /// To be called before [`Self::verdict`] whenever something was taken in.
    pub(super) fn settle(&mut self) {
        if !self.settled.is_stale {
            return;
        }
        self.settled = Settled::default();
        for &(a, b) in &self.same {
            let (a, b) = (self.root(a), self.root(b));
            if a != b {
                self.settled.parents.insert(a, b);
            }
        }
        for &(a, b) in &self.other {
            let (a, b) = (self.root(a), self.root(b));
            self.settled.different.insert((a.min(b), a.max(b)));
        }
    }

    /// What is known of two tiles.
    pub(super) fn verdict(&self, a: TileId, b: TileId) -> Verdict {
        one_pack(a, b).unwrap_or_else(|| self.judge(self.root(a), self.root(b)))
    }

    /// The same of a tile whose root is known, to be held against many.
    pub(super) fn verdict_of(&self, (a, root): (TileId, TileId), b: TileId) -> Verdict {
        one_pack(a, b).unwrap_or_else(|| self.judge(root, self.root(b)))
    }

    /// The one that stands for all tiles that are the same.
    pub(super) fn root(&self, tile: TileId) -> TileId {
        let mut tile = self.origin(tile);
        if !self.settled.parents.is_empty() {
            while let Some(parent) = self.settled.parents.get(&tile) {
                tile = *parent;
            }
        }
        tile
    }

    /// What is known of two roots.
    fn judge(&self, a: TileId, b: TileId) -> Verdict {
        let is_known = || self.settled.different.contains(&(a.min(b), a.max(b)));
        one_pack(a, b).unwrap_or_else(|| match !self.settled.different.is_empty() && is_known() {
            true => Verdict::Different,
            false => Verdict::Unsaid,
        })
    }

    /// Where a tile was stored first.
    fn origin(&self, mut tile: TileId) -> TileId {
        let mut origins = self.origins.borrow_mut();
        let mut path = Vec::new();
        // Each step leads to an older pack.
        let origin = loop {
            if let Some(origin) = origins.get(&tile) {
                break *origin;
            }
            path.push(tile);
            match self.before(tile) {
                Some(before) => tile = before,
                None => break tile,
            }
        };
        origins.extend(path.into_iter().map(|tile| (tile, origin)));
        origin
    }

    /// Where a tile was stored before, as manifests say.
    fn before(&self, (pack, slot): TileId) -> Option<TileId> {
        let known = &self.packs[pack as usize];
        known.source.iter().chain(&known.more).find_map(|source| {
            let told = &self.told[source.manifest as usize];
            let before = told.copies.before(TileRef { pack: source.pack, slot })?;
            Some(told.id(before))
        })
    }
}

/// What is known of tiles of one pack: it holds each different tile once.
fn one_pack(a: TileId, b: TileId) -> Option<Verdict> {
    let verdict = if a.1 == b.1 { Verdict::Same } else { Verdict::Different };
    (a.0 == b.0).then_some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::{SameTiles, SegmentId};

    /// Packs are as old as their numbers are small.
    fn pack(number: u64) -> PackRef {
        let segment = SegmentId { first_ms: 100 + number, writer: 1 };
        PackRef { segment, offset: 0, len: 1, tiles: 10 }
    }

    type Pair = ((u64, u32), (u64, u32));

    /// A manifest that tells of these pairs, in this order.
    fn tell(equals: &mut Equals, table: &[u64], pairs: &[Pair]) {
        let packs: Vec<PackRef> = table.iter().map(|number| pack(*number)).collect();
        let at = |(number, slot): (u64, u32)| {
            // One that stands in the table twice has odd slots told of there.
            let is_it = |other: &u64| *other == number;
            let mut table = table.iter();
            let at = if slot % 2 == 0 { table.position(is_it) } else { table.rposition(is_it) };
            TileRef { pack: at.unwrap() as u32, slot }
        };
        let same = pairs.iter().map(|(a, b)| SameTiles { from: at(*a), to: at(*b), count: 1 });
        let copies = Arc::new(Copies::new(same.collect(), &packs));
        let numbers = packs.iter().map(|pack| equals.number(pack, TileSize::ALL[1])).collect();
        equals.take(&copies, &numbers);
    }

    fn id(equals: &Equals, (number, slot): (u64, u32)) -> TileId {
        equals.id((PackKey::from(&pack(number)), slot)).unwrap()
    }

    fn verdict(equals: &Equals, a: (u64, u32), b: (u64, u32)) -> Verdict {
        equals.verdict(id(equals, a), id(equals, b))
    }

    #[test]
    fn all_that_tell_of_a_pack_are_asked() {
        let mut equals = Equals::default();
        tell(&mut equals, &[5, 1], &[((1, 0), (5, 0)), ((1, 1), (5, 1))]);
        // The same, one more, and of one something else.
        tell(&mut equals, &[1, 2, 5], &[((1, 0), (5, 0)), ((2, 7), (5, 1)), ((2, 3), (5, 2))]);
        tell(&mut equals, &[1, 5], &[((1, 0), (5, 0))]);
        equals.settle();
        assert_eq!((equals.told.len(), equals.same.len()), (3, 1));
        let known = &equals.packs[id(&equals, (5, 0)).0 as usize];
        assert_eq!(known.more.len(), 1);
        for (a, b) in [((1, 0), (5, 0)), ((1, 1), (5, 1)), ((2, 7), (1, 1)), ((5, 2), (2, 3))] {
            assert_eq!(verdict(&equals, a, b), Verdict::Same, "{a:?} {b:?}");
        }
        assert_eq!(verdict(&equals, (5, 2), (2, 4)), Verdict::Different);
        assert_eq!(verdict(&equals, (5, 3), (1, 3)), Verdict::Unsaid);
    }

    /// Whatever manifests say, in whatever order and however often: tiles are the same exactly if what
    /// was said leads from one to the other.
    #[test]
    fn tiles_are_the_same_if_and_only_if_pairs_lead_from_one_to_the_other() {
        let mut state = 1_u64;
        let mut below = |end: u64| {
            state =
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (state >> 33) % end
        };
        for _ in 0..200 {
            let mut equals = Equals::default();
            let all = |_| (0..6).flat_map(|pack| (0..4).map(move |slot| (pack, slot)));
            let mut class: HashMap<(u64, u32), (u64, u32)> = all(()).map(|t| (t, t)).collect();
            for _ in 0..1 + below(9) {
                // A pack may stand in a table twice.
                let table: Vec<u64> = (0..6).chain([below(6)]).collect();
                let mut tile = || (below(6), below(4) as u32);
                let pairs: Vec<Pair> = (0..1 + tile().1 * 2).map(|_| (tile(), tile())).collect();
                for (a, b) in &pairs {
                    let (a, b) = (class[a], class[b]);
                    class.values_mut().filter(|c| **c == a).for_each(|c| *c = b);
                }
                tell(&mut equals, &table, &pairs);
            }
            equals.settle();
            for (a, b) in all(()).flat_map(|a| all(()).map(move |b| (a, b))) {
                // Within a pack no two tiles are the same, and nobody asks what was said of them.
                if a.0 != b.0 {
                    let is_same = verdict(&equals, a, b) == Verdict::Same;
                    assert_eq!(is_same, class[&a] == class[&b], "{a:?} {b:?}");
                }
            }
        }
    }
}
