//! Records pictures into segments: the simplest writer that the format allows.

use std::collections::HashMap;

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{
    Absence, CellChange, Chain, Digest, DomainKey, Layout, Links, Manifest, Moment, MomentSummary,
    Pack, PackRef, Picture, Segment, SegmentId, StreamName, SurfaceInfo, TileHash, TileRef,
    TileSize,
};

use crate::bucket::Bucket;

/// 2023-11-14T22:13:20Z.
pub(crate) const T0: u64 = 1_700_000_000_000;
pub(crate) const INTERVAL_MS: u64 = 10_000;

pub(crate) fn stream() -> StreamName {
    StreamName::parse("desk").unwrap()
}

pub(crate) fn layout(sizes: &[(u32, u32)]) -> Layout {
    let mut x = 0;
    let mut surfaces = Vec::new();
    for (width, height) in sizes {
        let name = format!("S{}", surfaces.len());
        let (width, height) = (*width, *height);
        surfaces.push(SurfaceInfo { name, x, y: 0, scale_milli: 1000, width, height });
        x += width as i32;
    }
    Layout { surfaces }
}

/// A screenshot as it was captured: what the player has to show.
#[derive(Clone)]
pub(crate) struct Shot {
    pub(crate) time_ms: u64,
    pub(crate) layout: Layout,
    pub(crate) pictures: Vec<Picture>,
}

/// One shot whose picture depends on nothing but its arguments.
pub(crate) fn shot(time_ms: u64, sizes: &[(u32, u32)], seed: u64) -> Shot {
    let picture = |(index, (width, height)): (usize, &(u32, u32))| {
        let mut picture = Picture::filled(*width, *height, [index as u8 * 40, 90, 160]).unwrap();
        let (width, height) = (*width as u64, *height as u64);
        // A window that moves and a line of "text" that grows: most of the screen stays.
        for y in 0..height {
            for x in 0..width {
                let window = x >= seed * 5 % width && x < seed * 5 % width + 20 && y % 40 < 25;
                let text = y > height / 2 && (x * 7 + y * 13) % 11 == 0 && x / 3 < seed * 4 % 50;
                if window || text {
                    let at = ((y * width + x) * 3) as usize;
                    let value = (seed * 31 + x * y) as u8;
                    picture.rgb_mut()[at..at + 3].copy_from_slice(&[value, value ^ 85, 7]);
                }
            }
        }
        picture
    };
    let pictures = sizes.iter().enumerate().map(picture).collect();
    Shot { time_ms, layout: layout(sizes), pictures }
}

/// One run of an agent.
pub(crate) struct Writer {
    tile: TileSize,
    writer: u32,
    /// Where each tile lies.
    seen: HashMap<TileHash, (SegmentId, u32)>,
    /// Packs stored so far: segment and number of the pack in it, to place.
    places: HashMap<(SegmentId, u32), PackRef>,
    pub(crate) absences: Vec<Absence>,
    pub(crate) tail: Vec<MomentSummary>,
    /// Remembers what it stored, however often it forgets, and says so.
    pub(crate) remembers: bool,
    /// Where each tile was last, its pack located in its object.
    was: HashMap<TileHash, (PackRef, u32)>,
    last_ms: Option<u64>,
    /// Nobody is there from the first to the second time.
    pub(crate) idle: Option<(u64, u64)>,
}

impl Writer {
    pub(crate) fn new(writer: u32, tile: u32) -> Self {
        Self {
            tile: TileSize::new(tile).unwrap(),
            writer,
            seen: HashMap::new(),
            places: HashMap::new(),
            absences: Vec::new(),
            tail: Vec::new(),
            remembers: false,
            was: HashMap::new(),
            last_ms: None,
            idle: None,
        }
    }

    /// Stores again whatever is seen next.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
    }

    /// Stores shots as one segment.
    pub(crate) fn store(&mut self, bucket: &mut Bucket, shots: &[Shot]) -> SegmentId {
        let id = SegmentId { first_ms: shots[0].time_ms, writer: self.writer };
        let key = DomainKey::new([7; 32]);
        let mut manifest = Manifest {
            id,
            tile: self.tile,
            interval_ms: INTERVAL_MS as u32,
            layouts: Vec::new(),
            packs: Vec::new(),
            moments: Vec::new(),
            absences: std::mem::take(&mut self.absences),
            tail: self.tail.clone(),
            links: Links::default(),
        };
        let (mut packs, mut offset) = (Vec::new(), 0);
        // Slots of tiles in each of this segment's packs.
        let mut slots: HashMap<TileHash, (PackRef, u32)> = HashMap::new();
        let mut before: Option<(u32, Vec<TileRef>)> = None;
        for shot in shots {
            let layout_index = index_of(&mut manifest.layouts, &shot.layout);
            let mut hashes = Vec::new();
            let (mut new, mut positions) = (Vec::new(), Vec::new());
            let mut row_base = 0;
            let mut fresh: Vec<TileHash> = Vec::new();
            for (picture, grid) in shot.pictures.iter().zip(shot.layout.grids(self.tile).unwrap()) {
                for cell in 0..grid.cells() {
                    let width = picture.width() as usize;
                    let hash = TileHash::of_cell(&key, &grid, picture.rgb(), width, cell);
                    hashes.push(hash);
                    if self.seen.contains_key(&hash)
                        || slots.contains_key(&hash)
                        || fresh.contains(&hash)
                    {
                        continue;
                    }
                    let mut tile = vec![0; self.tile.tile_bytes()];
                    grid.cut(picture.rgb(), cell, &mut tile);
                    new.extend_from_slice(&tile);
                    let (row, col) = (cell as u32 / grid.cols(), cell as u32 % grid.cols());
                    positions.push(TilePos { row: row + row_base, col });
                    fresh.push(hash);
                }
                row_base += grid.rows();
            }
            if !fresh.is_empty() {
                let bytes = Pack::encode(Codec::Webp, self.tile, &positions, &new).unwrap();
                let len = bytes.len() as u32;
                let place = PackRef { segment: id, offset, len, tiles: fresh.len() as u32 };
                offset += len;
                packs.push(bytes);
                for (slot, hash) in fresh.into_iter().enumerate() {
                    slots.insert(hash, (place, slot as u32));
                }
            }
            let cells: Vec<TileRef> = hashes
                .iter()
                .map(|hash| {
                    let (place, slot) = slots.get(hash).copied().unwrap_or_else(|| {
                        let (segment, slot) = self.seen[hash];
                        (self.places[&(segment, slot >> 16)], slot & 0xffff)
                    });
                    TileRef { pack: index_of(&mut manifest.packs, &place), slot }
                })
                .collect();
            let changes = cells.iter().enumerate().filter_map(|(cell, to)| {
                let same = before
                    .as_ref()
                    .is_some_and(|(layout, cells)| *layout == layout_index && cells[cell] == *to);
                (!same).then_some(CellChange { cell: cell as u32, to: *to })
            });
            let idle = self.idle.is_some_and(|(from, to)| (from..=to).contains(&shot.time_ms));
            let moment = Moment {
                time_ms: shot.time_ms,
                layout: layout_index,
                idle,
                digests: shot.pictures.iter().map(Digest::of).collect(),
                changes: changes.collect(),
            };
            self.tail.push(MomentSummary { time_ms: shot.time_ms, changed: 3, idle: false });
            manifest.moments.push(moment);
            before = Some((layout_index, cells));
        }
        if self.remembers {
            let after_ms = self.last_ms.replace(shots[shots.len() - 1].time_ms);
            manifest.links.chain = Some(Chain { after_ms, breaks: Vec::new() });
            let mut pairs = Vec::new();
            for (hash, (place, slot)) in &slots {
                if let Some((old, old_slot)) = self.was.get(hash) {
                    let from =
                        TileRef { pack: index_of(&mut manifest.packs, old), slot: *old_slot };
                    let to = TileRef { pack: index_of(&mut manifest.packs, place), slot: *slot };
                    pairs.push((from, to));
                }
            }
            manifest.links.same = Links::same_of(pairs);
        }
        let object = Segment::encode(&manifest, &packs).unwrap();
        let stored = Segment::decode(&object, &deskreel_format::Limits::default()).unwrap();
        // From here on, later segments refer to the packs where they came to lie.
        for (hash, (place, slot)) in slots {
            let number = packs_before(&manifest, &place);
            self.seen.insert(hash, (id, number << 16 | slot));
            let moved = PackRef { offset: place.offset + stored.packs_start, ..place };
            self.places.insert((id, number), moved);
            self.was.insert(hash, (moved, slot));
        }
        bucket.put(&stream().segment_key(id), object);
        id
    }
}

fn packs_before(manifest: &Manifest, place: &PackRef) -> u32 {
    let own = manifest.packs.iter().filter(|p| p.segment == manifest.id);
    own.filter(|p| p.offset < place.offset).count() as u32
}

fn index_of<T: PartialEq + Clone>(all: &mut Vec<T>, one: &T) -> u32 {
    let index = all.iter().position(|other| other == one);
    index.unwrap_or_else(|| {
        all.push(one.clone());
        all.len() - 1
    }) as u32
}

/// Shots every interval from `T0 + offset_ms` on, stored `per_segment` at a time by one writer.
pub(crate) fn record(
    bucket: &mut Bucket,
    writer: &mut Writer,
    shots: &[Shot],
    per_segment: usize,
) -> Vec<SegmentId> {
    shots.chunks(per_segment).map(|shots| writer.store(bucket, shots)).collect()
}

pub(crate) fn shots(count: u64, sizes: &[(u32, u32)]) -> Vec<Shot> {
    (0..count).map(|i| shot(T0 + i * INTERVAL_MS, sizes, i)).collect()
}
