//! Writes the heirs of segments: kept moments exactly as they were, tiles of forgotten ones left out.
//!
//! A segment that loses moments also loses its packs: those of their tiles that kept moments show are
//! stored again by the first heir that shows them, as the agent would have done had the others never
//! been recorded. The packs of all other segments move into their heirs byte for byte.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::manifest::Screen;
use deskreel_format::{
    CellChange, FormatError, Grid, Layout, Limits, Manifest, Moment, Pack, PackRef, Segment,
    SegmentId, TileRef,
};

use super::forget::{ForgetPlan, Replacement};

/// Largest number of pixels in a pack of tiles stored again.
const PACK_PIXELS: u32 = 524_288;

/// Why an heir could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The format refuses what was read or what would be written.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// A kept moment shows a tile that is nowhere.
    #[error("it shows slot {slot} of a pack of segment {segment} that is not there")]
    Lost {
        /// Where the tile should be.
        segment: SegmentId,
        /// Which slot.
        slot: u32,
    },
}

/// Where the tiles of an old pack are now.
#[derive(Debug)]
enum Moved {
    /// All of them in this pack, in the slots they had.
    Whole(PackRef),
    /// Those that are kept, slot by slot.
    Tiles(HashMap<u32, (PackRef, u32)>),
}

/// Follows tiles from replaced segments to their heirs. Segments come in the order of the plan.
#[derive(Debug)]
pub struct Rewriter {
    range: Range<u64>,
    replacements: HashMap<SegmentId, Replacement>,
    moved: HashMap<PackRef, Moved>,
}

impl Rewriter {
    /// A rewriter that carries out `plan`, which forgets `range`.
    pub fn new(plan: &ForgetPlan, range: Range<u64>) -> Self {
        let replacements = plan.replacements.iter().map(|r| (r.old, r.clone())).collect();
        Self { range, replacements, moved: HashMap::new() }
    }

    /// Whether a segment loses moments, and with them its packs.
    fn loses(&self, id: SegmentId) -> bool {
        self.replacements.get(&id).is_some_and(|replacement| replacement.forgotten > 0)
    }

    /// The packs whose bytes [`Self::rewrite`] needs to write the heir of `segment`.
    pub fn needs(&self, segment: &Manifest) -> Vec<PackRef> {
        let mut needs: Vec<PackRef> = Vec::new();
        if !self.loses(segment.id) {
            needs.extend(segment.packs.iter().filter(|pack| pack.segment == segment.id));
        }
        each_kept(segment, &self.range, |_, screen| {
            for cell in &screen.cells {
                let pack = segment.packs[cell.pack as usize];
                if self.loses(pack.segment) && self.moved_tile(pack, cell.slot).is_none() {
                    needs.push(pack);
                }
            }
        });
        needs.sort_unstable_by_key(|pack| (pack.segment, pack.offset));
        needs.dedup();
        needs
    }

    fn moved_tile(&self, pack: PackRef, slot: u32) -> Option<(PackRef, u32)> {
        match self.moved.get(&pack)? {
            Moved::Whole(to) => Some((*to, slot)),
            Moved::Tiles(slots) => slots.get(&slot).copied(),
        }
    }

    /// Learns where tiles went from an heir that an earlier run wrote: both show the same at every
    /// kept moment. Offsets count from the start of the objects.
    pub fn learn(&mut self, old: &Manifest, heir: &Manifest) {
        let mut heirs = HashMap::new();
        let all = 0..0;
        each_kept(heir, &all, |moment, screen| {
            heirs.insert(moment.time_ms, screen.cells.clone());
        });
        let mut pairs: Vec<(PackRef, u32, PackRef, u32)> = Vec::new();
        each_kept(old, &self.range, |moment, screen| {
            for (from, to) in
                screen.cells.iter().zip(heirs.get(&moment.time_ms).into_iter().flatten())
            {
                let (from_pack, to_pack) =
                    (old.packs[from.pack as usize], heir.packs[to.pack as usize]);
                pairs.push((from_pack, from.slot, to_pack, to.slot));
            }
        });
        for (from, slot, to, to_slot) in pairs {
            if self.loses(from.segment) {
                self.moved_to(from, slot, to, to_slot);
            }
        }
        if !self.loses(old.id) {
            // Copies stand first in an heir, in the order of the old table.
            let from = old.packs.iter().filter(|pack| pack.segment == old.id);
            let mut to: Vec<PackRef> =
                heir.packs.iter().filter(|pack| pack.segment == heir.id).copied().collect();
            to.sort_unstable_by_key(|pack| pack.offset);
            self.moved.extend(from.zip(to).map(|(from, to)| (*from, Moved::Whole(to))));
        }
    }

    fn moved_to(&mut self, from: PackRef, slot: u32, to: PackRef, to_slot: u32) {
        let moved = self.moved.entry(from).or_insert_with(|| Moved::Tiles(HashMap::new()));
        if let Moved::Tiles(slots) = moved {
            slots.entry(slot).or_insert((to, to_slot));
        }
    }

    /// The object of the heir `id` of `segment`. `bytes` holds the packs of [`Self::needs`].
    ///
    /// # Errors
    /// [`RewriteError`]; nothing has been learnt then.
    pub fn rewrite(
        &mut self,
        segment: &Manifest,
        id: SegmentId,
        bytes: &HashMap<PackRef, Bytes>,
        limits: &Limits,
    ) -> Result<Vec<u8>, RewriteError> {
        let mut heir = Heir {
            rewriter: self,
            old: segment,
            id,
            packs: Vec::new(),
            end: 0,
            tiles: HashMap::new(),
            whole: HashMap::new(),
            table: Vec::new(),
            numbers: HashMap::new(),
            decoded: HashMap::new(),
        };
        if !heir.rewriter.loses(segment.id) {
            heir.copy_packs(bytes)?;
        }
        let manifest = heir.manifest(bytes, limits)?;
        let object = Segment::encode(&manifest, &heir.packs)?;
        let start = Segment::decode(&object, limits)?.packs_start;
        let (tiles, whole) = (heir.tiles, heir.whole);
        let place = |mut pack: PackRef| {
            pack.offset += start;
            pack
        };
        for ((from, slot), (to, to_slot)) in tiles {
            self.moved_to(from, slot, place(to), to_slot);
        }
        for (from, to) in whole {
            self.moved.insert(from, Moved::Whole(place(to)));
        }
        Ok(object)
    }
}

/// An heir being written. Its own packs are located from the end of its manifest.
struct Heir<'a> {
    rewriter: &'a Rewriter,
    old: &'a Manifest,
    id: SegmentId,
    packs: Vec<Vec<u8>>,
    /// Bytes of `packs`.
    end: u32,
    /// Tiles stored again: from old places to new ones.
    tiles: HashMap<(PackRef, u32), (PackRef, u32)>,
    /// Packs copied.
    whole: HashMap<PackRef, PackRef>,
    table: Vec<PackRef>,
    numbers: HashMap<PackRef, u32>,
    decoded: HashMap<PackRef, Pack>,
}

impl Heir<'_> {
    fn add(&mut self, bytes: Vec<u8>, tiles: u32) -> PackRef {
        let pack = PackRef { segment: self.id, offset: self.end, len: bytes.len() as u32, tiles };
        self.end += pack.len;
        self.packs.push(bytes);
        pack
    }

    fn copy_packs(&mut self, bytes: &HashMap<PackRef, Bytes>) -> Result<(), RewriteError> {
        for pack in self.old.packs.iter().filter(|pack| pack.segment == self.old.id) {
            let lost = RewriteError::Lost { segment: pack.segment, slot: 0 };
            let copy = self.add(bytes.get(pack).ok_or(lost)?.to_vec(), pack.tiles);
            self.whole.insert(*pack, copy);
        }
        Ok(())
    }

    fn manifest(
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
            self.store_again(layout, &screen, bytes, limits)?;
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
    fn place(&self, pack: PackRef, slot: u32) -> Option<(PackRef, u32)> {
        if !self.rewriter.replacements.contains_key(&pack.segment) {
            return Some((pack, slot));
        }
        let here = self.whole.get(&pack).map(|copy| (*copy, slot));
        here.or_else(|| self.tiles.get(&(pack, slot)).copied())
            .or_else(|| self.rewriter.moved_tile(pack, slot))
    }

    fn follow(&mut self, cell: TileRef) -> Result<TileRef, RewriteError> {
        let pack = self.old.packs[cell.pack as usize];
        let lost = RewriteError::Lost { segment: pack.segment, slot: cell.slot };
        let (pack, slot) = self.place(pack, cell.slot).ok_or(lost)?;
        Ok(TileRef { pack: self.number(pack), slot })
    }

    /// Stores the tiles of a screen that are nowhere yet in packs of this heir.
    fn store_again(
        &mut self,
        layout: &Layout,
        screen: &[TileRef],
        bytes: &HashMap<PackRef, Bytes>,
        limits: &Limits,
    ) -> Result<(), RewriteError> {
        let positions = positions(&layout.grids(self.old.tile)?);
        let mut missing: Vec<((PackRef, u32), TilePos)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (cell, position) in screen.iter().zip(positions) {
            let tile = (self.old.packs[cell.pack as usize], cell.slot);
            if self.rewriter.loses(tile.0.segment)
                && self.place(tile.0, tile.1).is_none()
                && seen.insert(tile)
            {
                missing.push((tile, position));
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
            let coded = Pack::encode(Codec::Screen, size, &positions, &rgb)?;
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

/// Calls `visit` with every moment outside of `range` and its whole screen.
fn each_kept<'m>(
    manifest: &'m Manifest,
    range: &Range<u64>,
    mut visit: impl FnMut(&'m Moment, &Screen),
) {
    let mut screen: Option<Screen> = None;
    for moment in &manifest.moments {
        let screen = match &mut screen {
            Some(screen) => {
                screen.apply(moment);
                screen
            }
            none => none.insert(Screen::of(moment)),
        };
        if !range.contains(&moment.time_ms) {
            visit(moment, screen);
        }
    }
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
