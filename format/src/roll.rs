//! Rolls the manifests of an hour into its index. Pure: whoever has read the segments can do it, the
//! agent, an operator or a server.

mod links;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::manifest::{INDEX_WRITER, Screen};
use crate::time::{DAY_MS, HOUR_MS, hour_start};
use crate::{
    Absence, CellChange, DaySummary, FormatError, Index, Layout, Links, Manifest, Moment,
    MomentSummary, PackRef, SameTiles, SegmentId, TileRef,
};

/// What the summary of a day tells of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HourSummary {
    /// Its moments.
    pub moments: Vec<MomentSummary>,
    /// The absences that its segments tell of.
    pub absences: Vec<Absence>,
}

/// An hour's manifests as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledHour {
    /// As FORMAT.md, section 6, wants it.
    pub manifest: Manifest,
    /// Its part of the summary.
    pub summary: HourSummary,
}

/// A moment, by where it is.
#[derive(Debug, Clone, Copy)]
struct Place {
    time_ms: u64,
    id: SegmentId,
    segment: usize,
    moment: usize,
}

/// Rolls the hour that begins at `hour_ms`. `segments` are the manifests, in any order and with all
/// packs located from the start of their objects, of every segment that may hold a moment of it: those
/// keyed in the hour, and the last ones of the hour before. `None` when no moment lies in the hour.
///
/// # Errors
/// [`FormatError::Invalid`] when the tile size changed in the hour: it then has no index.
pub fn roll_hour(hour_ms: u64, segments: &[&Manifest]) -> Result<Option<RolledHour>, FormatError> {
    let hour = hour_ms..hour_ms.saturating_add(HOUR_MS);
    let (mut places, ties) = places(segments);
    let Some(first) = places.iter().position(|place| hour.contains(&place.time_ms)) else {
        return Ok(None);
    };
    places.retain(|place| place.time_ms < hour.end);
    let is_of_hour = |manifest: &Manifest| {
        hour.contains(&manifest.id.first_ms)
            || manifest.moments.iter().any(|moment| hour.contains(&moment.time_ms))
    };
    let mut of_hour: Vec<&Manifest> = segments.iter().copied().filter(|m| is_of_hour(m)).collect();
    of_hour.sort_by_key(|manifest| manifest.id);
    let tile = segments[places[first].segment].tile;
    if of_hour.iter().any(|manifest| manifest.tile != tile) {
        let reason = "the tile size changed in this hour, which has no index therefore";
        return Err(FormatError::Invalid { what: "index", at: 0, reason });
    }
    let mut roll = Roll::new(segments);
    // The moment before the hour tells how much the first one changed.
    for place in &places[first.saturating_sub(1)..] {
        roll.add(*place, hour.contains(&place.time_ms));
    }
    let mut absences: Vec<Absence> = Vec::new();
    for absence in of_hour.iter().flat_map(|manifest| &manifest.absences) {
        if !absences.contains(absence) {
            absences.push(*absence);
        }
    }
    let chain = links::chain(segments, &places, first, &ties);
    let (packs, moments, same) = roll.with_used_packs(&of_hour);
    let interval_ms = of_hour.iter().map(|manifest| manifest.interval_ms).max().unwrap_or(1);
    let manifest = Manifest {
        id: SegmentId { first_ms: hour_ms, writer: INDEX_WRITER },
        tile,
        interval_ms,
        layouts: roll.layouts,
        packs,
        moments,
        absences: absences.clone(),
        tail: Vec::new(),
        links: Links { same, chain },
    };
    let summary = HourSummary { moments: roll.summary, absences };
    Ok(Some(RolledHour { manifest, summary }))
}

/// All moments by time; of two of one time the one whose segment has the greater id. And the times of
/// which there were two.
fn places(segments: &[&Manifest]) -> (Vec<Place>, HashSet<u64>) {
    let mut places: Vec<Place> = Vec::new();
    for (segment, manifest) in segments.iter().enumerate() {
        let place = |(moment, of): (usize, &Moment)| Place {
            time_ms: of.time_ms,
            id: manifest.id,
            segment,
            moment,
        };
        places.extend(manifest.moments.iter().enumerate().map(place));
    }
    places.sort_unstable_by_key(|place| (place.time_ms, std::cmp::Reverse(place.id)));
    let ties = links::ties(&places);
    places.dedup_by_key(|place| place.time_ms);
    (places, ties)
}

/// The index of an hour: its manifest, and the summary of the 24 hours before its end out of `hours`,
/// by their starts. An hour that is not among them is not listed; one without moments may be.
pub fn index(rolled: Manifest, hours: &BTreeMap<u64, HourSummary>) -> Index {
    let end = rolled.id.first_ms.saturating_add(HOUR_MS);
    let mut summary = DaySummary::default();
    for (hour, told) in hours.range(end.saturating_sub(DAY_MS)..end) {
        summary.hours.push(*hour);
        summary.moments.extend_from_slice(&told.moments);
        let new = |absence: &&Absence| !summary.absences.contains(absence);
        let absences: Vec<Absence> = told.absences.iter().filter(new).copied().collect();
        summary.absences.extend(absences);
    }
    Index { summary, manifest: rolled }
}

/// The inverse of [`index`]: what a summary tells of each of its hours. An absence goes to the hour in
/// which it ended.
pub fn hours_of(summary: &DaySummary) -> BTreeMap<u64, HourSummary> {
    let mut hours: BTreeMap<u64, HourSummary> =
        summary.hours.iter().map(|hour| (*hour, HourSummary::default())).collect();
    for moment in &summary.moments {
        if let Some(hour) = hours.get_mut(&hour_start(moment.time_ms)) {
            hour.moments.push(*moment);
        }
    }
    for absence in &summary.absences {
        let ended = hour_start(absence.to_ms);
        let hour = hours.range(ended..).next().or_else(|| hours.iter().next_back());
        if let Some(hour) = hour.map(|(hour, _)| *hour)
            && let Some(told) = hours.get_mut(&hour)
        {
            told.absences.push(*absence);
        }
    }
    hours
}

/// What the roll knows of a segment's replay.
struct Replay {
    screen: Screen,
    moment: usize,
}

struct Roll<'a> {
    segments: &'a [&'a Manifest],
    replays: HashMap<usize, Replay>,
    packs: Vec<PackRef>,
    numbers: HashMap<PackRef, u32>,
    layouts: Vec<Layout>,
    before: Option<(Layout, Vec<TileRef>, &'a Moment)>,
    is_first: bool,
    moments: Vec<Moment>,
    summary: Vec<MomentSummary>,
}

impl<'a> Roll<'a> {
    fn new(segments: &'a [&'a Manifest]) -> Self {
        Self {
            segments,
            replays: HashMap::new(),
            packs: Vec::new(),
            numbers: HashMap::new(),
            layouts: Vec::new(),
            before: None,
            is_first: true,
            moments: Vec::new(),
            summary: Vec::new(),
        }
    }

    fn add(&mut self, place: Place, is_in_hour: bool) {
        let manifest = self.segments[place.segment];
        let moment = &manifest.moments[place.moment];
        let cells = self.cells(place);
        let layout = &manifest.layouts[moment.layout as usize];
        let before = self.before.take().filter(|(old, ..)| old == layout);
        if is_in_hour {
            let changes: Vec<CellChange> = (0_u32..)
                .zip(&cells)
                .filter(|(cell, to)| {
                    before.as_ref().is_none_or(|(_, old, _)| old[*cell as usize] != **to)
                })
                .map(|(cell, to)| CellChange { cell, to: *to })
                .collect();
            // A tile that was stored again is the same tile.
            let is_same = before.as_ref().is_some_and(|(.., old)| old.digests == moment.digests);
            let changed =
                if is_same { 0 } else { MomentSummary::share(changes.len(), cells.len()) };
            self.summary.push(MomentSummary { time_ms: place.time_ms, changed, idle: moment.idle });
            let number = self.layouts.iter().position(|l| l == layout).unwrap_or_else(|| {
                self.layouts.push(layout.clone());
                self.layouts.len() - 1
            });
            let all = (0_u32..).zip(&cells).map(|(cell, to)| CellChange { cell, to: *to });
            let changes = if self.is_first { all.collect() } else { changes.into_iter().collect() };
            self.is_first = false;
            self.moments.push(Moment {
                time_ms: place.time_ms,
                layout: number as u32,
                idle: moment.idle,
                digests: moment.digests.clone(),
                changes,
            });
        }
        self.before = Some((layout.clone(), cells, moment));
    }

    /// The screen of a moment, its packs by numbers of the roll.
    fn cells(&mut self, place: Place) -> Vec<TileRef> {
        let manifest = self.segments[place.segment];
        let replay = self
            .replays
            .entry(place.segment)
            .or_insert_with(|| Replay { screen: Screen::of(&manifest.moments[0]), moment: 0 });
        while replay.moment < place.moment {
            replay.moment += 1;
            replay.screen.apply(&manifest.moments[replay.moment]);
        }
        let mut of_segment: Vec<Option<u32>> = vec![None; manifest.packs.len()];
        let mut number = |pack: u32| {
            *of_segment[pack as usize].get_or_insert_with(|| {
                number_of(&mut self.packs, &mut self.numbers, manifest.packs[pack as usize])
            })
        };
        let cells = replay.screen.cells.iter();
        let cells =
            cells.map(|cell| TileRef { pack: number(cell.pack), slot: cell.slot }).collect();
        if place.moment + 1 == manifest.moments.len() {
            self.replays.remove(&place.segment);
        }
        cells
    }

    /// The table of the packs that moments show or links of `manifests` name, most used first; the
    /// moments and the equal tiles by its numbers.
    fn with_used_packs(
        &mut self,
        manifests: &[&Manifest],
    ) -> (Vec<PackRef>, Vec<Moment>, Vec<SameTiles>) {
        let mut pairs: Vec<(TileRef, TileRef)> = Vec::new();
        for manifest in manifests {
            let (packs, numbers) = (&mut self.packs, &mut self.numbers);
            let mut to = |tile: TileRef| TileRef {
                pack: number_of(packs, numbers, manifest.packs[tile.pack as usize]),
                slot: tile.slot,
            };
            pairs.extend(manifest.links.pairs().map(|(from, now)| (to(from), to(now))));
        }
        let mut uses = vec![0_usize; self.packs.len()];
        pairs.iter().for_each(|(from, to)| {
            uses[from.pack as usize] += 1;
            uses[to.pack as usize] += 1;
        });
        for change in self.moments.iter().flat_map(|moment| moment.changes.iter()) {
            uses[change.to.pack as usize] += 1;
        }
        let mut order: Vec<usize> = (0..uses.len()).filter(|pack| uses[*pack] > 0).collect();
        order.sort_by_key(|pack| std::cmp::Reverse(uses[*pack]));
        let mut numbers = vec![0_u32; uses.len()];
        for (number, pack) in (0_u32..).zip(&order) {
            numbers[*pack] = number;
        }
        let to = |to: TileRef| TileRef { pack: numbers[to.pack as usize], slot: to.slot };
        let moments = std::mem::take(&mut self.moments).into_iter().map(|moment| Moment {
            changes: moment
                .changes
                .iter()
                .map(|change| CellChange { cell: change.cell, to: to(change.to) })
                .collect(),
            ..moment
        });
        let moments = moments.collect();
        let same = Links::same_of(pairs.into_iter().map(|(from, now)| (to(from), to(now))));
        (order.into_iter().map(|pack| self.packs[pack]).collect(), moments, same)
    }
}

/// The number of a pack in the table `packs`, to whose end it is added.
fn number_of(packs: &mut Vec<PackRef>, numbers: &mut HashMap<PackRef, u32>, pack: PackRef) -> u32 {
    *numbers.entry(pack).or_insert_with(|| {
        packs.push(pack);
        packs.len() as u32 - 1
    })
}
