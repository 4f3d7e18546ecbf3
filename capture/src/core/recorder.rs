//! From screenshots to segments: compares, hashes, looks up, packs.

mod sealing;
mod sharing;

use std::collections::HashMap;

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::layout::{locate, position};
use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::{
    Absence, Digest, DomainKey, FormatError, Grid, Layout, MomentSummary, PackRef, SegmentId,
    TileHash, TileSize,
};

use super::budget::{PackUse, SeekBudget, packs_to_clean};
use super::chain::ChainKeeper;
use super::compare::{Lookup, Previous, digests};
use super::known::{KnownTiles, PackTiles, Place};
use super::layout::layout_of;
use super::packing::code;
use super::screen::Screen;
use super::sharing::Sharer;
pub use super::shot::{RecordError, Shot};
use super::storyboard::{Board, Storyboards};
use super::tail::Tail;
use crate::source::Surface;

/// How a stream is recorded.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tile size.
    pub tile: TileSize,
    /// Codec of new packs.
    pub codec: Codec,
    /// Milliseconds between screenshots as planned.
    pub interval_ms: u32,
    /// Keys the tile hashes.
    pub domain: DomainKey,
    /// Bound of cold seeks.
    pub budget: SeekBudget,
    /// Largest number of pixels in one pack: a screen full of new tiles becomes several packs, so
    /// that later seeks need not fetch all of it for a corner.
    pub pack_pixels: u32,
}

/// The segment being built.
struct Open {
    id: SegmentId,
    layouts: Vec<Layout>,
    moments: Vec<OpenMoment>,
    packs: Vec<(u32, Vec<u8>, Vec<TileHash>)>,
}

impl Open {
    fn new(id: SegmentId) -> Self {
        Self { id, layouts: Vec::new(), moments: Vec::new(), packs: Vec::new() }
    }
}

struct OpenMoment {
    time_ms: u64,
    layout: u32,
    idle: bool,
    digests: Vec<Digest>,
    changes: Vec<(u32, Place)>,
}

/// Turns screenshots into segments. Pure: time comes in, bytes come out.
pub struct Recorder {
    settings: Settings,
    writer: u32,
    known: KnownTiles,
    previous: Option<Previous>,
    open: Option<Open>,
    /// To be told by the next segment.
    absences: Vec<Absence>,
    tail: Tail,
    /// What [`Recorder::shoot`] compares with.
    own: Screen,
    shots: u64,
    chain: ChainKeeper,
    /// Only where they are wanted.
    boards: Option<Storyboards>,
    /// Only where tiles are shared.
    sharer: Option<Sharer>,
}

impl Recorder {
    /// A recorder that knows `known` and signs its segments as `writer` (random, never 0).
    pub fn new(settings: Settings, writer: u32, known: KnownTiles) -> Self {
        let (previous, open, absences) = (None, None, Vec::new());
        let (own, tail) = (Screen::default(), Tail::default());
        let (shots, boards, sharer, chain) = (0, None, None, ChainKeeper::default());
        Self {
            settings,
            writer,
            known,
            previous,
            open,
            absences,
            tail,
            own,
            shots,
            chain,
            boards,
            sharer,
        }
    }

    /// From here on, storyboards are made too, see [`Recorder::take_boards`].
    pub fn make_storyboards(&mut self) {
        self.boards.get_or_insert_default();
    }

    /// Takes out the storyboards that are complete; with `last`, the one being made too.
    ///
    /// # Errors
    /// [`FormatError`] when that one cannot be written; it is lost then.
    pub fn take_boards(&mut self, last: bool) -> Result<Vec<Board>, FormatError> {
        let Some(boards) = &mut self.boards else { return Ok(Vec::new()) };
        if last {
            boards.close()?;
        }
        Ok(boards.take())
    }

    /// The index of known tiles.
    pub fn known(&self) -> &KnownTiles {
        &self.known
    }

    /// Forgets what the lease no longer covers.
    pub fn expire(&mut self, now_ms: u64) {
        self.known.expire(now_ms);
    }

    /// From the next segment on, another writer: needed after the clock went back.
    pub fn change_writer(&mut self, writer: u32) {
        self.writer = writer;
        self.chain.end();
    }

    /// Refers from now on to no segment that satisfies `gone`: it may never arrive in the bucket.
    /// Nothing may be pending.
    pub fn forget_segments(&mut self, gone: impl Fn(&SegmentId) -> bool) {
        debug_assert!(self.open.is_none(), "a segment being built may refer to what is forgotten");
        self.known.retain_segments(|id| !gone(id));
        if let Some(sharer) = &mut self.sharer {
            sharer.forget_segments(&gone);
        }
        self.chain.end();
        // The places of the screen before may lie in them; its cells are looked up again.
        self.previous = None;
    }

    /// The next segment tells of these absences.
    pub fn add_absences(&mut self, absences: impl IntoIterator<Item = Absence>) {
        self.absences.extend(absences);
    }

    /// Milliseconds between screenshots as the next segment plans them. Nothing may be pending.
    pub fn set_interval(&mut self, interval_ms: u32) {
        debug_assert!(self.open.is_none(), "a segment being built was planned otherwise");
        self.settings.interval_ms = interval_ms;
    }

    /// Milliseconds between screenshots as planned.
    pub fn interval(&self) -> u32 {
        self.settings.interval_ms
    }

    /// Screenshots in the segment being built.
    pub fn pending(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.moments.len())
    }

    /// Whether the segment being built has to be sealed before a screenshot at `time_ms`: readers look
    /// back no further than [`MAX_SPAN_MS`].
    pub fn is_over(&self, time_ms: u64) -> bool {
        let first_ms = self.open.as_ref().map(|open| open.id.first_ms);
        first_ms.is_some_and(|first_ms| time_ms.saturating_sub(first_ms) > MAX_SPAN_MS)
    }

    /// Adds a screenshot taken at `time_ms` to the segment being built; finds by itself what changed
    /// since the one before.
    ///
    /// # Errors
    /// [`RecordError`]; nothing has changed then.
    pub fn shoot(
        &mut self,
        time_ms: u64,
        surfaces: Vec<Surface>,
        idle: bool,
    ) -> Result<Shot, RecordError> {
        let mut own = std::mem::take(&mut self.own);
        own.replace(surfaces);
        let shot = self.shoot_screen(time_ms, &mut own, idle);
        self.own = own;
        shot
    }

    /// Adds a screenshot of `screen` taken at `time_ms` to the segment being built, and takes note of
    /// its changes. Only what it says has changed is looked at.
    ///
    /// # Errors
    /// [`RecordError`]; nothing has changed then, and no note is taken.
    pub fn shoot_screen(
        &mut self,
        time_ms: u64,
        screen: &mut Screen,
        idle: bool,
    ) -> Result<Shot, RecordError> {
        if screen.surfaces().is_empty() {
            return Err(RecordError::Empty);
        }
        if let Some(last) = self.open.as_ref().and_then(|open| open.moments.last())
            && time_ms <= last.time_ms
        {
            return Err(RecordError::ClockBack { time_ms, last_ms: last.time_ms });
        }
        let layout = layout_of(screen.surfaces());
        let grids = layout.grids(self.settings.tile)?;
        let fits = |before: &Previous| before.layout == layout && before.number == screen.noted;
        let previous = self.previous.take().filter(fits);
        let digests = digests(screen, previous.as_ref());
        let mut lookup = self.look_up(time_ms, &grids, screen, previous);
        let new_tiles = lookup.missing.len();
        let past = self.renew_leases(time_ms, &mut lookup);
        let clean = self.clean_plan(&lookup.places);
        let again = past + self.mark_again(&clean, &mut lookup);
        let id = self.open_id(time_ms);
        self.store_missing(id, &grids, screen.surfaces(), &mut lookup)?;
        let from_commons = self.adopt(&mut lookup);
        let shot = Shot {
            cells: lookup.places.len(),
            changed: lookup.changed,
            new_tiles,
            stored_again: again,
            from_commons,
        };
        let changed = MomentSummary::share(shot.changed, shot.cells);
        self.tail.add(MomentSummary { time_ms, changed, idle });
        let places: Vec<Place> =
            lookup.places.iter().map(|place| place.unwrap_or(Place { pack: 0, slot: 0 })).collect();
        let before = lookup.before.as_deref();
        self.add_moment(time_ms, &layout, idle, digests.clone(), &places, before);
        if let Some(boards) = &mut self.boards {
            // The screenshot is safe; a storyboard is a convenience.
            let _ = boards.see(time_ms, self.writer, &layout, screen.surfaces());
        }
        let hashes = lookup.hashes;
        self.known.make_room();
        if self.known.take_forgot() {
            self.known.keep(&hashes, &places);
            self.chain.end();
        }
        if let Some(sharer) = &mut self.sharer {
            sharer.see(time_ms, &hashes, &places, &self.known);
        }
        self.shots += 1;
        self.previous = Some(Previous { layout, digests, hashes, places, number: self.shots });
        screen.noted = self.shots;
        screen.settle();
        Ok(shot)
    }

    /// Finds what every cell shows: unchanged, known, or missing (`None`).
    fn look_up(
        &self,
        now_ms: u64,
        grids: &[Grid],
        screen: &Screen,
        previous: Option<Previous>,
    ) -> Lookup {
        let total = grids.iter().map(Grid::cells).sum();
        let mut hashes = Vec::with_capacity(total);
        let mut places: Vec<Option<Place>> = Vec::with_capacity(total);
        let (mut missing, mut borrowed) = (Vec::new(), HashMap::new());
        let mut changed = 0;
        for ((grid, surface), dirty) in grids.iter().zip(screen.surfaces()).zip(screen.dirty()) {
            let picture = &surface.picture;
            let dirty = previous.as_ref().map(|_| dirty.cells(grid));
            for cell in 0..grid.cells() {
                let global = hashes.len();
                if let (Some(previous), Some(dirty)) = (&previous, &dirty)
                    && !dirty[cell]
                {
                    hashes.push(previous.hashes[global]);
                    places.push(Some(previous.places[global]));
                    continue;
                }
                let width = picture.width() as usize;
                let hash =
                    TileHash::of_cell(&self.settings.domain, grid, picture.rgb(), width, cell);
                if let Some(previous) = &previous
                    && previous.hashes[global] == hash
                {
                    hashes.push(hash);
                    places.push(Some(previous.places[global]));
                    continue;
                }
                changed += 1;
                let mut place = self.known.find(&hash, now_ms);
                if place.is_none() {
                    place = self.known.find_shared(&hash, now_ms);
                    match place {
                        Some(shared) => drop(borrowed.insert(hash, shared)),
                        None => missing.push(global),
                    }
                }
                hashes.push(hash);
                places.push(place);
            }
        }
        let before = previous.map(|p| p.places);
        Lookup { hashes, places, missing, borrowed, changed, before }
    }

    /// The packs whose shown tiles are to be stored again to keep the seek budget.
    fn clean_plan(&self, places: &[Option<Place>]) -> Vec<u32> {
        let mut shown: Vec<Place> = places.iter().flatten().copied().collect();
        shown.sort_unstable();
        shown.dedup();
        let mut uses: Vec<PackUse> = Vec::new();
        for place in shown {
            match uses.last_mut() {
                Some(last) if last.pack == place.pack => last.shown += 1,
                _ => {
                    let PackRef { len, tiles, .. } = self.known.pack(place.pack);
                    uses.push(PackUse { pack: place.pack, len, tiles, shown: 1 });
                }
            }
        }
        packs_to_clean(&uses, &self.settings.budget)
    }

    /// Takes the place from every cell that refers to a pack in `clean`; returns how many
    /// cells that were.
    fn mark_again(&self, clean: &[u32], screen: &mut Lookup) -> usize {
        if clean.is_empty() {
            return 0;
        }
        let before = screen.missing.len();
        for (cell, place) in screen.places.iter_mut().enumerate() {
            if place.is_some_and(|place| clean.contains(&place.pack)) {
                *place = None;
                screen.missing.push(cell);
            }
        }
        screen.missing.sort_unstable();
        screen.missing.len() - before
    }

    /// The segment being built, or the one that a screenshot at `time_ms` will begin.
    fn open_id(&self, time_ms: u64) -> SegmentId {
        let next = SegmentId { first_ms: time_ms, writer: self.writer };
        self.open.as_ref().map_or(next, |open| open.id)
    }

    /// Stores the tiles of all missing cells in packs of the open segment, and gives the cells their
    /// places.
    fn store_missing(
        &mut self,
        id: SegmentId,
        grids: &[Grid],
        surfaces: &[Surface],
        screen: &mut Lookup,
    ) -> Result<(), FormatError> {
        let tile = self.settings.tile;
        let most = (self.settings.pack_pixels / (tile.pixels() * tile.pixels())).max(1) as usize;
        let mut fresh: HashMap<TileHash, usize> = HashMap::new();
        let mut tiles: Vec<(usize, TilePos)> = Vec::new();
        for cell in &screen.missing {
            fresh.entry(screen.hashes[*cell]).or_insert_with(|| {
                tiles.push((*cell, position(grids, *cell)));
                tiles.len() - 1
            });
        }
        let per_pack = tiles.len().div_ceil(tiles.len().div_ceil(most).max(1)).max(1);
        let chunks: Vec<&[(usize, TilePos)]> = tiles.chunks(per_pack).collect();
        let cut = |cell: usize, out: &mut [u8]| {
            let (surface, local) = locate(grids, cell);
            grids[surface].cut(surfaces[surface].picture.rgb(), local, out);
        };
        let mut coded = Vec::new();
        for (chunk, bytes) in chunks.iter().zip(code(self.settings.codec, tile, &chunks, cut)) {
            let hashes: Vec<TileHash> =
                chunk.iter().map(|(cell, _)| screen.hashes[*cell]).collect();
            coded.push((bytes?, hashes));
        }
        let before = self.known.last(tiles.iter().map(|(cell, _)| screen.hashes[*cell]));
        // Learnt only once all are coded: a refused screenshot must leave nothing behind that later
        // ones would refer to.
        let open = self.open.get_or_insert_with(|| Open::new(id));
        let mut offset: usize = open.packs.iter().map(|pack| pack.1.len()).sum();
        let mut numbers = Vec::new();
        for (bytes, hashes) in coded {
            let (len, tiles) = (bytes.len() as u32, hashes.len() as u32);
            let pack = PackRef { segment: id, offset: offset as u32, len, tiles };
            offset += bytes.len();
            let number = self.known.learn(&PackTiles { pack, hashes: hashes.clone() });
            self.chain.stored(&before, number, &hashes);
            numbers.push(number);
            open.packs.push((number, bytes, hashes));
        }
        for cell in &screen.missing {
            let index = fresh[&screen.hashes[*cell]];
            let (pack, slot) = (numbers[index / per_pack], (index % per_pack) as u32);
            screen.places[*cell] = Some(Place { pack, slot });
        }
        Ok(())
    }

    fn add_moment(
        &mut self,
        time_ms: u64,
        layout: &Layout,
        idle: bool,
        digests: Vec<Digest>,
        places: &[Place],
        before: Option<&[Place]>,
    ) {
        let id = self.open_id(time_ms);
        let open = self.open.get_or_insert_with(|| Open::new(id));
        let number = open.layouts.iter().position(|l| l == layout).unwrap_or_else(|| {
            open.layouts.push(layout.clone());
            open.layouts.len() - 1
        }) as u32;
        let follows = open.moments.last().is_some_and(|last| last.layout == number);
        let before = before.filter(|_| follows);
        let changed = |cell: usize| before.is_none_or(|before| before[cell] != places[cell]);
        let changes = (0..places.len()).filter(|c| changed(*c)).map(|c| (c as u32, places[c]));
        let changes = changes.collect();
        self.chain.add(time_ms, open.moments.len());
        open.moments.push(OpenMoment { time_ms, layout: number, idle, digests, changes });
    }
}
