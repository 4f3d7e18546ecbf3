//! Which tiles are the same: as manifests say, and as comparing has found.

use std::collections::{HashMap, HashSet};

use deskreel_format::{PackRef, TileSize};

use crate::core::sheet::PackKey;

/// A tile: number of its pack in [`Equals`], and slot.
pub(super) type TileId = (u32, u32);

/// Packs by numbers, and the tiles known to be the same or not.
#[derive(Debug, Default)]
pub(super) struct Equals {
    numbers: HashMap<PackKey, u32>,
    packs: Vec<(PackRef, TileSize)>,
    /// From a tile to the same one elsewhere; without circles.
    parents: HashMap<TileId, TileId>,
    /// Packs that have a tile in `parents`: few have, and the rest need no look into the map.
    has_parent: Vec<bool>,
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
            self.packs.push((*pack, tile));
            self.has_parent.push(false);
            self.packs.len() as u32 - 1
        })
    }

    /// Where a pack lies.
    pub(super) fn place(&self, key: &PackKey) -> Option<(PackRef, TileSize)> {
        self.packs.get(*self.numbers.get(key)? as usize).copied()
    }

    /// A tile by where it is stored.
    pub(super) fn tile(&self, (pack, slot): TileId) -> (PackKey, u32) {
        (PackKey::from(&self.packs[pack as usize].0), slot)
    }

    /// The inverse of [`Self::tile`].
    pub(super) fn id(&self, (key, slot): (PackKey, u32)) -> Option<TileId> {
        self.numbers.get(&key).map(|number| (*number, slot))
    }

    /// Two tiles are the same.
    pub(super) fn join(&mut self, from: TileId, to: TileId) {
        let (from, to) = (self.root(from), self.root(to));
        if from != to {
            self.has_parent[from.0 as usize] = true;
            self.parents.insert(from, to);
        }
    }

    /// Two tiles differ.
    pub(super) fn part(&mut self, a: TileId, b: TileId) {
        let (a, b) = (self.root(a), self.root(b));
        self.different.insert((a.min(b), a.max(b)));
    }

    /// What is known of two tiles.
    pub(super) fn verdict(&self, a: TileId, b: TileId) -> Verdict {
        let (first, second) = (self.root(a), self.root(b));
        if first == second {
            return Verdict::Same;
        }
        // A pack holds each different tile once.
        let pair = (first.min(second), first.max(second));
        if a.0 == b.0 || first.0 == second.0 || self.different.contains(&pair) {
            return Verdict::Different;
        }
        Verdict::Unsaid
    }

    fn root(&self, mut tile: TileId) -> TileId {
        while self.has_parent[tile.0 as usize]
            && let Some(parent) = self.parents.get(&tile)
        {
            tile = *parent;
        }
        tile
    }
}
