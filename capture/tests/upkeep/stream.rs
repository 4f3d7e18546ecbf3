//! A recorded stream in memory, and a store whose changes fail after so many.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Pack, Picture, Segment, StreamName, TileSize};
use deskreel_store::{
    ListPage, MemoryStore, Object, ObjectMeta, ObjectStore, Put, PutMode, StoreError,
};
use deskreel_upkeep::survey::StreamObjects;

/// Milliseconds between screenshots.
pub(crate) const STEP: u64 = 10_000;
/// Time of the first screenshot.
pub(crate) const START: u64 = 1_763_900_000_000;

/// A small desktop of 5 x 4 cells that differ by `shot`: some stay, some come back, some are new.
pub(crate) fn picture(shot: u64) -> Picture {
    let (width, height) = (75_u32, 60_u32);
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let cell = u64::from(y / 16 * 5 + x / 16);
            let seed = match cell % 5 {
                0 => 1_000 + cell,                               // never changes
                1 => 2_000 + cell + shot % 3 * 100,              // comes back
                2 => 3_000 + cell + shot / 4 * 100,              // changes now and then
                3 => 4_000 + cell + (shot + cell) / 2 % 4 * 100, // comes back elsewhere in time
                _ => 5_000 + cell + shot * 100,                  // always new
            };
            let value = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
            rgb.extend([value as u8, (value >> 8) as u8, (u64::from(x % 16 + y % 16) * 3) as u8]);
        }
    }
    Picture::new(width, height, rgb).expect("the pixels of a picture")
}

/// Time of a screenshot.
pub(crate) fn at(shot: u64) -> u64 {
    START + shot * STEP
}

/// A recorder of the tests' settings that signs as `writer`.
pub(crate) fn recorder(writer: u32) -> Recorder {
    let settings = Settings {
        tile: TileSize::new(16).expect("a size of the format"),
        codec: Codec::Webp,
        interval_ms: STEP as u32,
        domain: DomainKey::derive("test"),
        budget: SeekBudget::NONE,
        pack_pixels: 1 << 19,
    };
    Recorder::new(settings, writer, KnownTiles::new(LEASE_MS))
}

pub(crate) const PUT: Put<'static> =
    Put { mode: PutMode::Create, content_type: "application/octet-stream", cache_control: None };

pub(crate) fn name() -> StreamName {
    StreamName::parse("desk").expect("a name")
}

/// Records `shots` screenshots, `batch` to a segment, into an empty store whose clock stands still.
pub(crate) async fn recorded(shots: u64, batch: usize) -> Arc<Faulty> {
    let store = Arc::new(Faulty::new());
    let mut recorder = recorder(7);
    for shot in 0..shots {
        let surface =
            Surface { name: "a".into(), x: 0, y: 0, scale_milli: 1000, picture: picture(shot) };
        recorder.shoot(at(shot), vec![surface], false).expect("a screenshot");
        if recorder.pending() == batch || shot + 1 == shots {
            let sealed = recorder.seal().expect("a segment").expect("it has screenshots");
            store
                .put(&name().segment_key(sealed.id), sealed.bytes.into(), PUT)
                .await
                .expect("room");
        }
    }
    store
}

/// The objects of the tests' stream.
pub(crate) fn objects(store: &Arc<Faulty>) -> StreamObjects {
    StreamObjects::new(store.clone(), name())
}

/// Every object, by key.
pub(crate) async fn contents(store: &Faulty) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    for meta in store.list_all("").await.expect("a listing") {
        let object = store.get(&meta.key, None).await.expect("it was listed");
        all.insert(meta.key, object.bytes);
    }
    all
}

/// The padded pixels of every tile of every pack of every segment.
pub(crate) async fn tiles(store: &Faulty) -> BTreeSet<Vec<u8>> {
    let limits = Limits::default();
    let mut tiles = BTreeSet::new();
    for (key, bytes) in contents(store).await {
        let Some(packs) = key.starts_with("segments/").then(|| packs_of(&bytes)) else { continue };
        for pack in packs {
            let decoded = Pack::decode(&pack, &limits).expect("a pack");
            tiles.extend(
                (0..decoded.tiles()).filter_map(|slot| decoded.tile(slot)).map(<[u8]>::to_vec),
            );
        }
    }
    tiles
}

/// The packs of a segment, found by walking its bytes: also those that no table tells of.
fn packs_of(segment: &Bytes) -> Vec<Bytes> {
    let start = Segment::decode(segment, &Limits::default()).expect("a segment").packs_start;
    let mut rest = segment.slice(start as usize..);
    let mut packs = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().expect("four bytes"));
        packs.push(rest.split_to(28 + length as usize));
    }
    packs
}

/// The padded tiles that screenshots show, cut out of the pictures themselves.
pub(crate) fn shown(shots: impl IntoIterator<Item = u64>) -> BTreeSet<Vec<u8>> {
    let mut tiles = BTreeSet::new();
    for shot in shots {
        let picture = picture(shot);
        let size = TileSize::new(16).expect("a size of the format");
        let grid =
            deskreel_format::Grid::new(picture.width(), picture.height(), size).expect("a grid");
        for cell in 0..grid.cells() {
            let mut tile = vec![0; size.tile_bytes()];
            grid.cut(picture.rgb(), cell, &mut tile);
            tiles.insert(tile);
        }
    }
    tiles
}

/// The range of time of some screenshots.
pub(crate) fn range(shots: Range<u64>) -> Range<u64> {
    at(shots.start)..at(shots.end)
}

/// A store in memory whose puts and deletions fail once so many have been done. Each key of a batch
/// counts.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: MemoryStore,
    left: AtomicI64,
}

impl Faulty {
    fn new() -> Self {
        Self { inner: MemoryStore::with_clock(|| START as i64), left: AtomicI64::new(i64::MAX) }
    }

    /// From now on, so many changes are done and then none.
    pub(crate) fn fail_after(&self, changes: i64) {
        self.left.store(changes, Ordering::SeqCst);
    }

    /// A copy that does not fail.
    pub(crate) async fn copy(&self) -> Arc<Self> {
        let copy = Self::new();
        for (key, bytes) in contents(self).await {
            copy.inner.put(&key, bytes, PUT).await.expect("room");
        }
        Arc::new(copy)
    }

    fn spend(&self) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let (endpoint, reason) = ("memory".to_owned(), "the test pulled the plug".to_owned());
        Err(StoreError::Unreachable { endpoint, reason, attempts: 1 })
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put(key, bytes, put).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        self.inner.get(key, range).await
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        self.inner.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.inner.list(prefix, start_after, limit).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            self.spend()?;
            self.inner.delete(std::slice::from_ref(key)).await?;
        }
        Ok(())
    }
}
