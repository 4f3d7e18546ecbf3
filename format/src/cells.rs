//! The 2-d array of tile references, written as runs.
//!
//! Tiles that arrived together stand in one pack in reading order, so neighbouring cells mostly hold
//! neighbouring slots of one pack; and blank areas repeat one slot. Both are one run each.

use std::ops::Range;

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

/// Cells that follow each other and whose tiles do too.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// First cell.
    cell: u32,
    pack: u32,
    /// What the first cell shows.
    slot: u32,
    /// Cells, at least 1.
    length: u32,
    /// All cells show one slot; else the slots count up by one.
    repeat: bool,
}

impl Run {
    fn end(&self) -> u32 {
        self.cell.wrapping_add(self.length)
    }

    /// The changes of the cells that stand at `steps` of it.
    fn changes(&self, steps: Range<u32>) -> impl Iterator<Item = CellChange> + use<> {
        let run = *self;
        steps.map(move |step| {
            let slot = if run.repeat { run.slot } else { run.slot.wrapping_add(step) };
            CellChange { cell: run.cell.wrapping_add(step), to: TileRef { pack: run.pack, slot } }
        })
    }

    fn slot_after(&self) -> u32 {
        self.slot.wrapping_add(if self.repeat { 1 } else { self.length })
    }
}

/// The cells that change with one screenshot, ascending.
///
/// Held as runs, as on the wire: an hour of full-screen film changes tens of millions of cells, and
/// a decoder that wrote them out one by one would need gigabytes.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    runs: Vec<Run>,
    cells: usize,
}

impl Changes {
    /// Number of cells that change.
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Whether no cell changes.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// The pack of each run of cells.
    pub(crate) fn packs(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().map(|run| run.pack)
    }

    /// Each change, cells ascending.
    pub fn iter(&self) -> impl Iterator<Item = CellChange> + '_ {
        self.runs.iter().flat_map(|run| run.changes(0..run.length))
    }

    /// Those whose cells are `cell` or lie after it, to be looked at stretch by stretch. What lies
    /// elsewhere takes no time, however much it is.
    pub fn after(&self, cell: u32) -> Rest<'_> {
        Rest { runs: &self.runs[self.runs.partition_point(|run| run.end() <= cell)..] }
    }

    /// Memory held beside the value itself, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }
}

/// The last ones of the changes of a screenshot.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a> {
    runs: &'a [Run],
}

impl<'a> Rest<'a> {
    /// Those of them whose cells lie in `cells`, ascending. Leaves the rest from there on: stretches
    /// asked for one after the other must ascend, and what is near is found soon.
    pub fn within(&mut self, cells: Range<u32>) -> impl Iterator<Item = CellChange> + use<'a> {
        let mut step = 1;
        while self.runs.get(step - 1).is_some_and(|run| run.end() <= cells.start) {
            self.runs = &self.runs[step..];
            step = (step * 2).min(self.runs.len().max(1));
        }
        let near = &self.runs[..step.min(self.runs.len())];
        self.runs = &self.runs[near.partition_point(|run| run.end() <= cells.start)..];
        self.runs.iter().take_while(move |run| run.cell < cells.end).flat_map(move |run| {
            let from = cells.start.saturating_sub(run.cell);
            run.changes(from..run.length.min(cells.end - run.cell))
        })
    }
}

/// Changes are equal when the cells are, however they were cut into runs.
impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells && self.iter().eq(other.iter())
    }
}

impl Eq for Changes {}

/// From changes whose cells ascend strictly; a manifest with others cannot be encoded.
impl FromIterator<CellChange> for Changes {
    fn from_iter<I: IntoIterator<Item = CellChange>>(changes: I) -> Self {
        let mut all = Self::default();
        for CellChange { cell, to: TileRef { pack, slot } } in changes {
            all.cells += 1;
            if let Some(run) = all.runs.last_mut()
                && run.end() == cell
                && run.pack == pack
            {
                let counts_up = slot == run.slot.wrapping_add(run.length);
                let repeats = slot == run.slot;
                if (run.length == 1 && (counts_up || repeats))
                    || (run.repeat && repeats)
                    || (!run.repeat && counts_up)
                {
                    run.repeat = repeats;
                    run.length += 1;
                    continue;
                }
            }
            all.runs.push(Run { cell, pack, slot, length: 1, repeat: false });
        }
        all
    }
}

/// Reads and writes the runs of a manifest's screenshots, in order. Lives as long as one manifest is
/// written or read.
pub(crate) struct RunCoder {
    /// Per pack, the slot that a run would start with if it continued the pack's last run.
    next_slot: Vec<u32>,
    /// Runs read so far.
    runs: usize,
    /// Cells of those.
    changes: usize,
}

impl RunCoder {
    pub(crate) fn new(packs: usize) -> Self {
        Self { next_slot: vec![0; packs], runs: 0, changes: 0 }
    }

    /// Appends `changes`. What breaks a rule of the format is written as it is: whoever reads it
    /// back finds out.
    pub(crate) fn write(&mut self, changes: &Changes, out: &mut Vec<u8>) {
        let runs = &changes.runs;
        put_varint(out, runs.len() as u64);
        let mut end = 0;
        for run in runs {
            put_varint(out, u64::from(run.cell).wrapping_sub(u64::from(end)));
            end = run.end();
        }
        runs.iter().for_each(|run| put_varint(out, run.pack.into()));
        for run in runs {
            let next = self.next_slot.get_mut(run.pack as usize);
            let expected = next.as_deref().copied().unwrap_or(0);
            put_varint(out, zigzag(i64::from(run.slot) - i64::from(expected)));
            if let Some(next) = next {
                *next = run.slot_after();
            }
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
    ) -> Result<Changes, FormatError> {
        let count = reader.count("runs of a screenshot", cells)?;
        self.runs += count;
        check_limit("runs of all screenshots", self.runs as u64, limits.runs as u64)?;
        let gaps = varints(reader, count)?;
        let pack_indexes = varints(reader, count)?;
        let slots = varints(reader, count)?;
        let lengths = varints(reader, count)?;
        let mut changes = Changes { runs: Vec::with_capacity(count), cells: 0 };
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
            let end = cell.saturating_add(length);
            if end > cells as u64 {
                return Err(reader.invalid("a run of cells ends outside the screen"));
            }
            let last = if repeat { slot } else { slot.saturating_add(length - 1) };
            if last >= u64::from(pack_ref.tiles) {
                return Err(reader.invalid("a cell refers to a slot outside its pack"));
            }
            // All fit 32 bits: `cells` does, and so does `tiles`.
            let (cell_32, slot, length) = (cell as u32, slot as u32, length as u32);
            let run = Run { cell: cell_32, pack, slot, length, repeat };
            self.next_slot[pack as usize] = run.slot_after();
            changes.runs.push(run);
            changes.cells += length as usize;
            cell = end;
        }
        self.changes += changes.cells;
        check_limit("cell changes", self.changes as u64, limits.changes as u64)?;
        Ok(changes)
    }
}

fn varints(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, FormatError> {
    // Each takes a byte at least, so a count that lies reserves nothing.
    let mut values = Vec::with_capacity(count.min(reader.remaining()));
    for _ in 0..count {
        values.push(reader.varint()?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SegmentId;

    fn change(cell: u32, pack: u32, slot: u32) -> CellChange {
        CellChange { cell, to: TileRef { pack, slot } }
    }

    fn table(tiles: &[u32]) -> Vec<PackRef> {
        let segment = SegmentId { first_ms: 0, writer: 1 };
        tiles.iter().map(|tiles| PackRef { segment, offset: 0, len: 28, tiles: *tiles }).collect()
    }

    fn read(bytes: &[u8], cells: usize, tiles: &[u32]) -> Result<Vec<CellChange>, FormatError> {
        let packs = table(tiles);
        let mut reader = Reader::new("test", bytes);
        let changes =
            RunCoder::new(packs.len()).read(&mut reader, cells, &packs, &Limits::default())?;
        reader.finish()?;
        Ok(changes.iter().collect())
    }

    #[test]
    fn a_screen_of_new_tiles_and_a_blank_one_are_one_run_each() {
        let new: Changes = (0..100).map(|cell| change(cell, 1, cell)).collect();
        let blank: Changes = (0..100).map(|cell| change(cell, 0, 7)).collect();
        let mut out = Vec::new();
        let mut coder = RunCoder::new(2);
        coder.write(&new, &mut out);
        assert_eq!(out, [1, 0, 1, 0, 198, 1]);
        out.clear();
        coder.write(&blank, &mut out);
        assert_eq!(out, [1, 0, 0, 14, 199, 1]);
        assert_eq!(read(&out, 100, &[8, 100]).unwrap(), blank.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_slot_is_written_as_its_distance_from_where_the_packs_last_run_ended() {
        let changes: Changes =
            [change(2, 0, 5), change(3, 0, 6), change(9, 0, 7), change(10, 1, 1), change(11, 0, 3)]
                .into_iter()
                .collect();
        let mut out = Vec::new();
        RunCoder::new(2).write(&changes, &mut out);
        // Runs; gaps; packs; slots (5, then on at 7, pack 1 from 0, back by 5); lengths.
        assert_eq!(out, [4, 2, 5, 0, 0, 0, 0, 1, 0, 10, 0, 2, 9, 2, 0, 0, 0]);
        assert_eq!(read(&out, 12, &[8, 2]).unwrap(), changes.iter().collect::<Vec<_>>());
    }

    #[test]
    fn references_outside_the_screen_the_table_or_the_pack_are_refused() {
        let refused = |bytes: &[u8], reason: &str| {
            let error = read(bytes, 4, &[3]).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        assert_eq!(read(&[1, 1, 0, 0, 4], 4, &[3]).unwrap().len(), 3);
        refused(&[1, 2, 0, 0, 4], "outside the screen");
        refused(&[1, 0, 1, 0, 0], "outside the table");
        refused(&[1, 0, 0, 2, 4], "outside its pack");
        refused(&[1, 0, 0, 1, 0], "negative");
        refused(&[5, 0, 0, 0, 0], "runs of a screenshot");
        refused(&[1, 0, 0, 0], "cut short");
        let mut huge = vec![1];
        huge.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        huge.extend([0, 0, 0]);
        refused(&huge, "outside the screen");
    }

    #[test]
    fn limits_count_the_runs_and_cells_of_all_screenshots_together() {
        // Two runs of one cell and one run of two cells.
        let screenshots = [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 3];
        let read_all = |limits: Limits| -> Result<usize, FormatError> {
            let packs = table(&[9]);
            let (mut reader, mut coder) = (Reader::new("test", &screenshots), RunCoder::new(1));
            let first = coder.read(&mut reader, 4, &packs, &limits)?;
            let second = coder.read(&mut reader, 4, &packs, &limits)?;
            reader.finish()?;
            Ok(first.len() + second.len())
        };
        let limits = |runs, changes| Limits { runs, changes, ..Limits::default() };
        assert_eq!(read_all(limits(3, 4)), Ok(4));
        let runs = FormatError::Limit { what: "runs of all screenshots", value: 3, limit: 2 };
        assert_eq!(read_all(limits(2, 4)), Err(runs));
        let cells = FormatError::Limit { what: "cell changes", value: 4, limit: 3 };
        assert_eq!(read_all(limits(3, 3)), Err(cells));
    }

    #[test]
    fn changes_within_some_cells_are_those_of_all_that_lie_there() {
        let some = |seed: u32| (0..40).filter(move |cell| (cell * 7 + seed) % 5 < 3);
        for seed in 0..5 {
            let all: Changes =
                some(seed).map(|cell| change(cell, cell / 9, (cell * seed) % 3 + cell)).collect();
            for (from, to) in (0..41).flat_map(|from| (from..42).map(move |to| (from, to))) {
                let lie_in =
                    |cells: Range<u32>| all.iter().filter(move |c| cells.contains(&c.cell));
                assert!(
                    all.after(0).within(from..to).eq(lie_in(from..to)),
                    "{from}..{to} of {all:?}"
                );
                let (middle, mut rest) = ((from + to) / 2, all.after(from));
                assert!(rest.within(from..middle).eq(lie_in(from..middle)));
                assert!(rest.within(middle..to).eq(lie_in(middle..to)));
            }
        }
        let blank: Changes = (3..90).map(|cell| change(cell, 0, 7)).collect();
        assert_eq!(blank.heap_bytes(), blank.runs.capacity() * 20);
        assert!(blank.after(80).within(80..100).eq((80..90).map(|cell| change(cell, 0, 7))));
    }

    #[test]
    fn few_bytes_that_stand_for_many_cells_take_little_memory() {
        let mut out = Vec::new();
        put_varint(&mut out, 1);
        [0, 0, 0, (1_000_000 - 1) << 1 | 1].iter().for_each(|value| put_varint(&mut out, *value));
        let packs = table(&[1]);
        let mut reader = Reader::new("test", &out);
        let changes =
            RunCoder::new(1).read(&mut reader, 1_000_000, &packs, &Limits::default()).unwrap();
        assert_eq!((changes.len(), changes.runs.len()), (1_000_000, 1));
    }
}
