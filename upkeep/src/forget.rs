//! Carries out what makes a range of time forgotten.
//!
//! Heirs are written first, each after those that it refers to; then the indexes go that tell of what
//! is replaced; then the replaced segments, those that refer before those that are referred to. So at
//! every instant all references resolve, and wherever a run stops the next one goes on.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bytes::Bytes;
use deskreel_format::{Manifest, PackRef, SegmentId};
use deskreel_store::{Put, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::UpkeepError;
use super::survey::{ObjectError, PARALLEL, StreamObjects, Survey};
use crate::plan::budget::SeekBudget;
use crate::plan::facts::Entry;
use crate::plan::forget::{ForgetPlan, Replacement, plan, storyboards_of};
use crate::plan::rewrite::{Rewriter, Rewritten};

/// Objects deleted by one request.
const BATCH: usize = 500;
/// How often segments may arrive in the middle of it.
const ROUNDS: usize = 5;
/// Whoever stored something so recently is recording.
const RECORDING_MS: i64 = 120_000;

/// What is to be forgotten, and from where.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Moments from its start to before its end.
    pub range: Range<u64>,
    /// The present, UTC milliseconds.
    pub now_ms: u64,
    /// The person says that nobody records the stream.
    pub agent_stopped: bool,
    /// How expensive a moment that is written anew may become to show, unless it was so before.
    pub budget: SeekBudget,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Moments that are gone.
    pub moments: usize,
    /// Segments that are gone.
    pub deleted: usize,
    /// Segments written in their place.
    pub written: usize,
    /// Bytes of those.
    pub written_bytes: u64,
    /// Indexes that are gone.
    pub indexes: usize,
    /// Storyboards that are gone.
    pub storyboards: usize,
    /// Lists of candidates that are gone: they tell of tiles by their hashes.
    pub lists: usize,
}

/// What would be done, from a survey.
///
/// # Errors
/// [`UpkeepError`] when it cannot be done.
pub fn prepare(
    objects: &StreamObjects,
    survey: &Survey,
    range: &Range<u64>,
) -> Result<ForgetPlan, UpkeepError> {
    if let Some(entry) = survey.unreadable.first() {
        let object = objects.stream.segment_key(entry.id);
        let problem = survey.problems.iter().find(|problem| problem.object == object);
        let what = problem.map(|problem| problem.what.clone()).unwrap_or_default();
        return Err(UpkeepError::Unreadable { count: survey.unreadable.len(), object, what });
    }
    let mut plan = plan(&survey.segments, &survey.indexes, range)
        .map_err(|source| UpkeepError::Plan { stream: objects.stream.clone(), source })?;
    // An index that cannot be read may tell of anything, and is only a cache.
    let read: HashSet<SegmentId> = survey.indexes.iter().map(|index| index.entry.id).collect();
    let unread = survey.index_entries.iter().filter(|entry| !read.contains(&entry.id));
    plan.indexes.extend(unread.map(|entry| entry.id.first_ms));
    plan.storyboards = storyboards_of(&survey.storyboards, range);
    Ok(plan)
}

/// Forgets. `progress(step, done, of)` tells how far it is.
///
/// # Errors
/// [`UpkeepError`]; run again, it goes on where it stopped.
pub async fn execute(
    objects: &StreamObjects,
    request: &Request,
    progress: impl Fn(&str, u64, u64),
) -> Result<Forgotten, UpkeepError> {
    let mut forgotten = Forgotten::default();
    let mut are_lists_gone = false;
    for round in 0..ROUNDS {
        let survey = objects.survey(|done, of| progress("reading", done, of)).await?;
        // Later on the youngest are our own.
        if round == 0 {
            check_silence(objects, request, &survey)?;
        }
        if !std::mem::replace(&mut are_lists_gone, true) {
            forgotten.lists = delete_lists(objects).await?;
        }
        let plan = prepare(objects, &survey, &request.range)?;
        let is_done = plan.replacements.is_empty() && plan.indexes.is_empty();
        if is_done && plan.storyboards.is_empty() {
            prove(objects, request, &survey)?;
            return Ok(forgotten);
        }
        let before: HashSet<SegmentId> =
            survey.segments.iter().map(|facts| facts.entry.id).collect();
        write_heirs(objects, request, &survey, &plan, &mut forgotten, &progress).await?;
        let heirs: HashSet<SegmentId> = plan.replacements.iter().filter_map(|r| r.heir).collect();
        let now = objects.segments_from(0).await?;
        if now.iter().any(|entry| !before.contains(&entry.id) && !heirs.contains(&entry.id)) {
            // What arrived may refer to what is replaced: it has to be judged first.
            continue;
        }
        delete(objects, &plan, &mut forgotten, &progress).await?;
    }
    Err(UpkeepError::Restless { stream: objects.stream.clone() })
}

fn check_silence(
    objects: &StreamObjects,
    request: &Request,
    survey: &Survey,
) -> Result<(), UpkeepError> {
    if request.agent_stopped {
        return Ok(());
    }
    // Heirs that an earlier run wrote are no recording, but young; the person can say so.
    let newest = survey.segments.iter().map(|facts| facts.entry.modified_ms).max();
    let age_ms = newest.map(|newest| (request.now_ms as i64).saturating_sub(newest));
    match age_ms.filter(|age_ms| *age_ms < RECORDING_MS) {
        Some(age_ms) => Err(UpkeepError::Recording {
            stream: objects.stream.clone(),
            age_s: u64::try_from(age_ms / 1000).unwrap_or(0),
        }),
        None => Ok(()),
    }
}

/// After everything is done, nothing may tell of the range, and every reference resolve as before.
fn prove(objects: &StreamObjects, request: &Request, survey: &Survey) -> Result<(), UpkeepError> {
    let all = survey.segments.iter().chain(&survey.indexes);
    let told = all.flat_map(|facts| facts.moments.iter().chain(&facts.listed));
    let left = told.filter(|time| request.range.contains(time)).count();
    if left > 0 {
        let what = format!("{left} moments are still told of");
        return Err(UpkeepError::NotProven { stream: objects.stream.clone(), what });
    }
    Ok(())
}

async fn write_heirs(
    objects: &StreamObjects,
    request: &Request,
    survey: &Survey,
    plan: &ForgetPlan,
    forgotten: &mut Forgotten,
    progress: &impl Fn(&str, u64, u64),
) -> Result<(), UpkeepError> {
    let entries: HashMap<SegmentId, Entry> =
        survey.segments.iter().map(|facts| (facts.entry.id, facts.entry)).collect();
    let written = |r: &Replacement| r.heir.is_none_or(|heir| entries.contains_key(&heir));
    if plan.replacements.iter().all(written) {
        return Ok(()); // an earlier run did all of it
    }
    let mut rewriter = Rewriter::new(plan, request.range.clone(), request.budget);
    let of = plan.replacements.len() as u64;
    for (done, replacement) in (1..).zip(&plan.replacements) {
        if let Some(heir) = replacement.heir {
            let old = manifest(objects, entries[&replacement.old]).await?;
            match entries.get(&heir) {
                Some(entry) => rewriter.learn(&old, &manifest(objects, *entry).await?),
                None => {
                    let bytes = rewrite(objects, &mut rewriter, &old, heir).await?;
                    forgotten.written += 1;
                    forgotten.written_bytes += bytes;
                }
            }
        }
        progress("rewriting", done, of);
    }
    Ok(())
}

/// Writes one heir; returns its bytes.
async fn rewrite(
    objects: &StreamObjects,
    rewriter: &mut Rewriter,
    old: &Manifest,
    heir: SegmentId,
) -> Result<u64, UpkeepError> {
    let mut packs = HashMap::new();
    let mut needs = rewriter.needs(old);
    let object = loop {
        let requests = needs.iter().map(|pack| async move {
            let key = objects.stream.segment_key(pack.segment);
            let range = u64::from(pack.offset)..u64::from(pack.offset) + u64::from(pack.len);
            Ok::<_, StoreError>((*pack, objects.store.get(&key, Some(range)).await?.bytes))
        });
        let read: Vec<(PackRef, Bytes)> =
            stream::iter(requests).buffer_unordered(PARALLEL).try_collect().await?;
        packs.extend(read);
        let rewritten = rewriter.rewrite(old, heir, &packs, &objects.limits);
        match rewritten.map_err(|source| UpkeepError::Rewrite {
            object: objects.stream.segment_key(old.id),
            source,
        })? {
            Rewritten::Object(object) => break object,
            Rewritten::Needs(more) => needs = more,
        }
    };
    let (key, size) = (objects.stream.segment_key(heir), object.len() as u64);
    match objects.store.put(&key, object.into(), Put::ONCE).await {
        // An attempt whose answer was lost: the bytes follow from what was read.
        Err(StoreError::AlreadyExists { .. }) => {
            if objects.store.head(&key).await?.size != size {
                return Err(UpkeepError::Taken { object: key });
            }
        }
        outcome => outcome?,
    }
    Ok(size)
}

async fn manifest(objects: &StreamObjects, entry: Entry) -> Result<Manifest, UpkeepError> {
    let object = || objects.stream.segment_key(entry.id);
    match objects.segment(entry).await {
        Ok(segment) => Ok(segment.manifest),
        Err(ObjectError::Store(error)) => Err(error.into()),
        Err(ObjectError::Gone) => Err(StoreError::NotFound { key: object() }.into()),
        Err(ObjectError::Damaged(what)) => {
            Err(UpkeepError::Unreadable { count: 1, object: object(), what })
        }
    }
}

/// Deletes the stream's lists of candidates: all, for what they say of it says nothing of when.
async fn delete_lists(objects: &StreamObjects) -> Result<usize, StoreError> {
    let listed = objects.store.list_all(&objects.stream.candidates_prefix()).await?;
    let keys: Vec<String> = listed.into_iter().map(|meta| meta.key).collect();
    for batch in keys.chunks(BATCH) {
        objects.store.delete(batch).await?;
    }
    Ok(keys.len())
}

async fn delete(
    objects: &StreamObjects,
    plan: &ForgetPlan,
    forgotten: &mut Forgotten,
    progress: &impl Fn(&str, u64, u64),
) -> Result<(), UpkeepError> {
    let indexes: Vec<String> =
        plan.indexes.iter().map(|hour| objects.stream.index_key(*hour)).collect();
    for batch in indexes.chunks(BATCH) {
        objects.store.delete(batch).await?;
        forgotten.indexes += batch.len();
    }
    let storyboards: Vec<String> =
        plan.storyboards.iter().map(|id| objects.stream.storyboard_key(*id)).collect();
    for batch in storyboards.chunks(BATCH) {
        objects.store.delete(batch).await?;
        forgotten.storyboards += batch.len();
    }
    let of = plan.replacements.len() as u64;
    let backwards: Vec<&Replacement> = plan.replacements.iter().rev().collect();
    for batch in backwards.chunks(BATCH) {
        let keys: Vec<String> = batch.iter().map(|r| objects.stream.segment_key(r.old)).collect();
        objects.store.delete(&keys).await?;
        forgotten.deleted += batch.len();
        forgotten.moments += batch.iter().map(|r| r.forgotten).sum::<usize>();
        progress("deleting", forgotten.deleted as u64, of);
    }
    Ok(())
}
