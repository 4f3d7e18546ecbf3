//! Which tiles of different packs are the same, and between which screenshots that list is complete.
//!
//! A tile may be stored again, and then has two references. With these links a reader tells from
//! manifests alone whether two references show the same pixels, without fetching a tile.

use crate::error::check_limit;
use crate::wire::{Reader, put_varint, unzigzag, zigzag};
use crate::{FormatError, Limits, Moment, PackRef, TileRef};

/// Slots of two packs that hold the same tiles, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SameTiles {
    /// The first tile, where it was.
    pub from: TileRef,
    /// The first tile, where it is now.
    pub to: TileRef,
    /// So many tiles from both on, at least 1.
    pub count: u32,
}

/// Screenshots that follow each other in the knowledge of one writer.
///
/// Along a chain two different references are the same tile only if [`Links::same`] of its manifests
/// say so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The screenshot before the first one of the manifest, if the chain comes from there: its time,
    /// UTC milliseconds.
    pub after_ms: Option<u64>,
    /// Moments before which the chain ends and another begins, ascending, from 1 on. The number of
    /// moments itself: nothing goes on from the last one.
    pub breaks: Vec<u32>,
}

/// What a manifest of version 2 tells beyond version 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// Tiles that are the same.
    pub same: Vec<SameTiles>,
    /// `None`: each screenshot stands alone, as in version 1.
    pub chain: Option<Chain>,
}

impl Links {
    /// Whether there is nothing that version 1 could not say.
    pub fn is_empty(&self) -> bool {
        self.same.is_empty() && self.chain.is_none()
    }

    /// Whether a chain goes on between moment `index` - 1 and moment `index` of the manifest.
    pub fn goes_on(&self, index: usize) -> bool {
        let is_break = |chain: &Chain| {
            u32::try_from(index).is_ok_and(|index| chain.breaks.binary_search(&index).is_ok())
        };
        index > 0 && self.chain.as_ref().is_some_and(|chain| !is_break(chain))
    }

    /// Each pair of equal tiles: where it was, where it is now.
    pub fn pairs(&self) -> impl Iterator<Item = (TileRef, TileRef)> + '_ {
        let at = |tile: TileRef, step: u32| TileRef {
            pack: tile.pack,
            slot: tile.slot.wrapping_add(step),
        };
        self.same.iter().flat_map(move |run| {
            (0..run.count).map(move |step| (at(run.from, step), at(run.to, step)))
        })
    }

    /// The list for these pairs (where it was, where it is now): in one order, side by side as far as
    /// they lie so, each once.
    pub fn same_of(pairs: impl IntoIterator<Item = (TileRef, TileRef)>) -> Vec<SameTiles> {
        let mut pairs: Vec<(TileRef, TileRef)> = pairs.into_iter().collect();
        pairs.sort_unstable_by_key(|(from, to)| (*to, *from));
        pairs.dedup();
        let mut runs: Vec<SameTiles> = Vec::new();
        for (from, to) in pairs {
            let next = |first: TileRef, count: u32| TileRef {
                pack: first.pack,
                slot: first.slot.wrapping_add(count),
            };
            match runs.last_mut() {
                Some(run) if next(run.from, run.count) == from && next(run.to, run.count) == to => {
                    run.count += 1;
                }
                _ => runs.push(SameTiles { from, to, count: 1 }),
            }
        }
        runs
    }

    /// FORMAT.md, section "Links", written without judging.
    pub(crate) fn write(&self, moments: &[Moment], packs: usize, out: &mut Vec<u8>) {
        let first_ms = moments.first().map_or(0, |moment| moment.time_ms);
        match &self.chain {
            None => put_varint(out, 0),
            Some(Chain { after_ms, breaks }) => {
                let back = after_ms.map_or(0, |after_ms| first_ms.wrapping_sub(after_ms));
                put_varint(out, back.wrapping_add(1));
                put_varint(out, breaks.len() as u64);
                let mut before = 0;
                for number in breaks {
                    put_varint(out, u64::from(number.wrapping_sub(before)));
                    before = *number;
                }
            }
        }
        put_varint(out, self.same.len() as u64);
        for end in [|run: &SameTiles| run.from, |run: &SameTiles| run.to] {
            self.same.iter().for_each(|run| put_varint(out, end(run).pack.into()));
            let mut cursors = vec![0_u32; packs];
            for run in &self.same {
                let tile = end(run);
                let cursor = cursors.get_mut(tile.pack as usize);
                let expected = cursor.as_deref().copied().unwrap_or(0);
                put_varint(out, zigzag(i64::from(tile.slot) - i64::from(expected)));
                if let Some(cursor) = cursor {
                    *cursor = tile.slot.wrapping_add(run.count);
                }
            }
        }
        self.same.iter().for_each(|run| put_varint(out, u64::from(run.count.wrapping_sub(1))));
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        moments: &[Moment],
        packs: &[PackRef],
        limits: &Limits,
    ) -> Result<Self, FormatError> {
        let chain = read_chain(reader, moments)?;
        let count = reader.count("runs of equal tiles", limits.same)?;
        let from = Ends::read(reader, count, packs.len())?;
        let to = Ends::read(reader, count, packs.len())?;
        let mut cursors = [vec![0_i64; packs.len()], vec![0_i64; packs.len()]];
        let mut same = Vec::new();
        let mut tiles = 0_u64;
        for number in 0..count {
            let length = reader.varint()?.saturating_add(1);
            tiles = tiles.saturating_add(length);
            check_limit("equal tiles", tiles, limits.same as u64)?;
            let from = from.tile(reader, number, length, packs, &mut cursors[0])?;
            let to = to.tile(reader, number, length, packs, &mut cursors[1])?;
            same.push(SameTiles { from, to, count: length as u32 });
        }
        Ok(Self { same, chain })
    }
}

/// One side of all runs: packs and differences of slots.
struct Ends {
    packs: Vec<u32>,
    slots: Vec<u64>,
}

impl Ends {
    fn read(reader: &mut Reader<'_>, count: usize, packs: usize) -> Result<Self, FormatError> {
        // Each takes a byte at least, so a count that lies reserves nothing.
        let room = count.min(reader.remaining());
        let mut ends = Self { packs: Vec::with_capacity(room), slots: Vec::with_capacity(room) };
        for _ in 0..count {
            let pack = reader.varint()?;
            if pack >= packs as u64 {
                return Err(reader.invalid("an equal tile lies in a pack outside the table"));
            }
            ends.packs.push(pack as u32);
        }
        for _ in 0..count {
            ends.slots.push(reader.varint()?);
        }
        Ok(ends)
    }

    fn tile(
        &self,
        reader: &Reader<'_>,
        number: usize,
        count: u64,
        packs: &[PackRef],
        cursors: &mut [i64],
    ) -> Result<TileRef, FormatError> {
        let pack = self.packs[number];
        let cursor = &mut cursors[pack as usize];
        let slot = cursor.checked_add(unzigzag(self.slots[number])).filter(|slot| *slot >= 0);
        let slot = slot.ok_or_else(|| reader.invalid("the slot of an equal tile is negative"))?;
        let end = (slot as u64).saturating_add(count);
        if end > u64::from(packs[pack as usize].tiles) {
            return Err(reader.invalid("an equal tile has a slot outside its pack"));
        }
        // Both fit 32 bits, as the pack's tiles do.
        *cursor = end as i64;
        Ok(TileRef { pack, slot: slot as u32 })
    }
}

fn read_chain(reader: &mut Reader<'_>, moments: &[Moment]) -> Result<Option<Chain>, FormatError> {
    let flag = reader.varint()?;
    let Some(back) = flag.checked_sub(1) else { return Ok(None) };
    let Some(first) = moments.first() else {
        return Err(reader.invalid("a chain without screenshots"));
    };
    let after_ms = match back {
        0 => None,
        back => Some(
            first
                .time_ms
                .checked_sub(back)
                .ok_or_else(|| reader.invalid("a chain comes from before all time"))?,
        ),
    };
    let count = reader.count("breaks of a chain", moments.len())?;
    let mut breaks: Vec<u32> = Vec::new();
    let mut at = 0_u64;
    for _ in 0..count {
        let step = reader.varint()?;
        at = at.saturating_add(step);
        if step == 0 || at > moments.len() as u64 {
            return Err(reader.invalid("a break of a chain is not among the screenshots"));
        }
        breaks.push(at as u32);
    }
    Ok(Some(Chain { after_ms, breaks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Changes, SegmentId};

    fn tile(pack: u32, slot: u32) -> TileRef {
        TileRef { pack, slot }
    }

    fn packs(tiles: &[u32]) -> Vec<PackRef> {
        let segment = SegmentId { first_ms: 1, writer: 1 };
        tiles.iter().map(|tiles| PackRef { segment, offset: 0, len: 1, tiles: *tiles }).collect()
    }

    fn moments(times: &[u64]) -> Vec<Moment> {
        let moment = |time_ms: &u64| Moment {
            time_ms: *time_ms,
            layout: 0,
            idle: false,
            digests: Vec::new(),
            changes: Changes::default(),
        };
        times.iter().map(moment).collect()
    }

    fn read(bytes: &[u8], times: &[u64], tiles: &[u32]) -> Result<Links, FormatError> {
        let mut reader = Reader::new("test", bytes);
        let limits = Limits { same: 100, ..Limits::default() };
        let links = Links::read(&mut reader, &moments(times), &packs(tiles), &limits)?;
        reader.finish()?;
        Ok(links)
    }

    #[test]
    fn pairs_become_runs_that_come_back() {
        let pairs = [
            (tile(0, 5), tile(2, 0)),
            (tile(0, 6), tile(2, 1)),
            (tile(1, 0), tile(2, 2)),
            (tile(0, 7), tile(2, 3)),
            (tile(0, 7), tile(2, 3)),
        ];
        let same = Links::same_of(pairs);
        assert_eq!(same.len(), 3);
        let chain = Some(Chain { after_ms: Some(90), breaks: vec![1, 2] });
        let links = Links { same, chain };
        assert_eq!(links.pairs().count(), 4);
        let mut out = Vec::new();
        links.write(&moments(&[100, 110]), 3, &mut out);
        // Back by 10; two breaks; three runs; packs and slots where they were (5; 0; on at 7, pack 1
        // between), and where they are now (all continue); lengths.
        let expected = [11, 2, 1, 1, 3, 0, 1, 0, 10, 0, 0, 2, 2, 2, 0, 0, 0, 1, 0, 0];
        assert_eq!(out, expected);
        assert_eq!(read(&out, &[100, 110], &[8, 1, 4]), Ok(links));
    }

    #[test]
    fn a_chain_goes_on_except_at_its_breaks() {
        let links =
            Links { same: Vec::new(), chain: Some(Chain { after_ms: None, breaks: vec![2] }) };
        assert_eq!([0, 1, 2, 3].map(|index| links.goes_on(index)), [false, true, false, true]);
        assert!(!Links::default().goes_on(1));
    }

    #[test]
    fn what_lies_outside_tables_packs_and_moments_is_refused() {
        let refused = |bytes: &[u8], reason: &str| {
            let error = read(bytes, &[100, 110], &[8, 2]).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        assert!(read(&[0, 1, 0, 0, 1, 0, 1], &[100], &[8, 2]).is_ok());
        refused(&[0, 1, 2, 0, 1, 0, 1], "outside the table");
        refused(&[0, 1, 0, 0, 1, 0, 2], "outside its pack");
        refused(&[0, 1, 0, 1, 1, 0, 0], "negative");
        refused(&[102, 0, 0], "before all time");
        refused(&[1, 1, 0, 0], "not among the screenshots");
        refused(&[1, 1, 3, 0], "not among the screenshots");
        refused(&[1, 3], "breaks of a chain");
        refused(&[0, 101], "runs of equal tiles");
        refused(&[0, 1, 0, 0, 0, 0, 100], "equal tiles");
        refused(&[0, 2, 0], "cut short");
        assert!(
            read(&[1, 0, 0], &[], &[]).unwrap_err().to_string().contains("without screenshots")
        );
    }
}
