//! The deep audit: every pack is decoded, every moment is recomposed and held against its digests.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use deskreel_format::{
    CellChange, Digest, FormatError, Grid, Limits, Manifest, Moment, Pack, PackRef, Picture,
    Segment, TileRef,
};
use deskreel_store::StoreError;
use futures_util::{StreamExt, stream};

use super::survey::{ObjectError, StreamObjects, Survey};
use crate::plan::WINDOW_MS;
use crate::plan::audit::{Fault, Problem};

/// Objects fetched ahead.
const AHEAD: usize = 6;
/// Decoded pixels kept, in bytes.
const CACHE_BYTES: usize = 384 << 20;

/// What the deep audit did and found.
#[derive(Debug, Default)]
pub struct Deep {
    /// Packs that were decoded.
    pub packs: usize,
    /// Moments whose pixels are those that were captured.
    pub exact: usize,
    /// Moments too old to be shown whose tiles are gone already.
    pub gone: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Decodes every pack of the segments of `survey` and recomposes every moment; `done` is called after
/// each segment.
///
/// # Errors
/// [`StoreError`] when the store fails; what is wrong with objects is part of the result.
pub async fn audit(
    objects: &StreamObjects,
    survey: &Survey,
    now_ms: u64,
    done: impl Fn(),
) -> Result<Deep, StoreError> {
    let mut deep = Deep::default();
    let mut cache = Cache::default();
    let whole = survey.segments.iter().map(|facts| async {
        let key = objects.stream.segment_key(facts.entry.id);
        let bytes = objects.store.get(&key, None).await;
        (key, bytes)
    });
    let mut whole = stream::iter(whole).buffered(AHEAD);
    while let Some((key, bytes)) = whole.next().await {
        let bytes = match bytes {
            Ok(object) => object.bytes,
            Err(error) => match ObjectError::from(error) {
                ObjectError::Gone => continue, // since it was listed
                ObjectError::Store(error) => return Err(error),
                ObjectError::Damaged(what) => {
                    deep.problem(Fault::Unreadable, &key, None, what);
                    continue;
                }
            },
        };
        match Segment::decode(&bytes, &objects.limits) {
            Ok(segment) => {
                own_packs(&segment.manifest, &key, &bytes, &objects.limits, &mut cache, &mut deep);
                moments(objects, &segment.manifest, &key, now_ms, &mut cache, &mut deep).await?;
            }
            Err(error) => deep.problem(Fault::Unreadable, &key, None, error.to_string()),
        }
        done();
    }
    Ok(deep)
}

/// Decodes the packs of a segment out of its whole object.
fn own_packs(
    manifest: &Manifest,
    key: &str,
    object: &Bytes,
    limits: &Limits,
    cache: &mut Cache,
    deep: &mut Deep,
) {
    for pack in manifest.packs.iter().filter(|pack| pack.segment == manifest.id) {
        let range = pack.offset as usize..(pack.offset + pack.len) as usize;
        let bytes = object.get(range);
        let cut = FormatError::Truncated { what: "segment", at: object.len() };
        let decoded =
            bytes.ok_or(cut).and_then(|b| Pack::decode_at(pack, manifest.tile, b, limits));
        match decoded {
            Ok(decoded) => {
                deep.packs += 1;
                cache.insert(*pack, decoded);
            }
            Err(error) => {
                let what = format!("its pack at byte {}: {error}", pack.offset);
                deep.problem(Fault::DamagedPack, key, None, what);
            }
        }
    }
}

async fn moments(
    objects: &StreamObjects,
    manifest: &Manifest,
    key: &str,
    now_ms: u64,
    cache: &mut Cache,
    deep: &mut Deep,
) -> Result<(), StoreError> {
    let mut canvas: Option<Canvas> = None;
    for moment in &manifest.moments {
        let fresh = canvas.as_ref().is_none_or(|canvas| canvas.layout != moment.layout);
        if fresh {
            match Canvas::new(manifest, moment) {
                Ok(new) => canvas = Some(new),
                Err(error) => {
                    deep.problem(Fault::Unreadable, key, Some(moment.time_ms), error.to_string());
                    return Ok(());
                }
            }
        }
        let Some(canvas) = &mut canvas else { return Ok(()) };
        let packs = fetch(objects, manifest, moment, cache).await?;
        canvas.paint(moment, &packs);
        match canvas.verdict(moment) {
            Verdict::Exact => deep.exact += 1,
            Verdict::Missing if moment.time_ms < now_ms.saturating_sub(WINDOW_MS) => deep.gone += 1,
            Verdict::Missing => {
                let what = "tiles that it shows are missing or damaged".to_owned();
                deep.problem(Fault::Inexact, key, Some(moment.time_ms), what);
            }
            Verdict::Other { surface, expected, found } => {
                let name = &manifest.layouts[moment.layout as usize].surfaces[surface].name;
                let what =
                    format!("surface '{name}' was captured as {expected} and shows as {found}");
                deep.problem(Fault::Inexact, key, Some(moment.time_ms), what);
            }
        }
    }
    Ok(())
}

/// The packs that a moment's changes refer to, by number; those that cannot be had are left out.
async fn fetch(
    objects: &StreamObjects,
    manifest: &Manifest,
    moment: &Moment,
    cache: &mut Cache,
) -> Result<HashMap<u32, Arc<Pack>>, StoreError> {
    let mut wanted: Vec<u32> = moment.changes.iter().map(|change| change.to.pack).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut packs = HashMap::new();
    let mut missing = Vec::new();
    for number in wanted {
        let place = manifest.packs[number as usize];
        match cache.get(&place) {
            Some(pack) => {
                packs.insert(number, pack);
            }
            None => missing.push((number, place)),
        }
    }
    let requests = missing.iter().map(|(number, place)| async move {
        (*number, *place, objects.pack(*place, manifest).await)
    });
    let answers: Vec<_> = stream::iter(requests).buffer_unordered(AHEAD).collect().await;
    for (number, place, answer) in answers {
        match answer {
            Ok(pack) => {
                packs.insert(number, cache.insert(place, pack));
            }
            Err(ObjectError::Store(error)) => return Err(error),
            // Told of where the pack lies, and as tiles missing here.
            Err(ObjectError::Gone | ObjectError::Damaged(_)) => {}
        }
    }
    Ok(packs)
}

impl StreamObjects {
    async fn pack(&self, place: PackRef, manifest: &Manifest) -> Result<Pack, ObjectError> {
        let key = self.stream.segment_key(place.segment);
        let range = u64::from(place.offset)..u64::from(place.offset) + u64::from(place.len);
        let bytes = self.store.get(&key, Some(range)).await?.bytes;
        Ok(Pack::decode_at(&place, manifest.tile, &bytes, &self.limits)?)
    }
}

impl Deep {
    fn problem(&mut self, fault: Fault, object: &str, time_ms: Option<u64>, what: String) {
        self.problems.push(Problem { fault, object: object.to_owned(), time_ms, what });
    }
}

/// The surfaces at one moment of a manifest, carried on from moment to moment.
struct Canvas {
    layout: u32,
    grids: Vec<Grid>,
    pictures: Vec<Picture>,
    /// Cells whose tile could not be had.
    missing: std::collections::HashSet<u32>,
}

enum Verdict {
    Exact,
    Missing,
    Other { surface: usize, expected: Digest, found: Digest },
}

impl Canvas {
    fn new(manifest: &Manifest, moment: &Moment) -> Result<Self, FormatError> {
        let layout = &manifest.layouts[moment.layout as usize];
        let too_large =
            |_| FormatError::Invalid { what: "layout", at: 0, reason: "a surface is too large" };
        let blank = |s: &deskreel_format::SurfaceInfo| Picture::filled(s.width, s.height, [0; 3]);
        let pictures = layout.surfaces.iter().map(|s| blank(s).map_err(too_large));
        Ok(Self {
            layout: moment.layout,
            grids: layout.grids(manifest.tile)?,
            pictures: pictures.collect::<Result<_, _>>()?,
            missing: std::collections::HashSet::new(),
        })
    }

    fn paint(&mut self, moment: &Moment, packs: &HashMap<u32, Arc<Pack>>) {
        let (mut surface, mut start) = (0, 0);
        // Cells ascend, and so do the surfaces that they lie on.
        for CellChange { cell, to: TileRef { pack, slot } } in moment.changes.iter() {
            while cell as usize - start >= self.grids[surface].cells() {
                start += self.grids[surface].cells();
                surface += 1;
            }
            match packs.get(&pack).and_then(|pack| pack.tile(slot)) {
                Some(tile) => {
                    let rgb = self.pictures[surface].rgb_mut();
                    self.grids[surface].paste(tile, cell as usize - start, rgb);
                    self.missing.remove(&cell);
                }
                None => {
                    self.missing.insert(cell);
                }
            }
        }
    }

    fn verdict(&self, moment: &Moment) -> Verdict {
        if !self.missing.is_empty() {
            return Verdict::Missing;
        }
        for (surface, (picture, expected)) in self.pictures.iter().zip(&moment.digests).enumerate()
        {
            let found = Digest::of(picture);
            if found != *expected {
                return Verdict::Other { surface, expected: *expected, found };
            }
        }
        Verdict::Exact
    }
}

/// Decoded packs, the least recently used of which go first.
#[derive(Default)]
struct Cache {
    packs: HashMap<PackRef, (u64, Arc<Pack>)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    fn get(&mut self, place: &PackRef) -> Option<Arc<Pack>> {
        self.clock += 1;
        let (used, pack) = self.packs.get_mut(place)?;
        *used = self.clock;
        Some(pack.clone())
    }

    fn insert(&mut self, place: PackRef, pack: Pack) -> Arc<Pack> {
        self.clock += 1;
        let pack = Arc::new(pack);
        self.bytes += bytes_of(&pack);
        if let Some((_, old)) = self.packs.insert(place, (self.clock, pack.clone())) {
            self.bytes -= bytes_of(&old);
        }
        while self.bytes > CACHE_BYTES && self.packs.len() > 1 {
            let oldest = self.packs.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(place, _)| *place) else { break };
            if let Some((_, old)) = self.packs.remove(&oldest) {
                self.bytes -= bytes_of(&old);
            }
        }
        pack
    }
}

fn bytes_of(pack: &Pack) -> usize {
    pack.tiles() as usize * pack.tile_size().tile_bytes()
}
