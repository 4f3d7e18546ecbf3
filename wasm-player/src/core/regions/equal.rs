//! Which tiles are the same: as manifests say, and as comparing has found.
//!
//! A day's manifests name hundreds of thousands of equal tiles, of which a region asks for few. So they
//! are kept as they come, as stretches, and followed back to where a tile was first stored only for
//! the tiles asked for.

use std::collections::{HashMap, HashSet};

use deskreel_format::{Links, PackRef, TileRef, TileSize};

use crate::core::sheet::PackKey;

/// A tile: number of its pack in [`Equals`], and slot.
pub(super) type TileId = (u32, u32);

/// Packs by numbers, and the tiles known to be the same or not.
#[derive(Debug, Default)]
pub(super) struct Equals {
    numbers: HashMap<PackKey, u32>,
    packs: Vec<Known>,
    /// Tiles that are the same, where [`Known::copies`] cannot say so.
    same: Vec<(TileId, TileId)>,
    /// Tiles that comparing found to differ.
    other: Vec<(TileId, TileId)>,
    /// What follows of both lists; made anew by [`Equals::settle`].
    settled: Settled,
}

/// A pack, and what is known of its tiles.
#[derive(Debug)]
struct Known {
    place: PackRef,
    tile: TileSize,
    /// Tiles that were stored before in older packs: slots ascend and no two stretches overlap. As each
    /// leads to an older pack, following them ends.
    copies: Vec<Copies>,
}

/// Tiles of a pack that are those of an older one, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Copies {
    slot: u32,
    count: u32,
    from: TileId,
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
            self.packs.push(Known { place: *pack, tile, copies: Vec::new() });
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
    pub(super) fn take(&mut self, links: &Links, packs: &[u32]) {
        self.settled.is_stale = true;
        for run in &links.same {
            let id = |tile: TileRef| (packs[tile.pack as usize], tile.slot);
            let (from, to) = (id(run.from), id(run.to));
            let age = |tile: TileId| PackKey::from(&self.packs[tile.0 as usize].place);
            let leads_back = age(from) < age(to);
            let copies = &mut self.packs[to.0 as usize].copies;
            let new = Copies { slot: to.1, count: run.count, from };
            let is_after = copies.last().is_none_or(|last| last.slot + last.count <= new.slot);
            if leads_back && is_after {
                copies.push(new);
                continue;
            }
            // A segment and the index of its hour say the same.
            let known = copies.binary_search_by_key(&new.slot, |copies| copies.slot);
            if known.is_ok_and(|at| copies[at] == new) {
                continue;
            }
            let pairs = (0..run.count).map(|i| ((from.0, from.1 + i), (to.0, to.1 + i)));
            self.same.extend(pairs);
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
        // A pack holds each different tile once.
        if a.0 == b.0 {
            return if a.1 == b.1 { Verdict::Same } else { Verdict::Different };
        }
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return Verdict::Same;
        }
        let is_known = || self.settled.different.contains(&(a.min(b), a.max(b)));
        if a.0 == b.0 || (!self.settled.different.is_empty() && is_known()) {
            return Verdict::Different;
        }
        Verdict::Unsaid
    }

    /// The one that stands for all tiles that are the same.
    fn root(&self, tile: TileId) -> TileId {
        let mut tile = self.origin(tile);
        if !self.settled.parents.is_empty() {
            while let Some(parent) = self.settled.parents.get(&tile) {
                tile = *parent;
            }
        }
        tile
    }

    /// Where a tile was stored first.
    fn origin(&self, mut tile: TileId) -> TileId {
        loop {
            let copies = &self.packs[tile.0 as usize].copies;
            let after = copies.partition_point(|copies| copies.slot <= tile.1);
            match after.checked_sub(1).map(|at| copies[at]) {
                Some(Copies { slot, count, from }) if tile.1 - slot < count => {
                    tile = (from.0, from.1 + (tile.1 - slot));
                }
                _ => return tile,
            }
        }
    }
}
