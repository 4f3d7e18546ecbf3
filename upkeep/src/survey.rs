//! Reads everything that is stored of a stream, but for pixels.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskreel_format::manifest::{COMMONS_WRITER, INDEX_WRITER};
use deskreel_format::seek::first_read;
use deskreel_format::segment::SegmentHeader;
use deskreel_format::{FormatError, Index, Limits, Segment, SegmentId, Storyboard, StreamName};
use deskreel_store::{ObjectMeta, ObjectStore, StoreError};
use futures_util::{StreamExt, stream};

use crate::plan::audit::{Fault, Problem, Seen};
use crate::plan::facts::{Entry, Facts};
use crate::plan::sweep::{SweepPlan, SweepRule, plan};

/// Requests in flight at once.
pub(super) const PARALLEL: usize = 16;

/// The names of all streams that have a segment, in order.
///
/// # Errors
/// [`StoreError`]; a viewer's or an agent's credentials may not list other streams.
pub async fn streams(store: &dyn ObjectStore) -> Result<Vec<StreamName>, StoreError> {
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list("segments/", after.as_deref(), 1).await?;
        let Some(object) = page.objects.first() else { return Ok(names) };
        let text = object.key["segments/".len()..].split('/').next().unwrap_or_default();
        names.extend(StreamName::parse(text));
        // '0' follows '/', so this is the first key behind all of the stream's.
        after = Some(format!("segments/{text}0"));
    }
}

/// One stream in a bucket.
#[derive(Debug, Clone)]
pub struct StreamObjects {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) stream: StreamName,
    pub(super) limits: Limits,
}

/// Everything that is stored of a stream.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Segments that were read, by id.
    pub segments: Vec<Facts>,
    /// Segments that could not be read.
    pub unreadable: Vec<Entry>,
    /// Indexes that were read, by hour.
    pub indexes: Vec<Facts>,
    /// All indexes, read or not.
    pub index_entries: Vec<Entry>,
    /// All storyboards, whole or not.
    pub storyboards: Vec<Entry>,
    /// The objects of the commons that segments and indexes refer to, by time.
    pub commons: Vec<Facts>,
    /// What is wrong with objects by themselves.
    pub problems: Vec<Problem>,
}

/// What a listing says.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Segments, by id.
    pub segments: Vec<Entry>,
    /// Indexes, by hour.
    pub indexes: Vec<Entry>,
    /// Storyboards, by id.
    pub storyboards: Vec<Entry>,
    /// Keys under the stream's prefixes that are none of Deskreel's.
    pub foreign: Vec<String>,
}

impl StreamObjects {
    /// The objects of `stream` in `store`.
    pub fn new(store: Arc<dyn ObjectStore>, stream: StreamName) -> Self {
        Self { store, stream, limits: Limits::default() }
    }

    /// Which stream.
    pub fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// Lists all objects of the stream.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Listing, StoreError> {
        let stream = &self.stream;
        let mut foreign = Vec::new();
        let segment = |key: &str| SegmentId::from_key(key).ok();
        let segments = self.kind(&stream.segments_prefix(), segment, &mut foreign).await?;
        let index = |key: &str| index_id(stream, key);
        let indexes = self.kind(&stream.index_prefix(), index, &mut foreign).await?;
        let board = |key: &str| SegmentId::from_storyboard_key(key).ok();
        let storyboards = self.kind(&stream.storyboards_prefix(), board, &mut foreign).await?;
        Ok(Listing { segments, indexes, storyboards, foreign })
    }

    /// The indexes, by hour.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn indexes(&self) -> Result<Vec<Entry>, StoreError> {
        let stream = &self.stream;
        self.kind(&stream.index_prefix(), |key| index_id(stream, key), &mut Vec::new()).await
    }

    /// The objects of one kind, by id; keys of no id are `foreign`.
    async fn kind(
        &self,
        prefix: &str,
        id: impl Fn(&str) -> Option<SegmentId>,
        foreign: &mut Vec<String>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for ObjectMeta { key, size, modified_ms, .. } in self.store.list_all(prefix).await? {
            match id(&key) {
                Some(id) => entries.push(Entry { id, size, modified_ms }),
                None => foreign.push(key),
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    /// The segments whose first moment is at or after `from_ms`, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn segments_from(&self, from_ms: u64) -> Result<Vec<Entry>, StoreError> {
        let (prefix, mut after) =
            (self.stream.segments_prefix(), self.stream.segments_from(from_ms));
        let mut entries = Vec::new();
        loop {
            let page = self.store.list(&prefix, Some(&after), 1000).await?;
            for meta in &page.objects {
                if let Ok(id) = SegmentId::from_key(&meta.key) {
                    let (size, modified_ms) = (meta.size, meta.modified_ms);
                    entries.push(Entry { id, size, modified_ms });
                }
            }
            match page.objects.last() {
                Some(last) if page.more => after.clone_from(&last.key),
                _ => break,
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    /// Lists and reads everything but pixels. `progress(done, of)` is called after each object.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails; what is wrong with objects is part of the survey.
    pub async fn survey(&self, progress: impl Fn(u64, u64)) -> Result<Survey, StoreError> {
        let listing = self.list().await?;
        let objects = [&listing.segments, &listing.indexes, &listing.storyboards];
        let of = objects.iter().map(|kind| kind.len() as u64).sum();
        progress(0, of);
        let mut survey = Survey {
            index_entries: listing.indexes.clone(),
            storyboards: listing.storyboards.clone(),
            ..Survey::default()
        };
        for key in listing.foreign {
            let what = "its key is none of Deskreel's; delete it if it is not yours";
            survey.problem(Fault::ForeignKey, key, what.to_owned());
        }
        let requests =
            listing.segments.iter().map(|entry| async { (*entry, self.segment(*entry).await) });
        let mut answers = stream::iter(requests).buffered(PARALLEL);
        let mut done = 0;
        while let Some((entry, answer)) = answers.next().await {
            match answer {
                Ok(segment) => survey.segments.push(Facts::of(entry, &segment.manifest)),
                Err(ObjectError::Gone) => {}
                Err(ObjectError::Store(error)) => return Err(error),
                Err(ObjectError::Damaged(error)) => {
                    survey.unreadable.push(entry);
                    let key = self.stream.segment_key(entry.id);
                    survey.problem(Fault::Unreadable, key, error);
                }
            }
            done += 1;
            progress(done, of);
        }
        for entry in listing.indexes {
            match self.index(entry).await {
                Ok(index) => {
                    let times = index.summary.moments.iter().map(|moment| moment.time_ms);
                    survey.indexes.push(Facts::of(entry, &index.manifest).listing(times));
                }
                Err(ObjectError::Gone) => {}
                Err(ObjectError::Store(error)) => return Err(error),
                Err(ObjectError::Damaged(error)) => {
                    let key = self.stream.index_key(entry.id.first_ms);
                    survey.problem(Fault::Unreadable, key, error);
                }
            }
            done += 1;
            progress(done, of);
        }
        let requests = listing
            .storyboards
            .iter()
            .map(|entry| async { (*entry, self.storyboard(*entry).await) });
        let mut answers = stream::iter(requests).buffered(PARALLEL);
        while let Some((entry, answer)) = answers.next().await {
            match answer {
                Ok(_) | Err(ObjectError::Gone) => {}
                Err(ObjectError::Store(error)) => return Err(error),
                Err(ObjectError::Damaged(error)) => {
                    let key = self.stream.storyboard_key(entry.id);
                    survey.problem(Fault::Unreadable, key, error);
                }
            }
            done += 1;
            progress(done, of);
        }
        self.survey_commons(&mut survey).await?;
        Ok(survey)
    }

    /// Reads the objects of the commons that the survey's manifests show. One that is missing is told
    /// by the audit of whoever refers to it.
    async fn survey_commons(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let manifests = survey.segments.iter().chain(&survey.indexes);
        let shown = manifests.flat_map(|facts| &facts.uses).map(|shown| shown.pack.segment);
        let commons: BTreeSet<SegmentId> = shown.filter(|id| id.writer == COMMONS_WRITER).collect();
        let requests = commons.into_iter().map(|id| async move {
            let answer = async {
                let meta = self.store.head(&self.stream.segment_key(id)).await?;
                let entry = Entry { id, size: meta.size, modified_ms: meta.modified_ms };
                Ok((entry, self.segment(entry).await?))
            };
            (id, answer.await)
        });
        let mut answers = stream::iter(requests).buffered(PARALLEL);
        while let Some((id, answer)) = answers.next().await {
            match answer {
                Ok((entry, segment)) => survey.commons.push(Facts::of(entry, &segment.manifest)),
                Err(ObjectError::Gone) => {}
                Err(ObjectError::Store(error)) => return Err(error),
                Err(ObjectError::Damaged(error)) => {
                    survey.problem(Fault::Unreadable, self.stream.segment_key(id), error);
                }
            }
        }
        Ok(())
    }

    /// The manifest of a segment, by one or two ranged requests.
    pub(super) async fn segment(&self, entry: Entry) -> Result<Segment, ObjectError> {
        let key = self.stream.segment_key(entry.id);
        let size = u32::try_from(entry.size).unwrap_or(u32::MAX);
        if entry.size == 0 {
            return Err(FormatError::Truncated { what: "segment", at: 0 }.into());
        }
        let mut bytes =
            self.store.get(&key, Some(0..first_read(size).into())).await?.bytes.to_vec();
        let header = SegmentHeader::decode(&bytes, &self.limits)?;
        if u64::from(header.object_len) != entry.size {
            let reason = "the object has another length than its header says";
            return Err(FormatError::Invalid { what: "segment", at: 12, reason }.into());
        }
        if (bytes.len() as u32) < header.manifest_end {
            let rest = bytes.len() as u64..header.manifest_end.into();
            bytes.extend_from_slice(&self.store.get(&key, Some(rest)).await?.bytes);
        }
        let segment = Segment::decode(&bytes, &self.limits)?;
        if segment.manifest.id != entry.id {
            let reason = "it is the manifest of another segment than its key names";
            return Err(FormatError::Invalid { what: "manifest", at: 0, reason }.into());
        }
        Ok(segment)
    }

    async fn storyboard(&self, entry: Entry) -> Result<Storyboard, ObjectError> {
        let key = self.stream.storyboard_key(entry.id);
        let board = Storyboard::decode(&self.store.get(&key, None).await?.bytes)?;
        if board.times.first() != Some(&entry.id.first_ms) {
            let reason = "its first picture is of another time than its key names";
            return Err(FormatError::Invalid { what: "storyboard", at: 24, reason }.into());
        }
        Ok(board)
    }

    async fn index(&self, entry: Entry) -> Result<Index, ObjectError> {
        let key = self.stream.index_key(entry.id.first_ms);
        let index = Index::decode(&self.store.get(&key, None).await?.bytes, &self.limits)?;
        if index.manifest.id != entry.id {
            let reason = "it is the index of another hour than its key names";
            return Err(FormatError::Invalid { what: "index", at: 0, reason }.into());
        }
        Ok(index)
    }
}

impl Survey {
    /// What an audit judges.
    pub fn unreadable_ids(&self) -> Vec<SegmentId> {
        self.unreadable.iter().map(|entry| entry.id).collect()
    }

    /// What a sweep deletes.
    pub fn sweep(&self, rule: SweepRule) -> SweepPlan {
        let mut plan = plan(&self.segments, &self.unreadable, &self.index_entries, rule);
        plan.add_storyboards(&self.storyboards, rule);
        plan
    }

    /// Everything that is wrong: objects by themselves, then between each other.
    pub fn audit(&self, stream: &StreamName, now_ms: u64) -> Vec<Problem> {
        let unreadable = self.unreadable_ids();
        let seen = Seen {
            stream,
            segments: &self.segments,
            unreadable: &unreadable,
            indexes: &self.indexes,
            commons: &self.commons,
        };
        let mut problems = self.problems.clone();
        problems.extend(crate::plan::audit::audit(seen, now_ms));
        problems
    }

    fn problem(&mut self, fault: Fault, object: String, what: String) {
        self.problems.push(Problem { fault, object, time_ms: None, what });
    }
}

/// Why one object could not be read.
#[derive(Debug)]
pub(super) enum ObjectError {
    /// It was deleted since it was listed.
    Gone,
    /// The store as a whole fails.
    Store(StoreError),
    /// Its bytes are wrong, or the store cannot give them.
    Damaged(String),
}

impl From<StoreError> for ObjectError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } | StoreError::RangeNotSatisfiable { .. } => Self::Gone,
            // Of this one object, after all retries: a disk's bad block, not an outage.
            StoreError::Corrupt { .. }
            | StoreError::Truncated { .. }
            | StoreError::Other { .. } => Self::Damaged(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl From<FormatError> for ObjectError {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The id of the index that has this key: the start of its hour, and writer 0.
fn index_id(stream: &StreamName, key: &str) -> Option<SegmentId> {
    let (day, hour) =
        key.strip_prefix(&stream.index_prefix())?.strip_suffix(".idx")?.split_once('/')?;
    let time: jiff::Timestamp = format!("{day}T{hour}:00:00Z").parse().ok()?;
    let first_ms = u64::try_from(time.as_millisecond()).ok()?;
    (stream.index_key(first_ms) == key).then_some(SegmentId { first_ms, writer: INDEX_WRITER })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_store::{MemoryStore, Put, PutMode};

    #[test]
    fn keys_of_indexes_name_their_hour() {
        let stream = StreamName::parse("desk").unwrap();
        let hour = 1_763_899_200_000;
        let id = index_id(&stream, &stream.index_key(hour));
        assert_eq!(id, Some(SegmentId { first_ms: hour, writer: 0 }));
        for key in
            ["index/desk/2025-11-23/12", "index/desk/x/12.idx", "index/desk/2025-11-23/24.idx"]
        {
            assert_eq!(index_id(&stream, key), None, "{key}");
        }
    }

    #[tokio::test]
    async fn all_streams_of_a_bucket_are_found_whatever_their_names() {
        let store = MemoryStore::new();
        let put = Put { mode: PutMode::Create, content_type: "x", cache_control: None };
        let names = ["a", "a-1", "a.b", "a0", "a00", "a_", "b"];
        for name in names {
            for file in ["1", "2", "~"] {
                store.put(&format!("segments/{name}/{file}"), Bytes::new(), put).await.unwrap();
            }
        }
        store.put("segments/NO/1", Bytes::new(), put).await.unwrap();
        let found = streams(&store).await.unwrap();
        assert_eq!(found.iter().map(StreamName::as_str).collect::<Vec<_>>(), {
            let mut names = names;
            names.sort_by_key(|name| format!("{name}/"));
            names
        });
    }

    use bytes::Bytes;
}
