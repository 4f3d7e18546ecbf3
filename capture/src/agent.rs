//! The recorder wired to a bucket: knows what is there, uploads in order, remembers what arrived.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use deskreel_format::shown::{ShownCell, shown_cells};
use deskreel_format::{StreamName, TileHash};
use deskreel_store::{ObjectStore, Put, StoreError};

use crate::core::known::{KnownTiles, PackTiles};
use crate::core::recorder::Settings;
use crate::core::sealed::Sealed;
use crate::journal::{Journal, KnownSegment, is_full};
use crate::reader::{Listed, ReadError, StreamReader};

pub use deskreel_upkeep::plan::LEASE_MS;

/// Why the agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Something in the bucket could not be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// Something could not be stored.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The agent's own files could not be used.
    #[error("cannot use '{path}': {source}")]
    State {
        /// Which file.
        path: PathBuf,
        /// What the file system answered.
        source: std::io::Error,
    },
}

impl AgentError {
    /// Whether time alone may heal it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Read(error) => error.is_passing(),
            Self::Store(error) => error.is_retryable(),
            Self::State { .. } => false,
        }
    }
}

/// Folder of everything the agent remembers of one stream in one store.
pub fn state_folder(root: &Path, store_identity: &str, stream: &StreamName) -> PathBuf {
    let hash = blake3::hash(store_identity.as_bytes()).to_hex();
    root.join(format!("{stream}-{}", &hash.as_str()[..16]))
}

/// The journal in a state folder: there once the store answered.
const JOURNAL: &str = "known";

/// Whether an agent with this state folder has ever reached its store.
pub fn has_started(folder: &Path) -> bool {
    folder.join(JOURNAL).exists()
}

/// The start of an agent whose store does not answer: nothing is known, so it refers to nothing that
/// may have gone from the bucket meanwhile.
///
/// # Errors
/// [`AgentError::State`].
pub fn start_offline(settings: &Settings, folder: &Path) -> Result<Start, AgentError> {
    let path = folder.join(JOURNAL);
    let opened = Journal::open(&path, settings.tile, &settings.domain);
    let (journal, _) = opened.map_err(|source| AgentError::State { path, source })?;
    let (known, segments) = (KnownTiles::new(LEASE_MS), Vec::new());
    Ok(Start { known, segments, journal, reread: 0 })
}

/// What the start of an agent found.
#[derive(Debug)]
pub struct Start {
    /// The tiles that may be referred to.
    pub known: KnownTiles,
    /// The segments in the bucket, by time.
    pub segments: Vec<Listed>,
    /// Remembers acknowledged segments.
    pub journal: Journal,
    /// How many segments had to be read from the bucket because the journal lacked them.
    pub reread: usize,
}

/// Brings the known-tile index in line with the bucket: what the journal has and the bucket lacks is
/// forgotten, what the bucket has and the journal lacks is read. `progress(done, of)` reports the
/// latter.
///
/// # Errors
/// [`AgentError`] naming what could not be read.
pub async fn start(
    reader: &StreamReader,
    settings: &Settings,
    folder: &Path,
    now_ms: u64,
    progress: impl Fn(usize, usize),
) -> Result<Start, AgentError> {
    let path = folder.join(JOURNAL);
    let state = |source| AgentError::State { path: path.clone(), source };
    let segments = reader.segments(0).await?;
    let (mut journal, remembered) =
        Journal::open(&path, settings.tile, &settings.domain).map_err(state)?;
    let in_lease = |entry: &&Listed| now_ms.saturating_sub(entry.id.first_ms) < LEASE_MS;
    let mut by_id: std::collections::HashMap<_, _> =
        remembered.into_iter().map(|segment| (segment.id, segment)).collect();
    let remembered_count = by_id.len();
    let wanted: Vec<Listed> = segments.iter().filter(in_lease).copied().collect();
    let missing: Vec<Listed> =
        wanted.iter().filter(|entry| !by_id.contains_key(&entry.id)).copied().collect();
    for (done, entry) in missing.iter().enumerate() {
        progress(done, missing.len());
        let segment = tiles_of(reader, settings, *entry).await?;
        journal.append(&segment);
        by_id.insert(entry.id, segment);
    }
    let mut known = KnownTiles::new(LEASE_MS);
    let kept: Vec<KnownSegment> =
        wanted.iter().filter_map(|entry| by_id.remove(&entry.id)).collect();
    kept.iter().flat_map(|segment| &segment.packs).for_each(|pack| {
        known.learn(pack);
        known.make_room();
    });
    // Once most of it is history, the journal is written anew.
    if remembered_count > 2 * kept.len() + 1_000 {
        match journal.rewrite(settings.tile, &settings.domain, &kept) {
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, path = %path.display(), "old known tiles stay on the disk");
            }
            rewritten => rewritten.map_err(state)?,
        }
    }
    Ok(Start { known, segments, journal, reread: missing.len() })
}

/// Recomputes the hashes of a segment's own tiles from its pixels. Tiles of another size than ours
/// are of no use and left out.
async fn tiles_of(
    reader: &StreamReader,
    settings: &Settings,
    entry: Listed,
) -> Result<KnownSegment, ReadError> {
    let segment = reader.manifest(entry).await?;
    let manifest = &segment.manifest;
    let mut packs = Vec::new();
    if manifest.tile == settings.tile {
        for (pack, shown) in manifest.packs.iter().zip(shown_cells(manifest)) {
            if pack.segment != entry.id {
                continue;
            }
            let decoded = reader.pack(*pack, manifest.tile).await?;
            let hash = |(slot, shown): (u32, Option<ShownCell>)| {
                let ShownCell { grid, cell, .. } = shown?;
                let tile = decoded.tile(slot)?;
                Some(TileHash::of_padded(&settings.domain, &grid, cell, tile))
            };
            // A slot that no cell shows cannot be told apart; a hash of nothing never matches.
            let hash = |slot| hash(slot).unwrap_or(TileHash([0; 16]));
            let hashes = (0..).zip(shown).map(hash).collect();
            packs.push(PackTiles { pack: *pack, hashes });
        }
    }
    Ok(KnownSegment { id: entry.id, packs })
}

/// Uploads segments. The caller sees to it that each goes after those that it refers to.
#[derive(Debug)]
pub struct Uploader {
    store: Arc<dyn ObjectStore>,
    stream: StreamName,
}

impl Uploader {
    /// Uploads segments of `stream` to `store`.
    pub fn new(store: Arc<dyn ObjectStore>, stream: StreamName) -> Self {
        Self { store, stream }
    }

    /// Uploads one segment.
    ///
    /// # Errors
    /// [`StoreError`]; the segment may be uploaded again.
    pub async fn upload(&self, sealed: &Sealed) -> Result<(), StoreError> {
        self.upload_bytes(sealed.id, Bytes::from(sealed.bytes.clone())).await
    }

    /// Uploads the bytes of one segment.
    ///
    /// # Errors
    /// [`StoreError`]; the segment may be uploaded again.
    pub async fn upload_bytes(
        &self,
        id: deskreel_format::SegmentId,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        let key = self.stream.segment_key(id);
        let size = bytes.len() as u64;
        match self.store.put(&key, bytes, Put::ONCE).await {
            // An earlier attempt whose answer was lost: writers never reuse an id, so an object of
            // this key and size is this one.
            Err(StoreError::AlreadyExists { .. }) if self.store.head(&key).await?.size == size => {
                Ok(())
            }
            outcome => outcome,
        }
    }
}
