//! Writes the heirs of segments: kept moments exactly as they were, tiles of forgotten ones left out.
//!
//! A segment that loses moments also loses its packs: those of their tiles that kept moments show are
//! stored again by the first heir that shows them, as the agent would have done had the others never
//! been recorded. The packs of all other segments move into their heirs byte for byte. Where a moment
//! would become dearer to show than it was, and than the seek budget allows, its heir stores tiles
//! again, as the agent does.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use deskreel_format::manifest::Screen;
use deskreel_format::{FormatError, Limits, Manifest, Moment, PackRef, Segment, SegmentId};

use super::budget::SeekBudget;
use super::forget::{ForgetPlan, Replacement};
use super::heir::Heir;

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

/// A tile: its pack and its slot there.
pub(super) type Tile = (PackRef, u32);

/// What came of an attempt to write an heir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewritten {
    /// The object.
    Object(Vec<u8>),
    /// The seek budget takes these packs as well; nothing has been learnt.
    Needs(Vec<PackRef>),
}

/// Follows tiles from replaced segments to their heirs. Segments come in the order of the plan.
#[derive(Debug)]
pub struct Rewriter {
    pub(super) range: Range<u64>,
    pub(super) budget: SeekBudget,
    replacements: HashMap<SegmentId, Replacement>,
    /// Packs that were copied into an heir: slots stay.
    copied: HashMap<PackRef, PackRef>,
    /// Tiles that were stored again, wherever their packs went.
    again: HashMap<Tile, Tile>,
}

impl Rewriter {
    /// A rewriter that carries out `plan`, which forgets `range`, and keeps moments within `budget`.
    pub fn new(plan: &ForgetPlan, range: Range<u64>, budget: SeekBudget) -> Self {
        let replacements = plan.replacements.iter().map(|r| (r.old, r.clone())).collect();
        Self { range, budget, replacements, copied: HashMap::new(), again: HashMap::new() }
    }

    /// Whether a segment loses moments, and with them its packs.
    pub(super) fn loses(&self, id: SegmentId) -> bool {
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

    /// Where a tile of a replaced segment, or one that was stored again, is now; `None` when it is
    /// nowhere.
    fn moved_tile(&self, pack: PackRef, slot: u32) -> Option<Tile> {
        let again = self.again.get(&(pack, slot)).copied();
        again.or_else(|| self.copied.get(&pack).map(|copy| (*copy, slot)))
    }

    /// Where a tile is now; `None` when it is nowhere.
    pub(super) fn place(&self, (pack, slot): Tile) -> Option<Tile> {
        let stays = !self.replacements.contains_key(&pack.segment);
        self.moved_tile(pack, slot).or_else(|| stays.then_some((pack, slot)))
    }

    /// Learns where tiles went from an heir that an earlier run wrote: both show the same at every
    /// kept moment. Offsets count from the start of the objects.
    pub fn learn(&mut self, old: &Manifest, heir: &Manifest) {
        let mut heirs = HashMap::new();
        let all = 0..0;
        each_kept(heir, &all, |moment, screen| {
            heirs.insert(moment.time_ms, screen.cells.clone());
        });
        let mut pairs: Vec<(Tile, Tile)> = Vec::new();
        each_kept(old, &self.range, |moment, screen| {
            for (from, to) in
                screen.cells.iter().zip(heirs.get(&moment.time_ms).into_iter().flatten())
            {
                let (from_pack, to_pack) =
                    (old.packs[from.pack as usize], heir.packs[to.pack as usize]);
                pairs.push(((from_pack, from.slot), (to_pack, to.slot)));
            }
        });
        if !self.loses(old.id) {
            // Copies stand first in an heir, in the order of the old table.
            let from = old.packs.iter().filter(|pack| pack.segment == old.id);
            let mut to: Vec<PackRef> =
                heir.packs.iter().filter(|pack| pack.segment == heir.id).copied().collect();
            to.sort_unstable_by_key(|pack| pack.offset);
            self.copied.extend(from.copied().zip(to));
        }
        for (from, to) in pairs {
            if self.place(from) != Some(to) {
                self.again.insert(from, to);
            }
        }
    }

    /// The object of the heir `id` of `segment`. `bytes` holds the packs of [`Self::needs`], and those
    /// that an attempt before asked for.
    ///
    /// # Errors
    /// [`RewriteError`]; nothing has been learnt then.
    pub fn rewrite(
        &mut self,
        segment: &Manifest,
        id: SegmentId,
        bytes: &HashMap<PackRef, Bytes>,
        limits: &Limits,
    ) -> Result<Rewritten, RewriteError> {
        let mut heir = Heir::new(self, segment, id);
        if !self.loses(segment.id) {
            heir.copy_packs(bytes)?;
        }
        let manifest = heir.manifest(bytes, limits)?;
        if !heir.wanted.is_empty() {
            return Ok(Rewritten::Needs(heir.wanted.into_iter().collect()));
        }
        let object = Segment::encode(&manifest, &heir.packs)?;
        let start = Segment::decode(&object, limits)?.packs_start;
        let (tiles, whole) = (heir.tiles, heir.whole);
        let place = |mut pack: PackRef| {
            if pack.segment == id {
                pack.offset += start;
            }
            pack
        };
        self.again.extend(tiles.into_iter().map(|(from, (to, slot))| (from, (place(to), slot))));
        self.copied.extend(whole.into_iter().map(|(from, to)| (from, place(to))));
        Ok(Rewritten::Object(object))
    }
}

/// Calls `visit` with every moment outside of `range` and its whole screen.
pub(super) fn each_kept<'m>(
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
