//! What a rectangle of a surface showed, moment after moment, out of manifests alone.
//!
//! Two cells that refer to one tile show the same. Two that refer to different ones mostly differ, but
//! not always: a tile may have been stored again. Manifests of version 2 say so, and say how far back
//! their writer can tell (FORMAT.md, section "Links"). Equal digests of whole pictures settle most of
//! the rest, two slots of one pack differ by the format, and what is left is settled by comparing the
//! tiles themselves. So no change is made up, and no moment that looked the same is missed.

mod equal;
mod track;

use std::collections::{HashMap, HashSet};

use deskreel_format::grid::Rect;
use deskreel_format::{PackRef, SegmentId, TileSize};

use equal::{Equals, TileId, Verdict};
use track::{Stop, Track, Walk, route};

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
    told: HashMap<SegmentId, Track>,
    equals: Equals,
}

impl Region {
    /// `rect` is in pixels of the surface and is widened to whole cells.
    pub fn new(question: Question, surface: usize, rect: Rect) -> Self {
        Self { question, surface, rect, told: HashMap::new(), equals: Equals::default() }
    }

    /// What is to be found out.
    pub fn question(&self) -> Question {
        self.question
    }

    /// Whether the manifest of a segment was taken in.
    pub fn has(&self, id: SegmentId) -> bool {
        self.told.contains_key(&id)
    }

    /// Takes in what a manifest tells.
    pub fn take(&mut self, sheet: &Sheet) {
        let track = Track::of(sheet, self.surface, self.rect, &mut self.equals);
        self.told.insert(sheet.manifest.id, track);
    }

    /// Where a pack lies.
    pub fn place(&self, key: &PackKey) -> Option<(PackRef, TileSize)> {
        self.equals.place(key)
    }

    /// Two tiles were compared.
    pub fn compared(&mut self, pair: (Tile, Tile), equal: bool) {
        if let (Some(a), Some(b)) = (self.equals.id(pair.0), self.equals.id(pair.1)) {
            self.equals.compared(a, b, equal);
        }
    }

    /// The answer for the moments from `start_ms` on; the last one lasts for `interval_ms`.
    pub fn answer(&mut self, start_ms: u64, interval_ms: u64) -> Answer {
        self.equals.settle();
        let route = route(&self.told, start_ms);
        let mut open = HashSet::new();
        let times = match self.question {
            Question::History => self.history(&route, false, &mut open),
            Question::Seen(at_ms) => {
                let at = route.partition_point(|stop| stop.step().time_ms <= at_ms);
                let Some(at) = at.checked_sub(1) else { return Answer::Times(Vec::new()) };
                stretches(&route, &self.seen(&route, at, &mut open), interval_ms)
            }
        };
        if open.is_empty() {
            return Answer::Times(times);
        }
        let tile = |(a, b): (TileId, TileId)| {
            let (a, b) = (self.equals.tile(a), self.equals.tile(b));
            (a.min(b), a.max(b))
        };
        let mut open: Vec<_> = open.into_iter().map(tile).collect();
        open.sort_unstable();
        Answer::Compare(open)
    }

    /// The changes that are certain although not every manifest was taken in: moments between which
    /// others may lie are not compared. Empty for [`Question::Seen`].
    pub fn so_far(&mut self, start_ms: u64) -> Vec<u64> {
        self.equals.settle();
        match self.question {
            Question::History => {
                self.history(&route(&self.told, start_ms), true, &mut HashSet::new())
            }
            Question::Seen(_) => Vec::new(),
        }
    }

    /// When it changed, and what is open; with `only_near`, looking only from moments to those that
    /// follow in the same manifest or chain.
    fn history(
        &self,
        route: &[Stop<'_>],
        only_near: bool,
        open: &mut HashSet<(TileId, TileId)>,
    ) -> Vec<u64> {
        let mut walk = Walk::default();
        let mut times = Vec::new();
        let mut before: Option<&Stop<'_>> = None;
        for stop in route {
            let is_new = walk.go(stop);
            let Some(last) = before.replace(stop) else { continue };
            if only_near && last.id != stop.id && last.chain != stop.chain {
                continue;
            }
            let is_other = is_new
                || (last.step().digest != stop.step().digest
                    && (stop.step().is_all || self.differs(&walk, last.chain == stop.chain, open)));
            if is_other {
                times.push(stop.step().time_ms);
            }
        }
        times
    }

    /// Whether what the walk's last step changed looks different; an open pair if that is not known.
    fn differs(
        &self,
        walk: &Walk<'_>,
        chained: bool,
        open: &mut HashSet<(TileId, TileId)>,
    ) -> bool {
        let mut unsaid = None;
        for (cell, old) in &walk.changed {
            let new = walk.cells[*cell as usize];
            match self.equals.verdict(*old, new) {
                Verdict::Same => {}
                Verdict::Different => return true,
                Verdict::Unsaid if chained => return true,
                Verdict::Unsaid => unsaid = unsaid.or(Some((*old, new))),
            }
        }
        open.extend(unsaid);
        false
    }

    /// Which stops look as stop `at` does.
    fn seen<'a>(
        &self,
        route: &[Stop<'a>],
        at: usize,
        open: &mut HashSet<(TileId, TileId)>,
    ) -> Vec<bool> {
        let mut walk = Walk::default();
        route[..=at].iter().for_each(|stop| {
            walk.go(stop);
        });
        let (wanted, shape) = (std::mem::take(&mut walk.cells), route[at].step().shape);
        let (mut walk, mut states) = (Walk::default(), States::default());
        let roots: Vec<TileId> = wanted.iter().map(|tile| self.equals.root(*tile)).collect();
        let verdict =
            |cell: usize, tile: TileId| self.equals.verdict_of((wanted[cell], roots[cell]), tile);
        let look = |stop: &Stop<'a>| {
            let is_new = walk.go(stop);
            if stop.step().shape != shape {
                return false;
            }
            if is_new {
                states.reset(walk.cells.len());
            }
            walk.changed.iter().for_each(|(cell, _)| states.forget(*cell));
            if stop.step().digest == route[at].step().digest {
                return true;
            }
            if stop.step().is_all {
                return false;
            }
            // One cell that certainly differs is enough, and will be for a while.
            let is_chained = stop.chain == route[at].chain;
            loop {
                if states.different > 0 || (states.unsaid > 0 && is_chained) {
                    return false;
                }
                let Some(cell) = states.open.pop() else { break };
                states.set(cell, verdict(cell as usize, walk.cells[cell as usize]));
            }
            match states.first_unsaid() {
                None => true,
                Some(cell) => {
                    open.insert((wanted[cell], walk.cells[cell]));
                    false
                }
            }
        };
        route.iter().map(look).collect()
    }
}

/// How each cell compares with what is wanted.
#[derive(Debug, Default)]
struct States {
    /// `None`: not looked at since it changed.
    cells: Vec<Option<Verdict>>,
    /// Those.
    open: Vec<u32>,
    different: usize,
    unsaid: usize,
}

impl States {
    fn reset(&mut self, cells: usize) {
        *self = Self::default();
        self.cells.resize(cells, None);
        self.open.extend(0..cells as u32);
    }

    /// A cell changed.
    fn forget(&mut self, cell: u32) {
        match self.cells[cell as usize].take() {
            None => return,
            Some(Verdict::Same) => {}
            Some(Verdict::Different) => self.different -= 1,
            Some(Verdict::Unsaid) => self.unsaid -= 1,
        }
        self.open.push(cell);
    }

    /// An open cell was looked at.
    fn set(&mut self, cell: u32, verdict: Verdict) {
        self.cells[cell as usize] = Some(verdict);
        self.different += usize::from(verdict == Verdict::Different);
        self.unsaid += usize::from(verdict == Verdict::Unsaid);
    }

    fn first_unsaid(&self) -> Option<usize> {
        let is_unsaid = |verdict: &Option<Verdict>| *verdict == Some(Verdict::Unsaid);
        if self.unsaid == 0 { None } else { self.cells.iter().position(is_unsaid) }
    }
}

/// Starts and ends of the stretches in which `looks` is true, alternating.
fn stretches(route: &[Stop<'_>], looks: &[bool], interval_ms: u64) -> Vec<u64> {
    let mut times = Vec::new();
    for (index, stop) in route.iter().enumerate().filter(|(index, _)| looks[*index]) {
        let time_ms = stop.step().time_ms;
        let own_end_ms = time_ms + interval_ms;
        // A gap ends a stretch.
        let next_ms = route.get(index + 1).map_or(own_end_ms, |next| next.step().time_ms);
        let end_ms = if next_ms - time_ms > interval_ms * 5 / 2 { own_end_ms } else { next_ms };
        if times.last() == Some(&time_ms) {
            times.pop();
            times.push(end_ms);
        } else {
            times.extend([time_ms, end_ms]);
        }
    }
    times
}
