//! Does a job: one stream after the other, so that memory is that of one.

use std::sync::Arc;

use deskreel_format::StreamName;
use deskreel_store::{ObjectStore, StoreError};
use deskreel_upkeep::plan::audit::Problem;
use deskreel_upkeep::plan::sweep::{SweepRule, plan};
use deskreel_upkeep::survey::{StreamObjects, streams};
use deskreel_upkeep::sweep::execute;
use serde::Serialize;

use super::{Job, Which};

/// Objects younger than this stay, and so does what segments this late may need, milliseconds.
const GRACE_MS: u64 = 3_600_000;
/// Problems that a report spells out; the rest is counted.
const TOLD: usize = 50;

/// A job stopped half-way; run again it goes on.
#[derive(Debug, thiserror::Error)]
#[error("stream '{stream}': {source}")]
pub struct WorkError {
    stream: String,
    source: StoreError,
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

async fn which(store: &dyn ObjectStore, job: &Job) -> Result<Vec<StreamName>, WorkError> {
    match &job.which {
        Which::Only(names) => Ok(names.iter().cloned().collect()),
        Which::All => {
            streams(store).await.map_err(|source| WorkError { stream: "(all)".to_owned(), source })
        }
    }
}

fn of(stream: &StreamName) -> impl FnOnce(StoreError) -> WorkError {
    let stream = stream.to_string();
    move |source| WorkError { stream, source }
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
        let plan = plan(&survey.segments, &survey.unreadable, &survey.index_entries, rule);
        if !job.dry_run {
            execute(&objects, &plan, |_| {}).await.map_err(of(&stream))?;
        }
        let doomed = || plan.segments.iter().chain(&plan.indexes);
        report.streams += 1;
        report.deleted += doomed().count();
        report.deleted_bytes += doomed().map(|doomed| doomed.entry.size).sum::<u64>();
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
