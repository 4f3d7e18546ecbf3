//! The equal tiles that a manifest names, laid out for looking one tile up.
//!
//! A day's manifests name hundreds of thousands of runs of equal tiles, of which a question asks for
//! few. So they are put in order once, when a manifest arrives, and every question shares them.

use std::ops::Range;

use deskreel_format::{PackRef, SameTiles, TileRef};

use super::PackKey;

/// Tiles of a pack that are those of an older one, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// Slot of the first tile.
    slot: u32,
    /// So many tiles from both on, at least 1.
    count: u32,
    /// Where the first tile was before.
    from: TileRef,
}

impl Copy {
    /// Each tile: its slot, and where it was before.
    pub fn tiles(self) -> impl Iterator<Item = (u32, TileRef)> {
        let before = move |step| TileRef { slot: self.from.slot + step, ..self.from };
        (0..self.count).map(move |step| (self.slot + step, before(step)))
    }
}

/// The equal tiles of a manifest. Packs are indexes into its table.
#[derive(Debug, Default)]
pub struct Copies {
    /// Pack after pack. Those of one pack ascend by slot, no two of them overlap, and each leads to an
    /// older pack: whoever follows them comes to an end.
    copies: Vec<Copy>,
    /// Where those of each pack end in `copies`, up to the last pack that has any.
    ends: Vec<u32>,
    /// Runs that cannot stand there: their pack is no younger than where they lead, or another run says
    /// something else of the same tile.
    odd: Vec<SameTiles>,
}

impl Copies {
    /// Of the runs of a manifest, in any order; `packs` is its table, in which all of them lie.
    pub fn new(mut same: Vec<SameTiles>, packs: &[PackRef]) -> Self {
        let order = |run: &SameTiles| (run.to, run.from);
        // Writers leave them so, but nothing makes them.
        if !same.is_sorted_by_key(order) {
            same.sort_unstable_by_key(order);
        }
        let age = |pack: u32| packs.get(pack as usize).map(PackKey::from);
        let mut all = Self { copies: Vec::with_capacity(same.len()), ..Self::default() };
        for run in same {
            let pack = run.to.pack as usize;
            let begun = all.of(run.to.pack).last();
            let is_after = begun.is_none_or(|last| last.slot + last.count <= run.to.slot);
            if !is_after || age(run.from.pack) >= age(run.to.pack) {
                all.odd.push(run);
                continue;
            }
            all.ends.resize(pack + 1, all.copies.len() as u32);
            all.copies.push(Copy { slot: run.to.slot, count: run.count, from: run.from });
            all.ends[pack] += 1;
        }
        all.copies.shrink_to_fit();
        all
    }

    /// What is told of the tiles of a pack, slots ascending.
    pub fn of(&self, pack: u32) -> &[Copy] {
        self.copies.get(self.place(pack)).unwrap_or_default()
    }

    /// Where a tile was before, if that is told.
    pub fn before(&self, tile: TileRef) -> Option<TileRef> {
        let copies = self.of(tile.pack);
        let after = copies.partition_point(|copy| copy.slot <= tile.slot);
        let copy = copies.get(after.checked_sub(1)?)?;
        let step = tile.slot - copy.slot;
        (step < copy.count).then(|| TileRef { slot: copy.from.slot + step, ..copy.from })
    }

    /// Pairs of equal tiles, where it was and where it is, that [`Self::before`] does not tell of.
    pub fn odd(&self) -> impl Iterator<Item = (TileRef, TileRef)> + '_ {
        let at = |tile: TileRef, step| TileRef { slot: tile.slot + step, ..tile };
        let pairs = move |run: &SameTiles| {
            let SameTiles { from, to, count } = *run;
            (0..count).map(move |step| (at(from, step), at(to, step)))
        };
        self.odd.iter().flat_map(pairs)
    }

    /// Memory held beside the value itself, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.copies.capacity() * size_of::<Copy>()
            + self.ends.capacity() * size_of::<u32>()
            + self.odd.capacity() * size_of::<SameTiles>()
    }

    fn place(&self, pack: u32) -> Range<usize> {
        let end = |pack: usize| self.ends.get(pack).map_or(0, |end| *end as usize);
        let pack = pack as usize;
        pack.checked_sub(1).map_or(0, end)..end(pack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::SegmentId;

    fn packs(times: &[u64]) -> Vec<PackRef> {
        let segment = |first_ms: &u64| SegmentId { first_ms: *first_ms, writer: 1 };
        let pack = |time| PackRef { segment: segment(time), offset: 0, len: 1, tiles: 100 };
        times.iter().map(pack).collect()
    }

    fn tile(pack: u32, slot: u32) -> TileRef {
        TileRef { pack, slot }
    }

    fn run(from: (u32, u32), to: (u32, u32), count: u32) -> SameTiles {
        SameTiles { from: tile(from.0, from.1), to: tile(to.0, to.1), count }
    }

    #[test]
    fn a_tile_is_found_in_whatever_order_runs_come() {
        // The table is not in the order of ages.
        let packs = packs(&[30, 10, 20, 40]);
        let runs = [run((1, 5), (0, 2), 3), run((2, 0), (0, 9), 1), run((1, 0), (2, 0), 2)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let copies = Copies::new(order.map(|at: usize| runs[at]).to_vec(), &packs);
            assert_eq!(copies.odd().count(), 0);
            let before: Vec<_> = (0..11).map(|slot| copies.before(tile(0, slot))).collect();
            let found = [(2, tile(1, 5)), (3, tile(1, 6)), (4, tile(1, 7)), (9, tile(2, 0))];
            for (slot, before) in (0..).zip(before) {
                let expected = found.iter().find(|(at, _)| *at == slot).map(|(_, tile)| *tile);
                assert_eq!(before, expected, "{slot}");
            }
            assert_eq!(copies.before(tile(2, 1)), Some(tile(1, 1)));
            for pack in [1, 3, 4, u32::MAX] {
                assert!(copies.of(pack).is_empty());
                assert_eq!(copies.before(tile(pack, 0)), None);
            }
            assert_eq!(copies.heap_bytes(), 3 * 16 + copies.ends.capacity() * 4);
        }
    }

    #[test]
    fn what_leads_on_or_says_something_else_stands_apart() {
        let packs = packs(&[10, 20, 20]);
        let (back, over) = (run((0, 0), (1, 0), 4), run((0, 9), (1, 3), 2));
        // To a younger pack, to the same, and to itself under another number.
        let ahead = [run((1, 7), (0, 7), 1), run((1, 1), (1, 60), 1), run((2, 5), (1, 70), 1)];
        let copies = Copies::new([&[back, over], ahead.as_slice()].concat(), &packs);
        let odd: Vec<_> = copies.odd().collect();
        let expected = [
            (tile(1, 7), tile(0, 7)),
            (tile(0, 9), tile(1, 3)),
            (tile(0, 10), tile(1, 4)),
            (tile(1, 1), tile(1, 60)),
            (tile(2, 5), tile(1, 70)),
        ];
        assert_eq!(odd, expected);
        assert_eq!(copies.before(tile(1, 3)), Some(tile(0, 3)));
        assert_eq!([4, 60, 70].map(|slot| copies.before(tile(1, slot))), [None; 3]);
    }
}
