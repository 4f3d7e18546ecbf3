//! The 2-d array of tile references, written as runs.
//!
//! Tiles that arrived together stand in one pack in reading order, so neighbouring cells mostly hold
//! neighbouring slots of one pack; and blank areas repeat one slot. Both are one run each.

use crate::error::check_limit;
use crate::wire::{Reader, put_varint, unzigzag, zigzag};
use crate::{FormatError, Limits, PackRef};

/// One tile: a slot of a pack of the manifest's pack table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileRef {
    /// Index into the manifest's pack table.
    pub pack: u32,
    /// Index of the tile in that pack.
    pub slot: u32,
}

/// A cell that shows another tile than in the screenshot before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellChange {
    /// Index of the cell: surfaces in layout order, each row-major.
    pub cell: u32,
    /// What it shows from this screenshot on.
    pub to: TileRef,
}

/// A run of cells that follow each other.
struct Run {
    /// Unchanged cells before it.
    gap: u32,
    pack: u32,
    slot: u32,
    length: u32,
    /// All cells show one slot; else the slots count up by one.
    repeat: bool,
}

/// Per pack, the slot that a run would start with if it continued the pack's last run. Lives as long
/// as one manifest is written or read.
pub(crate) struct RunCoder {
    next_slot: Vec<u32>,
}

impl RunCoder {
    pub(crate) fn new(packs: usize) -> Self {
        Self { next_slot: vec![0; packs] }
    }

    fn advance(&mut self, run: &Run) {
        let step = if run.repeat { 1 } else { run.length };
        self.next_slot[run.pack as usize] = run.slot.wrapping_add(step);
    }

    /// Appends `changes`, whose cells ascend strictly and whose packs are in the table.
    pub(crate) fn write(&mut self, changes: &[CellChange], out: &mut Vec<u8>) {
        let runs = runs_of(changes);
        put_varint(out, runs.len() as u64);
        runs.iter().for_each(|run| put_varint(out, run.gap.into()));
        runs.iter().for_each(|run| put_varint(out, run.pack.into()));
        for run in &runs {
            let expected = self.next_slot[run.pack as usize];
            put_varint(out, zigzag(i64::from(run.slot) - i64::from(expected)));
            self.advance(run);
        }
        let length = |run: &Run| u64::from(run.length - 1) << 1 | u64::from(run.repeat);
        runs.iter().for_each(|run| put_varint(out, length(run)));
    }

    /// Reads what [`Self::write`] wrote for a screenshot of `cells` cells.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        cells: usize,
        packs: &[PackRef],
        limits: &Limits,
    ) -> Result<Vec<CellChange>, FormatError> {
        let count = reader.count("runs of a screenshot", cells.min(limits.changes))?;
        let gaps = varints(reader, count)?;
        let pack_indexes = varints(reader, count)?;
        let slots = varints(reader, count)?;
        let lengths = varints(reader, count)?;
        let mut changes = Vec::new();
        let mut cell = 0_u64;
        for i in 0..count {
            let Some(pack_ref) = usize::try_from(pack_indexes[i]).ok().and_then(|p| packs.get(p))
            else {
                return Err(reader.invalid("a cell refers to a pack outside the table"));
            };
            let pack = pack_indexes[i] as u32;
            let expected = i64::from(self.next_slot[pack as usize]);
            let length = (lengths[i] >> 1).saturating_add(1);
            let repeat = lengths[i] & 1 == 1;
            let slot = expected.checked_add(unzigzag(slots[i])).filter(|slot| *slot >= 0);
            let slot = slot.ok_or_else(|| reader.invalid("a slot is negative"))? as u64;
            cell = cell.saturating_add(gaps[i]);
            if cell.saturating_add(length) > cells as u64 {
                return Err(reader.invalid("a run of cells ends outside the screen"));
            }
            let last = if repeat { slot } else { slot.saturating_add(length - 1) };
            if last >= u64::from(pack_ref.tiles) {
                return Err(reader.invalid("a cell refers to a slot outside its pack"));
            }
            let run = Run { gap: 0, pack, slot: slot as u32, length: length as u32, repeat };
            self.advance(&run);
            for step in 0..run.length {
                let slot = if repeat { run.slot } else { run.slot + step };
                changes.push(CellChange { cell: cell as u32 + step, to: TileRef { pack, slot } });
            }
            cell += length;
        }
        check_limit("cell changes", changes.len() as u64, limits.changes as u64)?;
        Ok(changes)
    }
}

fn varints(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, FormatError> {
    (0..count).map(|_| reader.varint()).collect()
}

fn runs_of(changes: &[CellChange]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut end = 0_u32; // the cell after the last run
    for change in changes {
        let CellChange { cell, to: TileRef { pack, slot } } = *change;
        if let Some(run) = runs.last_mut()
            && cell == end
            && run.pack == pack
        {
            let counts_up = slot == run.slot + run.length;
            let repeats = slot == run.slot;
            if (run.length == 1 && (counts_up || repeats))
                || (run.repeat && repeats)
                || (!run.repeat && counts_up)
            {
                run.repeat = repeats;
                run.length += 1;
                end += 1;
                continue;
            }
        }
        runs.push(Run { gap: cell - end, pack, slot, length: 1, repeat: false });
        end = cell + 1;
    }
    runs
}
