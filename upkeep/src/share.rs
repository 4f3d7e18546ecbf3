//! Carries out what puts tiles that several desktops show into the commons.
//!
//! The object of the commons is stored first, then the index that tells of it. So whoever reads the
//! index finds what it names, and a run that stops in between leaves an object that nobody refers to
//! and that expires.

mod pack;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use deskreel_format::codec::Codec;
use deskreel_format::key::{CANDIDATES_PREFIX, COMMONS_INDEX};
use deskreel_format::manifest::COMMONS_WRITER;
use deskreel_format::sharing::{
    Candidates, CommonsIndex, CommonsPack, MAX_SHARED_TILES, TilePrefix,
};
use deskreel_format::shown::{ShownCell, shown_cells};
use deskreel_format::{
    DomainKey, FormatError, Limits, Links, Manifest, Pack, PackRef, Segment, SegmentId, TileHash,
    TileSize,
};
use deskreel_store::{Object, ObjectStore, Put, PutMode, StoreError};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::plan::LEASE_MS;
use crate::plan::share::{Group, List, ShareRule, Source, plan, sources};
use crate::survey::PARALLEL;
use pack::{Packer, Tile};

/// How tiles are shared.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// The secret of the desktops that share.
    pub key: DomainKey,
    /// So many streams must show a tile; at least 2.
    pub streams: usize,
    /// Codec of new packs.
    pub codec: Codec,
    /// Largest number of pixels in one pack.
    pub pack_pixels: u32,
}

impl Sharing {
    /// The defaults, with this key.
    pub fn new(key: DomainKey) -> Self {
        Self { key, streams: 2, codec: Codec::DEFAULT, pack_pixels: 524_288 }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Shared {
    /// Streams whose lists count.
    pub streams: usize,
    /// Lists that were read.
    pub lists: usize,
    /// Lists and segments that could not be used; the log says why.
    pub skipped: usize,
    /// Tiles that are new to the commons.
    pub tiles: usize,
    /// Packs whose lease was renewed.
    pub renewed: usize,
    /// Packs that are shared from now on.
    pub packs: usize,
    /// Bytes written, the index included.
    pub bytes: u64,
}

/// Why nothing was shared. Run again, it begins anew.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The store did not do what was asked.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What would be stored is beyond the format.
    #[error("what is to be shared cannot be written: {0}")]
    Format(#[from] FormatError),
    /// Another object has the name of the one to be written.
    #[error("object '{object}' is there already: somebody else shares at this moment")]
    Busy {
        /// Its key.
        object: String,
    },
}

/// Shares what the lists of all streams have in common; with `dry_run` only says what it would do, but
/// for bytes.
///
/// # Errors
/// [`ShareError`].
pub async fn share(
    store: &Arc<dyn ObjectStore>,
    sharing: &Sharing,
    now_ms: u64,
    dry_run: bool,
) -> Result<Shared, ShareError> {
    let mut shared = Shared::default();
    let index = read_index(store.as_ref(), &sharing.key).await?;
    let lists = read_lists(store, sharing, now_ms, &mut shared).await?;
    let rule = ShareRule { now_ms, streams: sharing.streams, room: MAX_SHARED_TILES };
    let plan = plan(&index, &lists, rule);
    drop(lists);
    let compared = compared(store, sharing, plan.compare.clone(), &mut shared).await?;
    let copy = sources(&plan, &compared, sharing.streams);
    drop(compared);
    shared.renewed = plan.renew.len();
    if dry_run {
        shared.tiles = copy.iter().map(|source| source.tiles.len()).sum();
        shared.packs = plan.keep.len() + plan.renew.len();
        return Ok(shared);
    }
    let mut fresh: BTreeMap<TileSize, Packs> = BTreeMap::new();
    for number in &plan.renew {
        let CommonsPack { tile, pack, hashes } = &index.packs[*number];
        match bytes_of(store.as_ref(), *pack).await {
            Ok(bytes) => fresh.entry(*tile).or_default().push((bytes, hashes.clone())),
            Err(error) => {
                tracing::warn!(%error, "a pack of the commons cannot be renewed");
                shared.renewed -= 1;
                shared.skipped += 1;
            }
        }
    }
    for (tile, packs) in copies(store, sharing, copy, &mut shared).await? {
        fresh.entry(tile).or_default().extend(packs);
    }
    let mut next = CommonsIndex {
        packs: plan.keep.iter().map(|number| index.packs[*number].clone()).collect(),
    };
    let newest_ms = index.packs.iter().map(|pack| pack.pack.segment.first_ms).max();
    let first_ms = newest_ms.map_or(now_ms, |newest| now_ms.max(newest + 1));
    for (first_ms, (tile, packs)) in (first_ms..).zip(fresh) {
        let (object, mut packs) = object(first_ms, tile, packs)?;
        let key = deskreel_format::key::commons_key(first_ms);
        shared.bytes += object.len() as u64;
        match store.put(&key, object.into(), Put::ONCE).await {
            Err(StoreError::AlreadyExists { .. }) => return Err(ShareError::Busy { object: key }),
            outcome => outcome?,
        }
        next.packs.append(&mut packs);
    }
    shared.packs = next.packs.len();
    if next != index {
        let bytes = next.encode(&sharing.key)?;
        shared.bytes += bytes.len() as u64;
        let put = Put {
            mode: PutMode::Overwrite,
            content_type: "application/octet-stream",
            cache_control: Some("no-cache"),
        };
        store.put(COMMONS_INDEX, bytes.into(), put).await?;
    }
    Ok(shared)
}

/// Packs as stored, and the hashes of their tiles.
type Packs = Vec<(Vec<u8>, Vec<TileHash>)>;

/// The index as it is. One that cannot be opened is of another key: nothing in it is of use.
async fn read_index(store: &dyn ObjectStore, key: &DomainKey) -> Result<CommonsIndex, StoreError> {
    let object = match store.get(COMMONS_INDEX, None).await {
        Err(StoreError::NotFound { .. }) => return Ok(CommonsIndex::default()),
        object => object?,
    };
    Ok(CommonsIndex::decode(&object.bytes, key).unwrap_or_else(|error| {
        tracing::warn!(%error, "the commons begin anew");
        CommonsIndex::default()
    }))
}

/// The lists of the last lease. What cannot be used is skipped: other desktops must not suffer.
async fn read_lists(
    store: &Arc<dyn ObjectStore>,
    sharing: &Sharing,
    now_ms: u64,
    shared: &mut Shared,
) -> Result<Vec<List>, StoreError> {
    let listed = store.list_all(CANDIDATES_PREFIX).await?;
    let named = listed.into_iter().filter_map(|meta| {
        let (stream, id) = SegmentId::from_candidates_key(&meta.key).ok()?;
        let is_young = now_ms.saturating_sub(id.first_ms) < LEASE_MS;
        is_young.then_some((meta.key, stream, id.first_ms))
    });
    let named: Vec<_> = named.collect();
    let requests = named.into_iter().map(|(key, stream, time_ms)| {
        let store = store.clone();
        async move {
            let answer = store.get(&key, None).await;
            (key, stream, time_ms, answer)
        }
    });
    let mut answers = stream::iter(requests).buffered(PARALLEL);
    let mut lists = Vec::new();
    while let Some((key, stream, time_ms, answer)) = answers.next().await {
        let bytes = match answer {
            Ok(object) => object.bytes,
            Err(StoreError::NotFound { .. }) => continue, // since it was listed
            Err(error) => return Err(error),
        };
        shared.lists += 1;
        match Candidates::decode(&bytes, &sharing.key) {
            Ok(candidates) => lists.push(List { stream, time_ms, candidates }),
            Err(error) => {
                tracing::warn!(%error, key, "a list is left out");
                shared.skipped += 1;
            }
        }
    }
    shared.streams = lists.iter().map(|list| &list.stream).collect::<HashSet<_>>().len();
    Ok(lists)
}

async fn bytes_of(store: &dyn ObjectStore, pack: PackRef) -> Result<Vec<u8>, String> {
    let key = deskreel_format::key::commons_key(pack.segment.first_ms);
    let range = u64::from(pack.offset)..u64::from(pack.offset) + u64::from(pack.len);
    let bytes = store.get(&key, Some(range)).await.map_err(|error| error.to_string())?.bytes;
    Pack::decode(&bytes, &Limits::default()).map_err(|error| format!("'{key}': {error}"))?;
    Ok(bytes.to_vec())
}

/// All own tiles of the segments to compare. One that is not there, or damaged, has none.
async fn compared(
    store: &Arc<dyn ObjectStore>,
    sharing: &Sharing,
    groups: Vec<Group>,
    shared: &mut Shared,
) -> Result<Vec<(Group, Vec<TilePrefix>)>, ShareError> {
    let requests = groups.into_iter().map(|group| {
        let store = store.clone();
        async move {
            let key = group.stream.segment_key(group.segment);
            let answer = store.get(&key, None).await;
            (group, key, answer)
        }
    });
    let mut answers = stream::iter(requests).buffered(PARALLEL / 4);
    let mut compared = Vec::new();
    while let Some((group, key, answer)) = answers.next().await {
        let Some(object) = there(answer, &key, shared)? else { continue };
        match tiles_of(&object, group.tile, &sharing.key, |_| true) {
            Ok(packs) => {
                let prefix = |tile: &Tile| Candidates::prefix(&tile.hash);
                compared.push((group, packs.iter().flatten().map(prefix).collect()));
            }
            Err(error) => {
                tracing::warn!(%error, key, "a segment with candidates cannot be used");
                shared.skipped += 1;
            }
        }
    }
    Ok(compared)
}

/// A segment with candidates, if it is there: its upload may be late, or it was forgotten since.
fn there(
    answer: Result<Object, StoreError>,
    key: &str,
    shared: &mut Shared,
) -> Result<Option<Bytes>, StoreError> {
    match answer {
        Ok(object) => Ok(Some(object.bytes)),
        Err(error) if error.is_retryable() => Err(error),
        Err(error) => {
            tracing::debug!(%error, key, "a segment with candidates is not there");
            shared.skipped += 1;
            Ok(None)
        }
    }
}

/// Copies tiles out of their segments into new packs.
async fn copies(
    store: &Arc<dyn ObjectStore>,
    sharing: &Sharing,
    sources: Vec<Source>,
    shared: &mut Shared,
) -> Result<BTreeMap<TileSize, Packs>, ShareError> {
    let requests = sources.into_iter().map(|source| {
        let store = store.clone();
        async move {
            let key = source.stream.segment_key(source.segment);
            let answer = store.get(&key, None).await;
            (source, key, answer)
        }
    });
    let mut answers = stream::iter(requests).buffered(PARALLEL / 4);
    let mut packers: BTreeMap<TileSize, Packer> = BTreeMap::new();
    while let Some((source, key, answer)) = answers.next().await {
        let Some(object) = there(answer, &key, shared)? else { continue };
        let wanted: HashSet<TilePrefix> = source.tiles.iter().copied().collect();
        let packer = packers
            .entry(source.tile)
            .or_insert_with(|| Packer::new(sharing.codec, source.tile, sharing.pack_pixels));
        // Decoding and coding are work for a core, of some milliseconds.
        let tiles = tiles_of(&object, source.tile, &sharing.key, |tile| wanted.contains(tile));
        let copied = tiles.and_then(|packs| {
            let count = packs.iter().map(Vec::len).sum::<usize>();
            packs.into_iter().try_for_each(|tiles| packer.add(tiles)).map(|()| count)
        });
        match copied {
            Ok(count) => shared.tiles += count,
            Err(error) => {
                tracing::warn!(%error, key, "a segment with candidates cannot be used");
                shared.skipped += 1;
            }
        }
    }
    let finished = packers.into_iter().map(|(tile, packer)| Ok((tile, packer.finish()?)));
    finished.collect()
}

/// The wanted tiles of a segment's own packs, pack by pack, in the order of the screen. Their hashes
/// are made of their pixels: what a list says of them is not believed.
fn tiles_of(
    object: &Bytes,
    size: TileSize,
    key: &DomainKey,
    is_wanted: impl Fn(&TilePrefix) -> bool,
) -> Result<Vec<Vec<Tile>>, FormatError> {
    let limits = Limits::default();
    let manifest = Segment::decode(object, &limits)?.manifest;
    let mut taken: HashSet<TileHash> = HashSet::new();
    let mut packs = Vec::new();
    if manifest.tile != size {
        return Ok(packs);
    }
    for (pack, shown) in manifest.packs.iter().zip(shown_cells(&manifest)) {
        if pack.segment != manifest.id {
            continue;
        }
        let range = pack.offset as usize..pack.offset as usize + pack.len as usize;
        let cut = FormatError::Truncated { what: "segment", at: object.len() };
        let bytes = object.get(range).ok_or(cut)?;
        let decoded = Pack::decode_at(pack, manifest.tile, bytes, &limits)?;
        let tile = |(slot, shown): (u32, Option<ShownCell>)| {
            let ShownCell { grid, cell, position } = shown?;
            let rgb = decoded.tile(slot)?;
            let hash = TileHash::of_padded(key, &grid, cell, rgb);
            is_wanted(&Candidates::prefix(&hash)).then(|| Tile {
                position,
                hash,
                rgb: rgb.to_vec(),
            })
        };
        let tiles = (0..).zip(shown).filter_map(tile).filter(|tile| taken.insert(tile.hash));
        let mut tiles: Vec<Tile> = tiles.collect();
        tiles.sort_unstable_by_key(|tile| tile.position);
        packs.push(tiles);
    }
    Ok(packs)
}

/// An object of the commons, and its packs as the index tells of them.
fn object(
    first_ms: u64,
    tile: TileSize,
    packs: Packs,
) -> Result<(Vec<u8>, Vec<CommonsPack>), FormatError> {
    let id = SegmentId { first_ms, writer: COMMONS_WRITER };
    let mut offset = 0;
    let place = |(bytes, hashes): &(Vec<u8>, Vec<TileHash>)| {
        let (len, tiles) = (bytes.len() as u32, hashes.len() as u32);
        let pack = PackRef { segment: id, offset, len, tiles };
        offset += len;
        pack
    };
    let manifest = Manifest {
        id,
        tile,
        interval_ms: 1,
        layouts: Vec::new(),
        packs: packs.iter().map(place).collect(),
        moments: Vec::new(),
        absences: Vec::new(),
        tail: Vec::new(),
        links: Links::default(),
    };
    let (blobs, hashes): (Vec<_>, Vec<_>) = packs.into_iter().unzip();
    let object = Segment::encode(&manifest, &blobs)?;
    // Read back: only now is known where its packs begin.
    let placed = Segment::decode(&object, &Limits::default())?.manifest.packs;
    let packs = placed.into_iter().zip(hashes);
    let packs = packs.map(|(pack, hashes)| CommonsPack { tile, pack, hashes }).collect();
    Ok((object, packs))
}
