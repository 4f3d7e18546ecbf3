//! Writes the indexes of hours: reads the manifests that are not at hand, rolls them, stores them.
//!
//! The rolling itself is [`deskreel_format::roll`], for whoever else wants to do it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use deskreel_format::roll::{self, HourSummary, RolledHour};
use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::time::{DAY_MS, HOUR_MS, hour_start};
use deskreel_format::{FormatError, Index, Manifest, Segment, SegmentId};
use deskreel_store::{Put, PutMode, StoreError};
use futures_util::{StreamExt, stream};

use super::survey::{ObjectError, PARALLEL, StreamObjects};
use crate::plan::facts::Entry;

/// The starts of segments, with their whole manifests, that need not be read again.
pub type Heads = BTreeMap<SegmentId, Bytes>;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rolled {
    /// Starts of the hours whose index was written.
    pub hours: Vec<u64>,
    /// Bytes of those indexes.
    pub bytes: u64,
    /// Segments whose manifest was read.
    pub read: usize,
    /// Hours that can have no index, and why.
    pub without: Vec<(u64, String)>,
}

impl Rolled {
    /// Counts what another round did. An hour that was rolled again is one.
    pub(super) fn add(&mut self, round: Self) {
        self.hours.extend(round.hours);
        self.hours.sort_unstable();
        self.hours.dedup();
        self.bytes += round.bytes;
        self.read += round.read;
        self.without = round.without;
    }
}

/// Writes the indexes of `hours`, and the summaries of later indexes anew that tell of them. Hours
/// that are not over at `now_ms` are left alone. `progress(done, of)` counts hours.
///
/// # Errors
/// [`StoreError`]; run again, it goes on.
pub async fn roll(
    objects: &StreamObjects,
    hours: &BTreeSet<u64>,
    heads: &Heads,
    now_ms: u64,
    progress: impl Fn(usize, usize),
) -> Result<Rolled, StoreError> {
    roll_as(Guest(false), objects, hours, heads, now_ms, progress).await
}

/// Whether somebody else than the stream's agent rolls: an index that was not there when the hours were
/// listed and is there now is the agent's, and stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest(pub(super) bool);

/// [`roll`], by the agent or by a guest.
pub(super) async fn roll_as(
    guest: Guest,
    objects: &StreamObjects,
    hours: &BTreeSet<u64>,
    heads: &Heads,
    now_ms: u64,
    progress: impl Fn(usize, usize),
) -> Result<Rolled, StoreError> {
    let is_over = |hour: &u64| hour.saturating_add(HOUR_MS) <= now_ms;
    let due: BTreeSet<u64> = hours.iter().copied().filter(is_over).collect();
    let Some(first) = due.first().copied() else { return Ok(Rolled::default()) };
    let (segments, indexes) = (objects.segments_from(0).await?, objects.indexes().await?);
    let there: BTreeSet<u64> = indexes.iter().map(|index| index.id.first_ms).collect();
    // What tells of a due hour: the indexes of the 24 hours from its end on.
    let tells = |hour: &u64| {
        due.range(hour.saturating_sub(DAY_MS - HOUR_MS)..=*hour).next().is_some() && is_over(hour)
    };
    let later = there.range(first..).copied().filter(|hour| tells(hour));
    let affected: BTreeSet<u64> = due.iter().copied().chain(later).collect();
    let mut work = Work {
        guest,
        objects,
        heads,
        segments: &segments,
        there: &there,
        told: before(objects, &there, first).await?,
        manifests: BTreeMap::new(),
        rolled: Rolled::default(),
    };
    let keyed: BTreeSet<u64> = segments.iter().map(|entry| hour_start(entry.id.first_ms)).collect();
    let mut from = first.saturating_sub(DAY_MS);
    for (done, hour) in affected.iter().enumerate() {
        progress(done, affected.len());
        // An hour without segments is told of as the nothing that it is.
        for empty in (from..*hour).step_by(HOUR_MS as usize).filter(|hour| !keyed.contains(hour)) {
            work.told.entry(empty).or_default();
        }
        from = hour + HOUR_MS;
        if due.contains(hour) {
            work.roll(*hour).await?;
        } else {
            work.tell_anew(*hour).await?;
        }
    }
    progress(affected.len(), affected.len());
    Ok(work.rolled)
}

/// What the newest index before `first` tells of the hours before.
async fn before(
    objects: &StreamObjects,
    there: &BTreeSet<u64>,
    first: u64,
) -> Result<BTreeMap<u64, HourSummary>, StoreError> {
    let earlier = there.range(first.saturating_sub(DAY_MS)..first).next_back();
    let Some(hour) = earlier else { return Ok(BTreeMap::new()) };
    match read_index(objects, *hour).await? {
        Some(index) => Ok(roll::hours_of(&index.summary)),
        None => Ok(BTreeMap::new()),
    }
}

/// An index that is there and whole.
async fn read_index(objects: &StreamObjects, hour: u64) -> Result<Option<Index>, StoreError> {
    let key = objects.stream.index_key(hour);
    let bytes = match objects.store.get(&key, None).await {
        Ok(object) => object.bytes,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let index = Index::decode(&bytes, &objects.limits);
    if let Err(error) = &index {
        tracing::warn!(%error, key, "this index is damaged and counts as missing");
    }
    Ok(index.ok().filter(|index| index.manifest.id.first_ms == hour))
}

struct Work<'a> {
    guest: Guest,
    objects: &'a StreamObjects,
    heads: &'a Heads,
    segments: &'a [Entry],
    there: &'a BTreeSet<u64>,
    told: BTreeMap<u64, HourSummary>,
    manifests: BTreeMap<SegmentId, Manifest>,
    rolled: Rolled,
}

impl Work<'_> {
    async fn roll(&mut self, hour: u64) -> Result<(), StoreError> {
        let from = hour.saturating_sub(MAX_SPAN_MS);
        self.manifests.retain(|id, _| id.first_ms >= from);
        self.read(from..hour + HOUR_MS).await?;
        let of_hour: Vec<Manifest> = self.manifests.values().cloned().collect();
        let told = self.told.clone();
        // Replaying an hour of screens and packing it are work for a core.
        let rolling = tokio::task::spawn_blocking(move || encode(hour, &of_hour, told));
        let reason = "its rolling ended unexpectedly";
        let died = |_| Err(FormatError::Invalid { what: "index", at: 0, reason });
        match rolling.await.unwrap_or_else(died) {
            Ok(Some((summary, bytes))) => {
                self.told.insert(hour, summary);
                self.put(hour, bytes).await?;
            }
            Ok(None) => {
                self.told.insert(hour, HourSummary::default());
            }
            Err(error) => {
                self.told.remove(&hour);
                self.rolled.without.push((hour, error.to_string()));
            }
        }
        Ok(())
    }

    /// Writes an index again whose summary is no longer what it could be.
    async fn tell_anew(&mut self, hour: u64) -> Result<(), StoreError> {
        let Some(old) = read_index(self.objects, hour).await? else { return self.roll(hour).await };
        if let Some(summary) = roll::hours_of(&old.summary).remove(&hour) {
            self.told.insert(hour, summary);
        }
        let new = roll::index(old.manifest.clone(), &self.told);
        if new.summary != old.summary {
            match new.encode() {
                Ok(bytes) => self.put(hour, bytes).await?,
                Err(error) => self.rolled.without.push((hour, error.to_string())),
            }
        }
        Ok(())
    }

    async fn put(&mut self, hour: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let is_there = self.there.contains(&hour);
        let put = Put {
            mode: if self.guest.0 && !is_there { PutMode::Create } else { PutMode::Overwrite },
            content_type: "application/octet-stream",
            // A late segment replaces it.
            cache_control: Some("public, max-age=60"),
        };
        let (key, size) = (self.objects.stream.index_key(hour), bytes.len() as u64);
        match self.objects.store.put(&key, Bytes::from(bytes), put).await {
            Ok(()) => {
                self.rolled.bytes += size;
                self.rolled.hours.push(hour);
                Ok(())
            }
            Err(StoreError::AlreadyExists { .. }) => {
                tracing::debug!(key, "its agent was faster");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the manifests of the segments that begin in `times` and are not at hand.
    async fn read(&mut self, times: Range<u64>) -> Result<(), StoreError> {
        let from = SegmentId { first_ms: times.start, writer: 0 };
        let start = self.segments.partition_point(|entry| entry.id < from);
        let entries = self.segments[start..].iter();
        let wanted = entries.take_while(|entry| entry.id.first_ms < times.end);
        let mut missing = Vec::new();
        for entry in wanted {
            if self.manifests.contains_key(&entry.id) {
                continue;
            }
            let head = self.heads.get(&entry.id);
            match head.and_then(|head| Segment::decode(head, &self.objects.limits).ok()) {
                Some(segment) => drop(self.manifests.insert(entry.id, segment.manifest)),
                None => missing.push(*entry),
            }
        }
        let objects = self.objects;
        let requests = missing
            .into_iter()
            .map(|entry| async move { (entry.id, objects.segment(entry).await) });
        let answers: Vec<_> = stream::iter(requests).buffered(PARALLEL).collect().await;
        for (id, answer) in answers {
            match answer {
                Ok(segment) => {
                    self.rolled.read += 1;
                    self.manifests.insert(id, segment.manifest);
                }
                Err(ObjectError::Gone) => {}
                Err(ObjectError::Store(error)) => return Err(error),
                Err(ObjectError::Damaged(error)) => {
                    tracing::warn!(%error, segment = %id, "left out of its hour's index");
                }
            }
        }
        Ok(())
    }
}

/// The summary and the object of an hour's index; `None` when it has no moment.
fn encode(
    hour: u64,
    manifests: &[Manifest],
    mut told: BTreeMap<u64, HourSummary>,
) -> Result<Option<(HourSummary, Vec<u8>)>, FormatError> {
    let manifests: Vec<&Manifest> = manifests.iter().collect();
    let Some(RolledHour { manifest, summary }) = roll::roll_hour(hour, &manifests)? else {
        return Ok(None);
    };
    told.insert(hour, summary.clone());
    let bytes = roll::index(manifest, &told).encode()?;
    Ok(Some((summary, bytes)))
}
