//! What a rectangle of a surface showed, moment after moment, out of manifests alone.
//!
//! Two cells that refer to one tile show the same. Two that refer to different ones mostly differ, but
//! not always: a tile may have been stored again. Equal digests of whole pictures settle most of
//! that, two slots of one pack differ by the format, and what is left is settled by comparing the
//! tiles themselves. So no change is made up, and no moment that looked the same is missed.

use std::collections::{BTreeMap, HashMap, HashSet};

use deskreel_format::grid::Rect;
use deskreel_format::{Digest, Grid, PackRef, Screen, SegmentId, TileSize};

use super::sheet::{PackKey, Sheet};

/// A tile, by where it is stored.
pub type Tile = (PackKey, u32);

/// What to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// When did it change?
    History,
    /// When did it show what it shows at this time (UTC milliseconds)?
    Seen(u64),
}

/// What the region showed at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// Size of the surface and its tiles; other sizes are other pictures.
    shape: (u32, u32, TileSize),
    digest: Digest,
    cells: Vec<Tile>,
}

/// An answer, or what is still to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// UTC milliseconds: the moments of changes; or starts and ends of the stretches that showed the
    /// same, alternating.
    Times(Vec<u64>),
    /// These pairs of tiles must be compared first.
    Compare(Vec<(Tile, Tile)>),
}

/// A rectangle under study.
#[derive(Debug)]
pub struct Region {
    question: Question,
    surface: usize,
    rect: Rect,
    /// What each manifest told, by its segment.
    told: HashMap<SegmentId, Vec<(u64, State)>>,
    /// Whether two tiles are equal, the smaller one first.
    known: HashMap<(Tile, Tile), bool>,
    packs: HashMap<PackKey, (PackRef, TileSize)>,
}

impl Region {
    /// `rect` is in pixels of the surface and is widened to whole cells.
    pub fn new(question: Question, surface: usize, rect: Rect) -> Self {
        let (told, known, packs) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { question, surface, rect, told, known, packs }
    }

    /// Whether the manifest of a segment was taken in.
    pub fn has(&self, id: SegmentId) -> bool {
        self.told.contains_key(&id)
    }

    /// Takes in what a manifest tells.
    pub fn take(&mut self, sheet: &Sheet) {
        let manifest = &sheet.manifest;
        let mut states: Vec<(u64, State)> = Vec::new();
        let mut screen: Option<Screen> = None;
        let mut cells: (u32, Vec<usize>) = (u32::MAX, Vec::new());
        for moment in &manifest.moments {
            match &mut screen {
                Some(screen) => screen.apply(moment),
                None => screen = Some(Screen::of(moment)),
            }
            let layout = &manifest.layouts[moment.layout as usize];
            let Some(info) = layout.surfaces.get(self.surface) else { continue };
            if cells.0 != moment.layout {
                let grids = layout.grids(manifest.tile).unwrap_or_default();
                cells = (moment.layout, covered(&grids, self.surface, self.rect));
            }
            let shown = screen.as_ref().map(|screen| screen.cells.as_slice()).unwrap_or_default();
            let tile = |cell: &usize| {
                let tile = shown[*cell];
                (PackKey::from(&manifest.packs[tile.pack as usize]), tile.slot)
            };
            let state = State {
                shape: (info.width, info.height, manifest.tile),
                digest: moment.digests[self.surface],
                cells: cells.1.iter().map(tile).collect(),
            };
            states.push((moment.time_ms, state));
        }
        self.packs.extend(manifest.packs.iter().map(|p| (PackKey::from(p), (*p, manifest.tile))));
        self.told.insert(manifest.id, states);
    }

    /// Where a pack lies.
    pub fn place(&self, key: &PackKey) -> Option<(PackRef, TileSize)> {
        self.packs.get(key).copied()
    }

    /// Two tiles were compared.
    pub fn compared(&mut self, pair: (Tile, Tile), equal: bool) {
        self.known.insert(pair, equal);
    }

    /// The answer for the moments from `start_ms` on; the last one lasts for `interval_ms`.
    pub fn answer(&self, start_ms: u64, interval_ms: u64) -> Answer {
        // Of two moments of one time the one whose segment has the greater id counts.
        let mut moments: BTreeMap<u64, (SegmentId, &State)> = BTreeMap::new();
        for (id, states) in &self.told {
            for (time_ms, state) in states.iter().filter(|(time_ms, _)| *time_ms >= start_ms) {
                let entry = moments.entry(*time_ms).or_insert((*id, state));
                if entry.0 < *id {
                    *entry = (*id, state);
                }
            }
        }
        let moments: Vec<(u64, &State)> =
            moments.into_iter().map(|(time_ms, (_, state))| (time_ms, state)).collect();
        let mut open: HashSet<(Tile, Tile)> = HashSet::new();
        let mut is_same = |a: &State, b: &State| match self.compare(a, b) {
            Ok(same) => same,
            Err(pair) => {
                open.insert(pair);
                false
            }
        };
        let mut times = Vec::new();
        match self.question {
            Question::History => {
                for pair in moments.windows(2) {
                    if !is_same(pair[0].1, pair[1].1) {
                        times.push(pair[1].0);
                    }
                }
            }
            Question::Seen(at_ms) => {
                let at = moments.partition_point(|(time_ms, _)| *time_ms <= at_ms);
                let Some((_, wanted)) = at.checked_sub(1).and_then(|at| moments.get(at)) else {
                    return Answer::Times(times);
                };
                for (index, (time_ms, state)) in moments.iter().enumerate() {
                    if !is_same(wanted, state) {
                        continue;
                    }
                    let own_end_ms = time_ms + interval_ms;
                    // A gap ends a stretch.
                    let next_ms = moments.get(index + 1).map_or(own_end_ms, |next| next.0);
                    let end_ms =
                        if next_ms - time_ms > interval_ms * 5 / 2 { own_end_ms } else { next_ms };
                    if times.last() == Some(time_ms) {
                        times.pop();
                        times.push(end_ms);
                    } else {
                        times.extend([*time_ms, end_ms]);
                    }
                }
            }
        }
        if open.is_empty() {
            return Answer::Times(times);
        }
        let mut open: Vec<_> = open.into_iter().collect();
        open.sort_unstable();
        Answer::Compare(open)
    }

    /// Whether two states look the same; else the first pair of tiles that must be compared.
    fn compare(&self, a: &State, b: &State) -> Result<bool, (Tile, Tile)> {
        if a.shape != b.shape {
            return Ok(false);
        }
        if a.digest == b.digest {
            return Ok(true);
        }
        let mut open = None;
        for (a, b) in a.cells.iter().zip(&b.cells).filter(|(a, b)| a != b) {
            // A pack holds each different tile once.
            if a.0 == b.0 {
                return Ok(false);
            }
            let pair = (*a.min(b), *a.max(b));
            match self.known.get(&pair) {
                Some(false) => return Ok(false),
                Some(true) => {}
                None => open = open.or(Some(pair)),
            }
        }
        open.map_or(Ok(true), Err)
    }
}

/// The cells of a surface that a rectangle touches, numbered among those of all surfaces.
fn covered(grids: &[Grid], surface: usize, rect: Rect) -> Vec<usize> {
    let before: usize = grids.iter().take(surface).map(Grid::cells).sum();
    let Some(grid) = grids.get(surface) else { return Vec::new() };
    let side = grid.tile().pixels();
    let span = |from: u32, length: u32, most: u32| {
        let end = from.saturating_add(length).div_ceil(side).min(most);
        (from / side).min(end)..end
    };
    let rows = span(rect.y, rect.height, grid.rows());
    let cols = span(rect.x, rect.width, grid.cols());
    let cell = |row: u32, col: u32| before + (row * grid.cols() + col) as usize;
    rows.flat_map(|row| cols.clone().map(move |col| (row, col)))
        .map(|(row, col)| cell(row, col))
        .collect()
}
