//! One heir: the packs and the manifest of a segment that takes another's place.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{
    CellChange, Grid, Layout, Limits, Links, Manifest, Moment, Pack, PackRef, SegmentId, TileRef,
};

use super::budget::{PackUse, SeekBudget, packs_to_clean};
use super::rewrite::{RewriteError, Rewriter, Tile, each_kept};

/// Largest number of pixels in a pack of tiles stored again.
const PACK_PIXELS: u32 = 524_288;

/// An heir being written. Its own packs are located from the end of its manifest.
pub(super) struct Heir<'a> {
    rewriter: &'a Rewriter,
    old: &'a Manifest,
    id: SegmentId,
    pub(super) packs: Vec<Vec<u8>>,
    /// Bytes of `packs`.
    end: u32,
    /// Tiles stored again: from old places to new ones.
    pub(super) tiles: HashMap<Tile, Tile>,
    /// Packs copied.
    pub(super) whole: HashMap<PackRef, PackRef>,
    /// Packs whose tiles must be stored again, and whose bytes are not at hand.
    pub(super) wanted: BTreeSet<PackRef>,
    table: Vec<PackRef>,
    numbers: HashMap<PackRef, u32>,
    decoded: HashMap<PackRef, Pack>,
}

impl<'a> Heir<'a> {
    /// The heir `id` of the segment `old`, empty.
    pub(super) fn new(rewriter: &'a Rewriter, old: &'a Manifest, id: SegmentId) -> Self {
        Self {
            rewriter,
            old,
            id,
            packs: Vec::new(),
            end: 0,
            tiles: HashMap::new(),
            whole: HashMap::new(),
            wanted: BTreeSet::new(),
            table: Vec::new(),
            numbers: HashMap::new(),
            decoded: HashMap::new(),
        }
    }

    fn add(&mut self, bytes: Vec<u8>, tiles: u32) -> PackRef {
        let pack = PackRef { segment: self.id, offset: self.end, len: bytes.len() as u32, tiles };
        self.end += pack.len;
        self.packs.push(bytes);
        pack
    }

    /// Takes over all packs of the old segment.
    ///
    /// # Errors
    /// [`RewriteError::Lost`] when bytes are missing.
    pub(super) fn copy_packs(
        &mut self,
        bytes: &HashMap<PackRef, Bytes>,
    ) -> Result<(), RewriteError> {
        for pack in self.old.packs.iter().filter(|pack| pack.segment == self.old.id) {
            let lost = RewriteError::Lost { segment: pack.segment, slot: 0 };
            let copy = self.add(bytes.get(pack).ok_or(lost)?.to_vec(), pack.tiles);
            self.whole.insert(*pack, copy);
        }
        Ok(())
    }

    /// Stores what must be stored, and tells of all kept moments. With packs [`Self::wanted`] it is
    /// not to be used.
    ///
    /// # Errors
    /// [`RewriteError`].
    pub(super) fn manifest(
        &mut self,
        bytes: &HashMap<PackRef, Bytes>,
        limits: &Limits,
    ) -> Result<Manifest, RewriteError> {
        let old = self.old;
        let mut layouts: Vec<Layout> = Vec::new();
        let mut moments: Vec<Moment> = Vec::new();
        let mut before: Vec<TileRef> = Vec::new();
        let mut kept: Vec<(&Moment, Vec<TileRef>)> = Vec::new();
        each_kept(old, &self.rewriter.range, |moment, screen| {
            kept.push((moment, screen.cells.clone()));
        });
        for (moment, screen) in kept {
            let layout = &old.layouts[moment.layout as usize];
            let positions = positions(&layout.grids(old.tile)?);
            let lost = |heir: &Self, tile: Tile| {
                heir.rewriter.loses(tile.0.segment) && heir.place(tile).is_none()
            };
            self.store_again(&screen, &positions, bytes, limits, lost)?;
            let clean = self.over_budget(&screen);
            if !clean.is_empty() {
                let dear = |heir: &Self, tile: Tile| {
                    heir.place(tile).is_some_and(|(pack, _)| clean.contains(&pack))
                };
                self.store_again(&screen, &positions, bytes, limits, dear)?;
            }
            let number = layouts.iter().position(|l| l == layout).unwrap_or_else(|| {
                layouts.push(layout.clone());
                layouts.len() - 1
            }) as u32;
            let cells: Vec<TileRef> =
                screen.iter().map(|cell| self.follow(*cell)).collect::<Result<_, _>>()?;
            let follows = moments.last().is_some_and(|last| last.layout == number);
            let changed = |cell: usize| !follows || before[cell] != cells[cell];
            let changes = (0..cells.len())
                .filter(|cell| changed(*cell))
                .map(|cell| CellChange { cell: cell as u32, to: cells[cell] });
            moments.push(Moment {
                time_ms: moment.time_ms,
                layout: number,
                idle: moment.idle,
                digests: moment.digests.clone(),
                changes: changes.collect(),
            });
            before = cells;
        }
        // Copies that no moment shows are told of all the same: others may show them.
        for (_, copy) in sorted(&self.whole) {
            self.number(copy);
        }
        Ok(Manifest {
            id: self.id,
            tile: old.tile,
            interval_ms: old.interval_ms,
            layouts,
            packs: self.table.clone(),
            moments,
            absences: old.absences.clone(),
            tail: old
                .tail
                .iter()
                .filter(|s| !self.rewriter.range.contains(&s.time_ms))
                .copied()
                .collect(),
            // Tiles go by other names from here on: what was said of the old ones says nothing.
            links: Links::default(),
        })
    }

    fn number(&mut self, pack: PackRef) -> u32 {
        let next = self.table.len() as u32;
        *self.numbers.entry(pack).or_insert_with(|| {
            self.table.push(pack);
            next
        })
    }

    /// Where a tile is now; `None` when it is to be stored again.
    fn place(&self, tile: Tile) -> Option<Tile> {
        let here = self.whole.get(&tile.0).map(|copy| (*copy, tile.1));
        self.tiles.get(&tile).copied().or(here).or_else(|| self.rewriter.place(tile))
    }

    /// The packs to clean so that showing `screen` costs no more than the seek budget allows, or than
    /// it did.
    fn over_budget(&self, screen: &[TileRef]) -> HashSet<PackRef> {
        let old = screen.iter().map(|cell| (self.old.packs[cell.pack as usize], cell.slot));
        let (before, _) = uses(old.clone());
        let (now, packs) = uses(old.filter_map(|tile| self.place(tile)));
        let usual = self.rewriter.budget;
        let bytes = before.iter().map(|pack| u64::from(pack.len)).sum();
        let floor_bytes = usual.floor_bytes.max(bytes);
        let budget = SeekBudget { packs: usual.packs.max(before.len()), floor_bytes, ..usual };
        let clean = packs_to_clean(&now, &budget);
        clean.into_iter().map(|number| packs[number as usize]).collect()
    }

    fn follow(&mut self, cell: TileRef) -> Result<TileRef, RewriteError> {
        let pack = self.old.packs[cell.pack as usize];
        let lost = RewriteError::Lost { segment: pack.segment, slot: cell.slot };
        let (pack, slot) = self.place((pack, cell.slot)).ok_or(lost)?;
        Ok(TileRef { pack: self.number(pack), slot })
    }

    /// Stores those tiles of a screen that `again` chooses in packs of this heir.
    fn store_again(
        &mut self,
        screen: &[TileRef],
        positions: &[TilePos],
        bytes: &HashMap<PackRef, Bytes>,
        limits: &Limits,
        again: impl Fn(&Self, Tile) -> bool,
    ) -> Result<(), RewriteError> {
        let mut missing: Vec<(Tile, TilePos)> = Vec::new();
        let mut seen = HashSet::new();
        for (cell, position) in screen.iter().zip(positions) {
            let tile = (self.old.packs[cell.pack as usize], cell.slot);
            if !seen.insert(tile) || !again(self, tile) {
                continue;
            }
            match bytes.contains_key(&tile.0) {
                true => missing.push((tile, *position)),
                false => {
                    self.wanted.insert(tile.0);
                }
            }
        }
        let size = self.old.tile;
        let most = (PACK_PIXELS / (size.pixels() * size.pixels())).max(1) as usize;
        for chunk in missing.chunks(most) {
            let mut rgb = Vec::with_capacity(chunk.len() * size.tile_bytes());
            for ((pack, slot), _) in chunk {
                let lost = RewriteError::Lost { segment: pack.segment, slot: *slot };
                if !self.decoded.contains_key(pack) {
                    let coded = bytes.get(pack).ok_or_else(|| lost.clone())?;
                    self.decoded.insert(*pack, Pack::decode_at(pack, size, coded, limits)?);
                }
                rgb.extend_from_slice(self.decoded[pack].tile(*slot).ok_or(lost)?);
            }
            let positions: Vec<TilePos> = chunk.iter().map(|(_, position)| *position).collect();
            let coded = Pack::encode(Codec::DEFAULT, size, &positions, &rgb)?;
            let pack = self.add(coded, chunk.len() as u32);
            for (slot, (tile, _)) in chunk.iter().enumerate() {
                self.tiles.insert(*tile, (pack, slot as u32));
            }
        }
        Ok(())
    }
}

/// The entries in the order of the new packs: the same input makes the same bytes.
fn sorted(whole: &HashMap<PackRef, PackRef>) -> Vec<(PackRef, PackRef)> {
    let mut entries: Vec<_> = whole.iter().map(|(from, to)| (*from, *to)).collect();
    entries.sort_unstable_by_key(|(_, to)| to.offset);
    entries
}

/// Where each cell lies when the surfaces stand one below the other.
fn positions(grids: &[Grid]) -> Vec<TilePos> {
    let mut above = 0;
    let mut positions = Vec::new();
    for grid in grids {
        let cells = 0..grid.cells() as u32;
        positions.extend(
            cells.map(|cell| TilePos { row: above + cell / grid.cols(), col: cell % grid.cols() }),
        );
        above += grid.rows();
    }
    positions
}

/// How much of which packs `tiles` are; [`PackUse::pack`] counts in the list of packs.
fn uses(tiles: impl Iterator<Item = Tile>) -> (Vec<PackUse>, Vec<PackRef>) {
    let mut slots: BTreeMap<PackRef, HashSet<u32>> = BTreeMap::new();
    for (pack, slot) in tiles {
        slots.entry(pack).or_default().insert(slot);
    }
    let uses = (0..).zip(&slots).map(|(number, (pack, shown))| PackUse {
        pack: number,
        len: pack.len,
        tiles: pack.tiles,
        shown: shown.len() as u32,
    });
    (uses.collect(), slots.keys().copied().collect())
}
