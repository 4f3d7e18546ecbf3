//! Reads a stream back from the bucket alone: moments, manifests, exact pictures.

use std::collections::HashMap;
use std::sync::Arc;

use crate::packs::PackCache;
use deskreel_format::manifest::Screen;
use deskreel_format::seek::first_read;
use deskreel_format::segment::{MAX_SPAN_MS, SegmentHeader};
use deskreel_format::{
    Digest, FormatError, Grid, Limits, Manifest, Pack, PackRef, Picture, Segment, SegmentId,
    StreamName, TileRef, TileSize,
};
use deskreel_store::{ObjectStore, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Requests in flight at once.
const PARALLEL: usize = 16;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not give the bytes.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The bytes are not what was written.
    #[error("object '{key}' is damaged: {source}")]
    Object {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The pixels do not hash to what was captured.
    #[error(
        "the screenshot at {time_ms} ms of object '{key}' does not match its digest on surface \
         '{surface}': captured {expected}, found {found}"
    )]
    Inexact {
        /// Which object holds the moment.
        key: String,
        /// Which moment.
        time_ms: u64,
        /// Which surface.
        surface: String,
        /// What was captured.
        expected: Digest,
        /// What the stored tiles make.
        found: Digest,
    },
    /// The stream has no screenshot at or before the time asked for.
    #[error("stream '{stream}' has no screenshot at or before {time_ms} ms")]
    NoMoment {
        /// Which stream.
        stream: StreamName,
        /// Which time.
        time_ms: u64,
    },
}

impl ReadError {
    /// Whether time alone may heal it.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// A segment as listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Which segment.
    pub id: SegmentId,
    /// Bytes of the object.
    pub size: u64,
}

/// One surface of a screenshot, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSurface {
    /// The output's name.
    pub name: String,
    /// Left edge on the desktop.
    pub x: i32,
    /// Top edge on the desktop.
    pub y: i32,
    /// Its pixels, proven by their digest.
    pub picture: Picture,
}

/// A stream in a bucket.
#[derive(Debug, Clone)]
pub struct StreamReader {
    store: Arc<dyn ObjectStore>,
    stream: StreamName,
    limits: Limits,
}

impl StreamReader {
    /// Reads `stream` from `store`.
    pub fn new(store: Arc<dyn ObjectStore>, stream: StreamName) -> Self {
        Self { store, stream, limits: Limits::default() }
    }

    /// All segments whose first moment is at or after `from_ms`, by time.
    ///
    /// # Errors
    /// [`ReadError::Store`]; objects with foreign names are left out.
    pub async fn segments(&self, from_ms: u64) -> Result<Vec<Listed>, ReadError> {
        let (prefix, mut after) =
            (self.stream.segments_prefix(), self.stream.segments_from(from_ms));
        let mut listed = Vec::new();
        loop {
            let page = self.store.list(&prefix, Some(&after), 1000).await?;
            let Some(last) = page.objects.last() else { break };
            after = last.key.clone();
            let entry = |o: &deskreel_store::ObjectMeta| {
                Some(Listed { id: SegmentId::from_key(&o.key).ok()?, size: o.size })
            };
            listed.extend(page.objects.iter().filter_map(entry));
            if !page.more {
                break;
            }
        }
        listed.sort_by_key(|entry| entry.id);
        Ok(listed)
    }

    /// The manifest of a segment, by one or two ranged requests.
    ///
    /// # Errors
    /// [`ReadError`] naming the object.
    pub async fn manifest(&self, entry: Listed) -> Result<Segment, ReadError> {
        Ok(self.head(entry).await?.1)
    }

    /// The bytes of a segment up to the end of its manifest, and what they say; by one or two ranged
    /// requests.
    ///
    /// # Errors
    /// [`ReadError`] naming the object.
    pub async fn head(&self, entry: Listed) -> Result<(Vec<u8>, Segment), ReadError> {
        let key = self.stream.segment_key(entry.id);
        let damaged = |source| ReadError::Object { key: key.clone(), source };
        let size = u32::try_from(entry.size).unwrap_or(u32::MAX);
        let mut bytes =
            self.store.get(&key, Some(0..first_read(size).into())).await?.bytes.to_vec();
        let header = SegmentHeader::decode(&bytes, &self.limits).map_err(damaged)?;
        if u64::from(header.object_len) != entry.size {
            let at = entry.size as usize;
            return Err(damaged(FormatError::Truncated { what: "segment", at }));
        }
        if (bytes.len() as u32) < header.manifest_end {
            let rest = bytes.len() as u64..header.manifest_end.into();
            bytes.extend_from_slice(&self.store.get(&key, Some(rest)).await?.bytes);
        }
        bytes.truncate(header.manifest_end as usize);
        let segment = Segment::decode(&bytes, &self.limits).map_err(damaged)?;
        if segment.manifest.id != entry.id {
            let reason = "its manifest belongs to another segment";
            return Err(damaged(FormatError::Invalid { what: "manifest", at: 0, reason }));
        }
        Ok((bytes, segment))
    }

    /// The manifests of many segments, in the same order; `done` is called after each.
    ///
    /// # Errors
    /// The first [`ReadError`].
    pub async fn manifests(
        &self,
        entries: &[Listed],
        done: impl Fn(),
    ) -> Result<Vec<Segment>, ReadError> {
        let requests = entries.iter().map(|entry| async {
            let manifest = self.manifest(*entry).await;
            done();
            manifest
        });
        stream::iter(requests).buffered(PARALLEL).try_collect().await
    }

    /// One pack, decoded.
    ///
    /// # Errors
    /// [`ReadError`] naming the object.
    pub async fn pack(&self, pack: PackRef, tile: TileSize) -> Result<Pack, ReadError> {
        let key = self.stream.segment_key(pack.segment);
        let range = u64::from(pack.offset)..u64::from(pack.offset) + u64::from(pack.len);
        let bytes = self.store.get(&key, Some(range)).await?.bytes;
        // Decoding is work for a core, not for the threads that wait for the network.
        let limits = self.limits.clone();
        let decoding =
            tokio::task::spawn_blocking(move || Pack::decode_at(&pack, tile, &bytes, &limits));
        let reason = "its decoding ended unexpectedly";
        let died = |_| Err(FormatError::Invalid { what: "pack", at: 0, reason });
        let decoded = decoding.await.unwrap_or_else(died);
        let decoded = decoded.map_err(|source| ReadError::Object { key, source })?;
        Ok(decoded)
    }

    /// The newest screenshot at or before `time_ms`: its time and its surfaces.
    ///
    /// # Errors
    /// [`ReadError`]; what is returned is proven exact.
    pub async fn frame(&self, time_ms: u64) -> Result<(u64, Vec<ReadSurface>), ReadError> {
        let none = || ReadError::NoMoment { stream: self.stream.clone(), time_ms };
        let mut listed = self.segments(0).await?;
        listed.retain(|entry| entry.id.first_ms <= time_ms);
        // Segments of several writers may overlap. A writer's own never do, so its newest one that
        // has a moment at or before the time decides for it; and none spans more than the limit.
        let mut decided: Vec<u32> = Vec::new();
        let mut best: Option<(u64, Segment, usize)> = None;
        for entry in listed.iter().rev() {
            let reaches = entry.id.first_ms.saturating_add(MAX_SPAN_MS);
            if best.as_ref().is_some_and(|(found, ..)| reaches < *found) {
                break;
            }
            if decided.contains(&entry.id.writer) {
                continue;
            }
            let segment = self.manifest(*entry).await?;
            let index = segment.manifest.moments.partition_point(|m| m.time_ms <= time_ms);
            if let Some(index) = index.checked_sub(1) {
                decided.push(entry.id.writer);
                let found = segment.manifest.moments[index].time_ms;
                if best.as_ref().is_none_or(|(ms, ..)| found > *ms) {
                    best = Some((found, segment, index));
                }
            }
        }
        let (found, segment, index) = best.ok_or_else(none)?;
        Ok((found, self.compose(&segment.manifest, index).await?))
    }

    /// The surfaces of moment `index` of a manifest, proven exact.
    ///
    /// # Errors
    /// [`ReadError`] naming the object that is missing, damaged or inexact.
    pub async fn compose(
        &self,
        manifest: &Manifest,
        index: usize,
    ) -> Result<Vec<ReadSurface>, ReadError> {
        self.compose_with(manifest, index, &mut PackCache::new(u64::MAX)).await
    }

    /// The same with packs that are kept for the next picture.
    ///
    /// # Errors
    /// As [`Self::compose`].
    pub async fn compose_with(
        &self,
        manifest: &Manifest,
        index: usize,
        cache: &mut PackCache,
    ) -> Result<Vec<ReadSurface>, ReadError> {
        let key = self.stream.segment_key(manifest.id);
        let damaged = |source| ReadError::Object { key: key.clone(), source };
        let missing = || FormatError::Truncated { what: "manifest", at: 0 };
        let screen = manifest.screen(index).ok_or_else(|| damaged(missing()))?;
        let mut wanted: Vec<u32> = screen.cells.iter().map(|cell| cell.pack).collect();
        wanted.sort_unstable();
        wanted.dedup();
        cache.next_picture();
        let mut packs: HashMap<u32, Arc<Pack>> = HashMap::new();
        let mut missing = Vec::new();
        for number in wanted {
            match cache.get(&manifest.packs[number as usize]) {
                Some(pack) => drop(packs.insert(number, pack)),
                None => missing.push(number),
            }
        }
        let requests = missing.iter().map(|number| async {
            let pack = self.pack(manifest.packs[*number as usize], manifest.tile).await?;
            Ok::<_, ReadError>((*number, Arc::new(pack)))
        });
        let read: Vec<(u32, Arc<Pack>)> =
            stream::iter(requests).buffer_unordered(PARALLEL).try_collect().await?;
        for (number, pack) in read {
            cache.put(manifest.packs[number as usize], manifest.tile, pack.clone());
            packs.insert(number, pack);
        }
        let moment = &manifest.moments[index];
        let surfaces = paint(manifest, &screen, &packs).map_err(damaged)?;
        for (surface, expected) in surfaces.iter().zip(&moment.digests) {
            let (expected, found) = (*expected, Digest::of(&surface.picture));
            if found != expected {
                let (time_ms, surface) = (moment.time_ms, surface.name.clone());
                return Err(ReadError::Inexact { key, time_ms, surface, expected, found });
            }
        }
        Ok(surfaces)
    }
}

/// Paints all surfaces of a screen from decoded packs.
fn paint(
    manifest: &Manifest,
    screen: &Screen,
    packs: &HashMap<u32, Arc<Pack>>,
) -> Result<Vec<ReadSurface>, FormatError> {
    let layout = &manifest.layouts[screen.layout as usize];
    let mut cells = screen.cells.iter();
    let mut surfaces = Vec::new();
    for (info, grid) in layout.surfaces.iter().zip(layout.grids(manifest.tile)?) {
        let mut picture = Picture::filled(info.width, info.height, [0; 3]).map_err(|_| {
            let reason = "a surface is too large";
            FormatError::Invalid { what: "layout", at: 0, reason }
        })?;
        for (cell, reference) in (0..grid.cells()).zip(&mut cells) {
            paint_cell(&mut picture, &grid, cell, *reference, packs)?;
        }
        let (name, x, y) = (info.name.clone(), info.x, info.y);
        surfaces.push(ReadSurface { name, x, y, picture });
    }
    Ok(surfaces)
}

fn paint_cell(
    picture: &mut Picture,
    grid: &Grid,
    cell: usize,
    reference: TileRef,
    packs: &HashMap<u32, Arc<Pack>>,
) -> Result<(), FormatError> {
    let reason = "a tile is missing in its pack, or has another size";
    let invalid = FormatError::Invalid { what: "pack", at: 0, reason };
    let pack = packs.get(&reference.pack).filter(|pack| pack.tile_size() == grid.tile());
    let tile = pack.and_then(|pack| pack.tile(reference.slot)).ok_or(invalid)?;
    grid.paste(tile, cell, picture.rgb_mut());
    Ok(())
}
