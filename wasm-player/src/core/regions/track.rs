//! What a manifest tells of a region, as changes from moment to moment, and the walk along them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use deskreel_format::grid::Rect;
use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::{Digest, Grid, Rest, SegmentId, TileRef, TileSize};

use super::equal::{Equals, TileId};
use crate::core::sheet::Sheet;

/// Size of the surface and its tiles; other sizes are other pictures.
pub(super) type Shape = (u32, u32, TileSize);

/// A cell of the region that shows another tile than before.
pub(super) type Change = (u32, TileId);

/// The region at a moment.
#[derive(Debug)]
pub(super) struct Step {
    /// UTC milliseconds.
    pub(super) time_ms: u64,
    /// See there.
    pub(super) shape: Shape,
    /// Of the whole surface.
    pub(super) digest: Digest,
    /// Its changes in [`Track::changes`].
    changes: Range<usize>,
    /// They give every cell.
    is_whole: bool,
    /// A chain leads here from the step before.
    goes_on: bool,
    /// The region is the whole surface: digests tell all, and no cell is looked at.
    pub(super) is_all: bool,
}

/// What a manifest tells of a region.
#[derive(Debug, Default)]
pub(super) struct Track {
    steps: Vec<Step>,
    changes: Vec<Change>,
    /// The moment, of another manifest, from which a chain leads to the first step.
    after_ms: Option<u64>,
    /// A chain may go on from the last step.
    is_open: bool,
}

impl Track {
    /// Replays a manifest, looking at the cells of one rectangle of a surface only. What it says of
    /// equal tiles goes to `equals`.
    pub(super) fn of(sheet: &Sheet, surface: usize, rect: Rect, equals: &mut Equals) -> Self {
        let manifest = &sheet.manifest;
        let packs: Arc<[u32]> =
            manifest.packs.iter().map(|pack| equals.number(pack, manifest.tile)).collect();
        equals.take(sheet.copies(), &packs);
        let mut track = Self::default();
        let mut goes_on = false;
        let mut index = 0;
        for moments in manifest.moments.chunk_by(|a, b| a.layout == b.layout) {
            let layout = &manifest.layouts[moments[0].layout as usize];
            let Some(info) = layout.surfaces.get(surface) else {
                index += moments.len();
                goes_on = false;
                continue;
            };
            let is_all = covers(rect, info.width, info.height);
            let place = match is_all {
                true => Vec::new(),
                false => {
                    let grids = layout.grids(manifest.tile);
                    stretches(&grids.unwrap_or_default(), surface, rect)
                }
            };
            // Mostly memory is waited for, and for several moments at once if nothing stands between.
            let first = place.first().map_or(0, |cells| cells.start);
            let rests: Vec<Rest<'_>> = moments.iter().map(|m| m.changes.after(first)).collect();
            for (number, (moment, mut rest)) in moments.iter().zip(rests).enumerate() {
                goes_on &= manifest.links.goes_on(index);
                let from = track.changes.len();
                let mut first = 0;
                for cells in &place {
                    let tile = |to: TileRef| (packs[to.pack as usize], to.slot);
                    let changes = rest.within(cells.clone());
                    let changes = changes.map(|c| (first + c.cell - cells.start, tile(c.to)));
                    track.changes.extend(changes);
                    first += cells.end - cells.start;
                }
                track.steps.push(Step {
                    time_ms: moment.time_ms,
                    shape: (info.width, info.height, manifest.tile),
                    digest: moment.digests[surface],
                    changes: from..track.changes.len(),
                    is_whole: number == 0,
                    goes_on,
                    is_all,
                });
                if index == 0 {
                    track.after_ms = manifest.links.chain.as_ref().and_then(|chain| chain.after_ms);
                }
                goes_on = true;
                index += 1;
            }
        }
        track.is_open = goes_on && manifest.links.goes_on(manifest.moments.len());
        track
    }

    fn apply(&self, step: usize, cells: &mut Vec<TileId>) {
        let step = &self.steps[step];
        let changes = &self.changes[step.changes.clone()];
        if step.is_whole {
            cells.clear();
            cells.resize(changes.len(), (0, 0));
        }
        for (cell, tile) in changes {
            cells[*cell as usize] = *tile;
        }
    }
}

fn covers(rect: Rect, width: u32, height: u32) -> bool {
    (rect.x, rect.y) == (0, 0) && rect.width >= width && rect.height >= height
}

/// The cells of the rectangle as stretches that ascend: a row each, or all rows in one where the
/// rectangle is as wide as the surface.
fn stretches(grids: &[Grid], surface: usize, rect: Rect) -> Vec<Range<u32>> {
    let before: usize = grids.iter().take(surface).map(Grid::cells).sum();
    let Some(grid) = grids.get(surface) else { return Vec::new() };
    let side = grid.tile().pixels();
    let span = |from: u32, length: u32, most: u32| {
        let end = from.saturating_add(length).div_ceil(side).min(most);
        (from / side).min(end)..end
    };
    let rows = span(rect.y, rect.height, grid.rows());
    let cols = span(rect.x, rect.width, grid.cols());
    // Limits keep the cells of a layout within 32 bits.
    let at = |row: u32, col: u32| before as u32 + row * grid.cols() + col;
    if cols == (0..grid.cols()) {
        return std::iter::once(at(rows.start, 0)..at(rows.end, 0)).collect();
    }
    rows.map(|row| at(row, cols.start)..at(row, cols.end)).collect()
}

/// A moment of the stream, and where it is told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop<'a> {
    track: &'a Track,
    pub(super) id: SegmentId,
    index: usize,
    /// Stops of one number are of one chain.
    pub(super) chain: u32,
}

impl<'a> Stop<'a> {
    /// The region then.
    pub(super) fn step(&self) -> &'a Step {
        &self.track.steps[self.index]
    }
}

/// The moments from `start_ms` on, of all manifests together: of two of one time the one whose segment
/// has the greater id counts.
pub(super) fn route(told: &HashMap<SegmentId, Track>, start_ms: u64) -> Vec<Stop<'_>> {
    let mut tracks: Vec<(&SegmentId, &Track)> = told.iter().collect();
    tracks.sort_unstable_by_key(|(id, _)| **id);
    let mut stops: Vec<Stop<'_>> = Vec::new();
    for (id, track) in tracks {
        // Times ascend.
        let first = track.steps.partition_point(|step| step.time_ms < start_ms);
        let indexes = first..track.steps.len();
        stops.extend(indexes.map(|index| Stop { track, id: *id, index, chain: 0 }));
    }
    // Those of one time stay in the order of their segments.
    stops.sort_by_key(|stop| stop.step().time_ms);
    let mut route: Vec<Stop<'_>> = Vec::with_capacity(stops.len());
    let mut was_tied = true;
    for tied in stops.chunk_by(|a, b| a.step().time_ms == b.step().time_ms) {
        let [.., stop] = tied else { continue };
        let mut stop = *stop;
        // An index and a segment of its hour tell of the same moment, not of two.
        let segments = tied.iter().filter(|stop| stop.id.writer != INDEX_WRITER);
        let is_tied = segments.count() > 1;
        if let Some(before) = route.last() {
            let goes_on = !is_tied && !was_tied && goes_on(before, &stop);
            stop.chain = before.chain + u32::from(!goes_on);
        }
        was_tied = is_tied;
        route.push(stop);
    }
    route
}

fn goes_on(before: &Stop<'_>, next: &Stop<'_>) -> bool {
    if before.id == next.id {
        return next.index == before.index + 1 && next.step().goes_on;
    }
    let (a, b) = (before.id.writer, next.id.writer);
    let may_be_one_writer = a == b || a == INDEX_WRITER || b == INDEX_WRITER;
    let ends_open = match before.track.steps.get(before.index + 1) {
        Some(own_next) => own_next.goes_on,
        None => before.track.is_open,
    };
    may_be_one_writer
        && ends_open
        && next.index == 0
        && next.track.after_ms == Some(before.step().time_ms)
}

/// The cells of the region along a route.
#[derive(Debug, Default)]
pub(super) struct Walk<'a> {
    at: Option<Stop<'a>>,
    shape: Option<Shape>,
    /// What each cell shows.
    pub(super) cells: Vec<TileId>,
    /// Cells that the last step changed, and what they showed before; none when the shape changed.
    pub(super) changed: Vec<(u32, TileId)>,
    /// Where other manifests were left that go on later.
    parked: HashMap<SegmentId, (usize, Vec<TileId>)>,
}

impl<'a> Walk<'a> {
    /// Goes to a stop. Whether the region has another shape than before: then every cell is new.
    pub(super) fn go(&mut self, stop: &Stop<'a>) -> bool {
        let step = stop.step();
        self.changed.clear();
        let left = self.at.replace(*stop);
        let is_next = left.is_some_and(|at| at.id == stop.id && at.index + 1 == stop.index);
        if is_next && !step.is_whole {
            for (cell, tile) in &stop.track.changes[step.changes.clone()] {
                let shown = &mut self.cells[*cell as usize];
                if shown != tile {
                    self.changed.push((*cell, std::mem::replace(shown, *tile)));
                }
            }
            return false;
        }
        let before = std::mem::take(&mut self.cells);
        let (next, mut cells) = match self.parked.remove(&stop.id) {
            Some((at, cells)) if at <= stop.index => (at + 1, cells),
            _ => (0, Vec::new()),
        };
        let is_whole = |index: &usize| stop.track.steps[*index].is_whole;
        let from = (next..=stop.index).rev().find(is_whole).unwrap_or(next);
        (from..=stop.index).for_each(|index| stop.track.apply(index, &mut cells));
        self.cells = cells;
        let is_new = self.shape != Some(step.shape);
        if !is_new {
            let pairs = before.iter().zip(&self.cells).enumerate();
            let changed = pairs.filter(|(_, (old, new))| old != new);
            self.changed.extend(changed.map(|(cell, (old, _))| (cell as u32, *old)));
        }
        let goes_on_later = |at: &Stop<'_>| at.index + 1 < at.track.steps.len();
        if let Some(at) = left.filter(|at| at.id != stop.id && goes_on_later(at)) {
            self.parked.insert(at.id, (at.index, before));
        }
        self.shape = Some(step.shape);
        is_new
    }
}
