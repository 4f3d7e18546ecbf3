//! The simplest correct writer and reader: what the agent and the player must agree with.

use std::collections::HashMap;

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{
    CellChange, DaySummary, Digest, DomainKey, Grid, Index, Layout, Limits, Links, Manifest,
    Moment, MomentSummary, Pack, PackRef, Picture, Segment, SegmentId, TileHash, TileRef, TileSize,
    time,
};

use super::{Desktop, Dice};

/// Times of recordings: 100 s before a full UTC hour.
pub(crate) const START_MS: u64 = 1_709_251_100_000;
const STEP_MS: u64 = 10_000;

/// What was on the screen.
pub(crate) struct Shot {
    pub(crate) time_ms: u64,
    pub(crate) layout: Layout,
    pub(crate) pictures: Vec<Picture>,
    /// Number of its segment, and of its moment in there.
    pub(crate) place: (usize, usize),
}

/// What was written, as a bucket holds it.
pub(crate) struct Recording {
    pub(crate) shots: Vec<Shot>,
    pub(crate) objects: Vec<(SegmentId, Vec<u8>)>,
    /// The manifests as handed to the encoder.
    pub(crate) manifests: Vec<Manifest>,
    /// The arguments of [`Self::of_random_desktop`], to make it again.
    made_of: (u64, TileSize, usize, usize),
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording::of_random_desktop{:?}", self.made_of)
    }
}

/// Packs and the places of tiles, by a number that no segment knows.
struct Known {
    packs: Vec<PackRef>,
    tiles: HashMap<TileHash, (usize, u32)>,
}

impl Recording {
    /// Records `shots` screenshots of a random desktop, up to `per_segment` in a segment.
    pub(crate) fn of_random_desktop(
        seed: u64,
        tile: TileSize,
        shots: usize,
        per_segment: usize,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let mut desktop = Desktop::new(&mut dice);
        let mut known = Known { packs: Vec::new(), tiles: HashMap::new() };
        let made_of = (seed, tile, shots, per_segment);
        let mut all =
            Self { shots: Vec::new(), objects: Vec::new(), manifests: Vec::new(), made_of };
        while all.shots.len() < shots {
            let count = per_segment.min(shots - all.shots.len());
            let first = all.shots.len();
            for index in 0..count {
                desktop.change(&mut dice);
                all.shots.push(Shot {
                    time_ms: START_MS + (first + index) as u64 * STEP_MS,
                    layout: desktop.layout.clone(),
                    pictures: desktop.pictures.clone(),
                    place: (all.objects.len(), index),
                });
            }
            let (manifest, object) = write(&all.shots[first..], tile, &mut known);
            all.objects.push((manifest.id, object));
            all.manifests.push(manifest);
        }
        all
    }

    pub(crate) fn segment(&self, number: usize) -> Segment {
        Segment::decode(&self.objects[number].1, &Limits::default()).unwrap()
    }

    /// Fetches a pack by range, as readers do.
    pub(crate) fn pack(&self, tile: TileSize, place: &PackRef) -> Pack {
        let object = self.objects.iter().find(|(id, _)| *id == place.segment).unwrap();
        let bytes = &object.1[place.offset as usize..][..place.len as usize];
        Pack::decode_at(place, tile, bytes, &Limits::default()).unwrap()
    }

    /// Rolls all segments into the index of the hour of `hour_ms`.
    pub(crate) fn index(&self, hour_ms: u64) -> Index {
        let mut rolled = self.segment(0).manifest;
        rolled.id = SegmentId { first_ms: time::hour_start(hour_ms), writer: 0 };
        (rolled.layouts, rolled.packs, rolled.moments) = (Vec::new(), Vec::new(), Vec::new());
        let mut before: Option<(usize, Vec<TileRef>)> = None;
        let mut moments = Vec::new();
        for number in 0..self.objects.len() {
            let manifest = self.segment(number).manifest;
            for (index, moment) in manifest.moments.iter().enumerate() {
                if time::hour_start(moment.time_ms) != rolled.id.first_ms {
                    continue;
                }
                let screen = manifest.screen(index).unwrap();
                let layout =
                    position(&mut rolled.layouts, &manifest.layouts[screen.layout as usize]);
                let to_ref = |cell: &TileRef| TileRef {
                    pack: position(&mut rolled.packs, &manifest.packs[cell.pack as usize]) as u32,
                    slot: cell.slot,
                };
                let cells: Vec<TileRef> = screen.cells.iter().map(to_ref).collect();
                let old = before.take().filter(|(old, _)| *old == layout).map(|(_, cells)| cells);
                let changes = difference(old.as_deref(), &cells);
                let changed = MomentSummary::share(changes.len(), cells.len());
                moments.push(MomentSummary { time_ms: moment.time_ms, changed, idle: moment.idle });
                let layout_32 = layout as u32;
                let changes = changes.into_iter().collect();
                rolled.moments.push(Moment { layout: layout_32, changes, ..moment.clone() });
                before = Some((layout, cells));
            }
        }
        let hours = vec![rolled.id.first_ms];
        let summary = DaySummary { hours, moments, absences: Vec::new() };
        Index { summary, manifest: rolled }
    }
}

fn position<T: Clone + PartialEq>(table: &mut Vec<T>, entry: &T) -> usize {
    table.iter().position(|other| other == entry).unwrap_or_else(|| {
        table.push(entry.clone());
        table.len() - 1
    })
}

fn difference(before: Option<&[TileRef]>, now: &[TileRef]) -> Vec<CellChange> {
    (0..now.len())
        .filter(|cell| before.is_none_or(|before| before[*cell] != now[*cell]))
        .map(|cell| CellChange { cell: cell as u32, to: now[cell] })
        .collect()
}

/// Writes one segment: per screenshot one pack of the tiles never seen before.
fn write(shots: &[Shot], tile: TileSize, known: &mut Known) -> (Manifest, Vec<u8>) {
    let key = DomainKey::new([7; 32]);
    let id = SegmentId { first_ms: shots[0].time_ms, writer: 0xfeed };
    let (mut blobs, mut own): (Vec<Vec<u8>>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut layouts, mut used, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    let mut before: Option<(usize, Vec<TileRef>)> = None;
    for shot in shots {
        let (mut rgb, mut positions, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mut row = 0;
        for (picture, grid) in shot.pictures.iter().zip(shot.layout.grids(tile).unwrap()) {
            for cell in 0..grid.cells() {
                let width = picture.width() as usize;
                let hash = TileHash::of_cell(&key, &grid, picture.rgb(), width, cell);
                let new = (known.packs.len(), positions.len() as u32);
                let place = *known.tiles.entry(hash).or_insert(new);
                if place == new {
                    let from = rgb.len();
                    rgb.resize(from + tile.tile_bytes(), 0);
                    grid.cut(picture.rgb(), cell, &mut rgb[from..]);
                    let (line, col) = (cell as u32 / grid.cols(), cell as u32 % grid.cols());
                    positions.push(TilePos { row: row + line, col });
                }
                places.push(place);
            }
            row += grid.rows();
        }
        if !positions.is_empty() {
            let blob = Pack::encode(Codec::Webp, tile, &positions, &rgb).unwrap();
            let offset = blobs.iter().map(Vec::len).sum::<usize>() as u32;
            let (len, tiles) = (blob.len() as u32, positions.len() as u32);
            own.push(known.packs.len());
            known.packs.push(PackRef { segment: id, offset, len, tiles });
            blobs.push(blob);
        }
        let layout = position(&mut layouts, &shot.layout);
        let to_ref = |(pack, slot): &(usize, u32)| TileRef {
            pack: position(&mut used, pack) as u32,
            slot: *slot,
        };
        let cells: Vec<TileRef> = places.iter().map(to_ref).collect();
        let old = before.take().filter(|(old, _)| *old == layout).map(|(_, cells)| cells);
        let changes = difference(old.as_deref(), &cells).into_iter().collect();
        before = Some((layout, cells));
        moments.push(Moment {
            time_ms: shot.time_ms,
            layout: layout as u32,
            idle: shot.time_ms % 3 == 0,
            digests: shot.pictures.iter().map(Digest::of).collect(),
            changes,
        });
    }
    let manifest = Manifest {
        id,
        tile,
        interval_ms: STEP_MS as u32,
        layouts,
        packs: used.iter().map(|pack| known.packs[*pack]).collect(),
        moments,
        absences: Vec::new(),
        tail: Vec::new(),
        links: Links::default(),
    };
    let object = Segment::encode(&manifest, &blobs).unwrap();
    let packs_start = (object.len() - blobs.iter().map(Vec::len).sum::<usize>()) as u32;
    own.iter().for_each(|pack| known.packs[*pack].offset += packs_start);
    (manifest, object)
}

/// Draws a screen from its tiles.
pub(crate) fn draw(
    layout: &Layout,
    tile: TileSize,
    cells: &[TileRef],
    mut pack: impl FnMut(u32) -> Pack,
) -> Vec<Picture> {
    let mut packs: HashMap<u32, Pack> = HashMap::new();
    let mut cells = cells.iter();
    let draw_surface = |grid: &Grid, picture: &mut Picture| {
        for cell in 0..grid.cells() {
            let at = cells.next().unwrap();
            let pack = packs.entry(at.pack).or_insert_with(|| pack(at.pack));
            grid.paste(pack.tile(at.slot).unwrap(), cell, picture.rgb_mut());
        }
    };
    let mut pictures: Vec<Picture> = layout
        .surfaces
        .iter()
        .map(|s| Picture::filled(s.width, s.height, [255, 0, 255]).unwrap())
        .collect();
    let grids = layout.grids(tile).unwrap();
    let mut draw_surface = draw_surface;
    grids.iter().zip(&mut pictures).for_each(|(grid, picture)| draw_surface(grid, picture));
    assert!(cells.next().is_none(), "a screen has as many cells as its grids");
    pictures
}
