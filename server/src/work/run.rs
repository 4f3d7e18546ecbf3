//! Does a job: one stream after the other, so that memory is that of one.

use std::sync::Arc;

use deskreel_format::StreamName;
use deskreel_store::{ObjectStore, StoreError};
use deskreel_upkeep::abandoned;
use deskreel_upkeep::plan::audit::Problem;
use deskreel_upkeep::plan::rollup::Watch;
use deskreel_upkeep::plan::sweep::SweepRule;
use deskreel_upkeep::share::ShareError;
use deskreel_upkeep::survey::{StreamObjects, streams};
use deskreel_upkeep::sweep::execute;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{Job, Which};

/// Objects younger than this stay, and so does what segments this late may need, milliseconds.
const GRACE_MS: u64 = 3_600_000;
/// An agent rolls an hour within two minutes of its end, or of the upload that was late; after so long
/// it has died, milliseconds.
pub const ROLL_GRACE_MS: u64 = 900_000;
/// Streams that are listed at once.
const PARALLEL: usize = 8;
/// Problems that a report spells out; the rest is counted.
const TOLD: usize = 50;

/// A job stopped half-way; run again it goes on.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// One stream's objects, or the list of streams, cannot be had.
    #[error("stream '{stream}': {source}")]
    Stream {
        /// Which.
        stream: String,
        /// Why.
        source: StoreError,
    },
    /// Tiles cannot be shared.
    #[error(transparent)]
    Share(#[from] ShareError),
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Nothing was really deleted.
    pub dry_run: bool,
    /// Streams looked at.
    pub streams: usize,
    /// Objects deleted.
    pub deleted: usize,
    /// Bytes of those.
    pub deleted_bytes: u64,
    /// Objects that stay.
    pub kept: usize,
    /// Objects that cannot be read.
    pub unreadable: usize,
}

/// What an audit found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditReport {
    /// Nothing is wrong.
    pub clean: bool,
    /// Streams looked at.
    pub streams: usize,
    /// Segments looked at.
    pub segments: usize,
    /// How much is wrong.
    pub count: usize,
    /// The first of it.
    pub problems: Vec<Problem>,
}

/// What a rollup did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RollupReport {
    /// Nothing was really written.
    pub dry_run: bool,
    /// Streams looked at.
    pub streams: usize,
    /// Indexes written, those of later hours that tell of a written one included.
    pub indexes: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Segments whose manifest was read for it.
    pub read: usize,
    /// Hours that can have no index.
    pub without: usize,
}

async fn which(store: &dyn ObjectStore, job: &Job) -> Result<Vec<StreamName>, WorkError> {
    match &job.which {
        Which::Only(names) => Ok(names.iter().cloned().collect()),
        Which::All => streams(store)
            .await
            .map_err(|source| WorkError::Stream { stream: "(all)".to_owned(), source }),
    }
}

fn of(stream: &StreamName) -> impl FnOnce(StoreError) -> WorkError {
    let stream = stream.to_string();
    move |source| WorkError::Stream { stream, source }
}

/// Deletes what nothing that can be shown needs.
///
/// # Errors
/// [`WorkError`].
pub async fn sweep(
    store: Arc<dyn ObjectStore>,
    job: &Job,
    now_ms: u64,
) -> Result<SweepReport, WorkError> {
    let rule = SweepRule { now_ms, grace_ms: GRACE_MS };
    let mut report = SweepReport { dry_run: job.dry_run, ..SweepReport::default() };
    for stream in which(store.as_ref(), job).await? {
        let objects = StreamObjects::new(store.clone(), stream.clone());
        let survey = objects.survey(|_, _| {}).await.map_err(of(&stream))?;
        let plan = survey.sweep(rule);
        if !job.dry_run {
            execute(&objects, &plan, |_| {}).await.map_err(of(&stream))?;
        }
        report.streams += 1;
        report.deleted += plan.doomed().count();
        report.deleted_bytes += plan.doomed().map(|doomed| doomed.entry.size).sum::<u64>();
        report.kept += plan.kept;
        report.unreadable += survey.unreadable.len();
    }
    Ok(report)
}

/// Holds what manifests promise against what is there.
///
/// # Errors
/// [`WorkError`].
pub async fn audit(
    store: Arc<dyn ObjectStore>,
    job: &Job,
    now_ms: u64,
) -> Result<AuditReport, WorkError> {
    let mut report = AuditReport { clean: true, ..AuditReport::default() };
    for stream in which(store.as_ref(), job).await? {
        let objects = StreamObjects::new(store.clone(), stream.clone());
        let survey = objects.survey(|_, _| {}).await.map_err(of(&stream))?;
        let problems = survey.audit(&stream, now_ms);
        report.streams += 1;
        report.segments += survey.segments.len() + survey.unreadable.len();
        report.count += problems.len();
        report.problems.extend(problems);
        report.problems.truncate(TOLD);
    }
    report.clean = report.count == 0;
    Ok(report)
}

/// Writes the indexes of hours whose agents died before they did: those that are over for `grace_ms`
/// ([`ROLL_GRACE_MS`] where an agent may live) and got nothing since.
///
/// # Errors
/// [`WorkError`].
pub async fn rollup(
    store: Arc<dyn ObjectStore>,
    job: &Job,
    now_ms: u64,
    grace_ms: u64,
) -> Result<RollupReport, WorkError> {
    let from_ms = now_ms.saturating_sub(abandoned::WINDOW_MS);
    let watch = Watch { now_ms, from_ms, grace_ms };
    let names = which(store.as_ref(), job).await?;
    let mut report =
        RollupReport { dry_run: job.dry_run, streams: names.len(), ..RollupReport::default() };
    // Most streams need nothing but their listings.
    let looks = names.into_iter().map(|stream| {
        let objects = StreamObjects::new(store.clone(), stream.clone());
        async move {
            let hours = abandoned::hours(&objects, watch).await.map_err(of(&stream))?;
            Ok::<_, WorkError>((objects, hours))
        }
    });
    let mut looks = stream::iter(looks).buffered(PARALLEL);
    while let Some((objects, hours)) = looks.try_next().await? {
        if job.dry_run {
            report.indexes += hours.len();
        } else if !hours.is_empty() {
            let rolled = abandoned::roll(&objects, watch).await.map_err(of(objects.stream()))?;
            report.indexes += rolled.hours.len();
            report.bytes += rolled.bytes;
            report.read += rolled.read;
            report.without += rolled.without.len();
        }
    }
    Ok(report)
}
