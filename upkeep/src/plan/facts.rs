//! What upkeep needs to know of an object: far less than its manifest, so that two days fit memory.

use std::ops::Range;

use deskreel_format::manifest::Screen;
use deskreel_format::{Manifest, PackRef, SegmentId};

/// An object as listed: a segment, or an index (whose writer is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Which segment; of an index the start of its hour and writer 0.
    pub id: SegmentId,
    /// Bytes of the object.
    pub size: u64,
    /// When the store took it, UTC milliseconds by the store's clock.
    pub modified_ms: i64,
}

/// A pack that moments of a manifest show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackUse {
    /// Where the pack lies.
    pub pack: PackRef,
    /// Time of the first moment that shows a tile of it.
    pub first_ms: u64,
    /// Time of the last one.
    pub last_ms: u64,
}

/// What the manifest of a segment or an index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The object.
    pub entry: Entry,
    /// Times of its moments, ascending.
    pub moments: Vec<u64>,
    /// Packs that lie in the object itself.
    pub own: Vec<PackRef>,
    /// Packs, own and others, that its moments show.
    pub uses: Vec<PackUse>,
    /// The other segments that its pack table names, shown or not; ascending.
    pub refers: Vec<SegmentId>,
    /// Times of earlier moments that its summary lists.
    pub listed: Vec<u64>,
    /// Number of absences that it tells of.
    pub absences: usize,
}

impl Facts {
    /// Of a manifest whose packs are located from the start of their objects.
    pub fn of(entry: Entry, manifest: &Manifest) -> Self {
        let (own, others): (Vec<PackRef>, Vec<PackRef>) =
            manifest.packs.iter().partition(|pack| pack.segment == manifest.id);
        let mut refers: Vec<SegmentId> = others.iter().map(|pack| pack.segment).collect();
        refers.sort_unstable();
        refers.dedup();
        Self {
            entry,
            moments: manifest.moments.iter().map(|moment| moment.time_ms).collect(),
            own,
            uses: uses(manifest),
            refers,
            listed: manifest.tail.iter().map(|summary| summary.time_ms).collect(),
            absences: manifest.absences.len(),
        }
    }

    /// The same, and that a summary beside the manifest (of an index) lists moments at `times`.
    #[must_use]
    pub fn listing(mut self, times: impl IntoIterator<Item = u64>) -> Self {
        self.listed.extend(times);
        self
    }

    /// Time of the last moment.
    pub fn last_ms(&self) -> Option<u64> {
        self.moments.last().copied()
    }

    /// Number of moments in `range`.
    pub fn moments_in(&self, range: &Range<u64>) -> usize {
        self.moments.iter().filter(|time| range.contains(time)).count()
    }
}

fn uses(manifest: &Manifest) -> Vec<PackUse> {
    let mut shown: Vec<Option<(u64, u64)>> = vec![None; manifest.packs.len()];
    let mut screen: Option<Screen> = None;
    for moment in &manifest.moments {
        let screen = match &mut screen {
            Some(screen) => {
                screen.apply(moment);
                screen
            }
            none => none.insert(Screen::of(moment)),
        };
        for cell in &screen.cells {
            let times = shown[cell.pack as usize].get_or_insert((moment.time_ms, moment.time_ms));
            times.1 = moment.time_ms;
        }
    }
    let packs = manifest.packs.iter().zip(shown);
    packs
        .filter_map(|(pack, times)| {
            times.map(|(first_ms, last_ms)| PackUse { pack: *pack, first_ms, last_ms })
        })
        .collect()
}

/// Builders of facts for the tests of the plans.
#[cfg(test)]
pub(crate) mod made {
    use super::*;

    /// Writer 1's segment with first time `first_ms`.
    pub(crate) fn id(first_ms: u64) -> SegmentId {
        SegmentId { first_ms, writer: 1 }
    }

    /// The only pack of that segment.
    pub(crate) fn pack(first_ms: u64) -> PackRef {
        PackRef { segment: id(first_ms), offset: 100, len: 50, tiles: 4 }
    }

    /// A segment whose every moment shows its own pack and those of the segments `shows`.
    pub(crate) fn segment(first_ms: u64, moments: &[u64], shows: &[u64]) -> Facts {
        let mut refers: Vec<SegmentId> = shows.iter().map(|first| id(*first)).collect();
        refers.sort_unstable();
        let (first, last) = (moments.first().copied(), moments.last().copied());
        let packs = shows.iter().copied().chain([first_ms]).map(pack);
        let uses =
            packs.filter_map(|pack| Some(PackUse { pack, first_ms: first?, last_ms: last? }));
        Facts {
            entry: Entry { id: id(first_ms), size: 1_000, modified_ms: first_ms as i64 },
            moments: moments.to_vec(),
            own: vec![pack(first_ms)],
            uses: uses.collect(),
            refers,
            listed: Vec::new(),
            absences: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::{
        CellChange, Digest, Layout, Links, Moment, SurfaceInfo, TileRef, TileSize,
    };

    #[test]
    fn a_pack_is_used_from_the_first_to_the_last_moment_that_shows_it_not_that_changes_it() {
        let info =
            SurfaceInfo { name: "a".into(), x: 0, y: 0, scale_milli: 1000, width: 16, height: 8 };
        let moment = |time_ms, changes: &[(u32, u32)]| Moment {
            time_ms,
            layout: 0,
            idle: false,
            digests: vec![Digest([0; 16])],
            changes: changes
                .iter()
                .map(|(cell, pack)| CellChange {
                    cell: *cell,
                    to: TileRef { pack: *pack, slot: 0 },
                })
                .collect(),
        };
        let manifest = Manifest {
            id: made::id(10),
            tile: TileSize::ALL[0],
            interval_ms: 10,
            layouts: vec![Layout { surfaces: vec![info] }],
            packs: vec![made::pack(10), made::pack(5), made::pack(6), made::pack(7)],
            moments: vec![
                moment(10, &[(0, 1), (1, 0)]),
                moment(20, &[]),
                moment(30, &[(0, 2)]),
                moment(40, &[]),
            ],
            absences: Vec::new(),
            tail: Vec::new(),
            links: Links::default(),
        };
        let entry = Entry { id: manifest.id, size: 1, modified_ms: 0 };
        let facts = Facts::of(entry, &manifest);
        let of = |first| {
            let found = facts.uses.iter().find(|shown| shown.pack == made::pack(first));
            found.map(|shown| (shown.first_ms, shown.last_ms))
        };
        assert_eq!(of(10), Some((10, 40)));
        assert_eq!(of(5), Some((10, 20)));
        assert_eq!(of(6), Some((30, 40)));
        assert_eq!(of(7), None);
        assert_eq!(facts.refers, [made::id(5), made::id(6), made::id(7)]);
        assert_eq!(facts.own, [made::pack(10)]);
        assert_eq!(facts.moments_in(&(20..40)), 2);
    }
}
