//! Looks whether another agent records the same stream, at the start and then now and again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deskreel_format::{SegmentId, StreamName};
use deskreel_store::StoreError;

use crate::core::rival::{Verdict, judge};
use crate::reader::{Listed, ReadError, StreamReader};
use deskreel_upkeep::plan::facts::Entry;
use deskreel_upkeep::survey::StreamObjects;

/// How far back a look goes, by the times in the keys: clocks may differ so much.
const LOOK_BACK_MS: u64 = 15 * 60_000;
/// A start waits no longer to see whether somebody else is recording.
const LONGEST_WAIT: Duration = Duration::from_secs(45);
/// So many writers of earlier runs are remembered.
const REMEMBERED: usize = 1_000;

/// Another agent records the stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "another agent records stream '{stream}' (it just stored segment {rival}); stop it, or use \
     another --stream here. Nothing is damaged: what both stored can be played"
)]
pub struct Rival {
    /// Which stream.
    pub stream: StreamName,
    /// The other's newest segment.
    pub rival: SegmentId,
}

/// The writers of all runs with one state folder, in a file.
#[derive(Debug)]
pub struct Writers {
    path: PathBuf,
    known: Vec<u32>,
}

impl Writers {
    /// Reads the file in `folder`; a missing one is an empty one.
    pub fn of(folder: &Path) -> Self {
        let path = folder.join("writers");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let known = text.lines().filter_map(|line| u32::from_str_radix(line, 16).ok()).collect();
        Self { path, known }
    }

    /// Remembers a writer.
    pub fn add(&mut self, writer: u32) {
        self.known.push(writer);
        let start = self.known.len().saturating_sub(REMEMBERED);
        let text: String = self.known[start..].iter().map(|w| format!("{w:08x}\n")).collect();
        if let Err(error) = std::fs::write(&self.path, text) {
            tracing::warn!(%error, "the list of this agent's writers cannot be written");
        }
    }

    /// All of them.
    pub fn all(&self) -> HashSet<u32> {
        self.known.iter().copied().collect()
    }
}

/// Waits, if a stranger stored something a moment ago, whether it goes on to do so.
///
/// # Errors
/// `Ok(Some(_))` names the other agent; [`ReadError`] when the bucket cannot be read.
pub async fn at_start(
    reader: &StreamReader,
    stream: &StreamName,
    segments: &[Listed],
    own: &HashSet<u32>,
    now_ms: u64,
    tell: impl FnOnce(Duration),
) -> Result<Option<Rival>, ReadError> {
    let stranger = |entry: &&Listed| !own.contains(&entry.id.writer);
    let Some(newest) = segments.iter().rev().find(stranger) else { return Ok(None) };
    let manifest = reader.manifest(*newest).await?.manifest;
    let last_ms = manifest.moments.last().map_or(newest.id.first_ms, |moment| moment.time_ms);
    let interval_ms = u64::from(manifest.interval_ms);
    // It stores something this often.
    let period_ms = last_ms - newest.id.first_ms + interval_ms;
    if now_ms.saturating_sub(last_ms) > 3 * period_ms + 30_000 {
        return Ok(None);
    }
    let wait = Duration::from_millis(period_ms * 5 / 2).min(LONGEST_WAIT);
    tell(wait);
    let began = Instant::now();
    while began.elapsed() < wait {
        tokio::time::sleep((wait / 10).max(Duration::from_millis(100))).await;
        let later = reader.segments(newest.id.first_ms.saturating_sub(LOOK_BACK_MS)).await?;
        let fresh = |entry: &&Listed| stranger(entry) && !segments.contains(entry);
        if let Some(found) = later.iter().rev().find(fresh) {
            return Ok(Some(Rival { stream: stream.clone(), rival: found.id }));
        }
    }
    Ok(None)
}

/// Looks once. `since_ms` is the time of this run's newest moment.
///
/// # Errors
/// [`StoreError`] when the newest segments cannot be listed.
pub(crate) async fn look(
    objects: &StreamObjects,
    own: &HashSet<u32>,
    run: &HashSet<u32>,
    since_ms: u64,
) -> Result<Verdict, StoreError> {
    let from_ms = since_ms.saturating_sub(LOOK_BACK_MS);
    let listed: Vec<Entry> = objects.segments_from(from_ms).await?;
    Ok(judge(&listed, own, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_remembered_from_run_to_run() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Writers::of(folder.path()).all().is_empty());
        Writers::of(folder.path()).add(7);
        Writers::of(folder.path()).add(u32::MAX);
        assert_eq!(Writers::of(folder.path()).all(), HashSet::from([7, u32::MAX]));
    }
}
