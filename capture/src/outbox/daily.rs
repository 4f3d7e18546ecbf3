//! Bytes that the store took since midnight UTC, noted on disk with each segment that arrives: exact
//! also when the agent is killed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deskreel_format::SegmentId;
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// A count that begins anew each day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Daily {
    day: u64,
    bytes: u64,
    /// The segment that was counted last. The note is written before its file leaves the spool, so a
    /// run that is killed in between leaves it to the next one, which must not count it again.
    #[serde(default)]
    last: Option<String>,
}

impl Daily {
    /// Counts a segment for the day on which it is known to have arrived.
    pub fn arrived(&mut self, now_ms: u64, id: SegmentId, bytes: u64) {
        let id = id.to_string();
        if self.last.as_ref() == Some(&id) {
            return;
        }
        *self = Self { day: now_ms / DAY_MS, bytes: self.bytes(now_ms) + bytes, last: Some(id) };
    }

    /// Bytes since midnight.
    pub fn bytes(&self, now_ms: u64) -> u64 {
        if now_ms / DAY_MS == self.day { self.bytes } else { 0 }
    }
}

/// Where the count lies. A file that is lost or damaged only makes the figure begin anew.
#[derive(Debug)]
pub struct DailyFile {
    path: PathBuf,
}

impl DailyFile {
    /// The file of a stream's state folder.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join("uploaded.json") }
    }

    /// What an earlier run left.
    pub fn read(&self) -> Daily {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Leaves it to the next run. What fails is logged; this run's figure stays right.
    pub fn write(&self, daily: &Daily) {
        if let Err(error) = self.replace(daily) {
            tracing::debug!(%error, path = %self.path.display(), "the day's count is not kept");
        }
    }

    fn replace(&self, daily: &Daily) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // In one piece: half a file would lose the day. A power cut may take the last notes with it,
        // which an fsync for each screenshot would not be worth.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(daily)?)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first_ms: u64) -> SegmentId {
        SegmentId { first_ms, writer: 7 }
    }

    #[test]
    fn a_day_adds_up_over_restarts_and_ends_at_midnight() {
        let folder = tempfile::tempdir().unwrap();
        let file = DailyFile::of(folder.path());
        let mut daily = file.read();
        daily.arrived(5 * DAY_MS + 10, id(1), 100);
        daily.arrived(5 * DAY_MS + 20, id(2), 150);
        file.write(&daily);
        let mut daily = file.read();
        daily.arrived(5 * DAY_MS + 30, id(3), 7);
        assert_eq!(daily.bytes(5 * DAY_MS + 40), 257);
        assert_eq!(daily.bytes(6 * DAY_MS), 0);
        daily.arrived(6 * DAY_MS, id(4), 3);
        assert_eq!(daily.bytes(6 * DAY_MS + 1), 3);
        std::fs::write(folder.path().join("uploaded.json"), "{").unwrap();
        assert_eq!(file.read(), Daily::default());
    }

    #[test]
    fn a_segment_that_was_counted_but_still_lay_in_the_spool_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = DailyFile::of(folder.path());
        let mut daily = Daily::default();
        daily.arrived(DAY_MS, id(1), 100);
        daily.arrived(DAY_MS, id(2), 50);
        file.write(&daily);
        // Killed here; the spool holds it still, and the store says that it has it.
        let mut daily = file.read();
        daily.arrived(DAY_MS, id(2), 50);
        daily.arrived(DAY_MS, id(3), 1);
        assert_eq!(daily.bytes(DAY_MS), 151);
        // Also when midnight passed: it was counted for the day before.
        daily.arrived(2 * DAY_MS, id(3), 1);
        assert_eq!(daily.bytes(2 * DAY_MS), 0);
    }

    #[test]
    fn the_file_of_an_older_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("uploaded.json"), r#"{"day":5,"bytes":9}"#).unwrap();
        assert_eq!(DailyFile::of(folder.path()).read().bytes(5 * DAY_MS), 9);
    }
}
