//! Bytes uploaded since midnight UTC, kept over restarts of the agent.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// A count that begins anew each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Daily {
    day: u64,
    bytes: u64,
    /// What this run had uploaded at the last look.
    #[serde(skip)]
    seen: u64,
}

impl Daily {
    /// Takes in what this run has uploaded in all. Bytes count for the day on which they are seen.
    pub fn note(&mut self, now_ms: u64, uploaded: u64) {
        let day = now_ms / DAY_MS;
        if day != self.day {
            (self.day, self.bytes) = (day, 0);
        }
        self.bytes += uploaded.saturating_sub(self.seen);
        self.seen = uploaded;
    }

    /// Bytes since midnight.
    pub fn bytes(&self) -> u64 {
        self.bytes
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

    /// Leaves it to the next run.
    pub fn write(&self, daily: &Daily) {
        let text = serde_json::to_vec(daily).unwrap_or_default();
        if let Err(error) = std::fs::write(&self.path, text) {
            tracing::debug!(%error, path = %self.path.display(), "the day's count is not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_adds_up_over_restarts_and_ends_at_midnight() {
        let folder = tempfile::tempdir().unwrap();
        let file = DailyFile::of(folder.path());
        let mut daily = file.read();
        daily.note(5 * DAY_MS + 10, 100);
        daily.note(5 * DAY_MS + 20, 250);
        file.write(&daily);
        let mut daily = file.read();
        daily.note(5 * DAY_MS + 30, 7);
        assert_eq!(daily.bytes(), 257);
        daily.note(6 * DAY_MS, 10);
        assert_eq!(daily.bytes(), 3);
        std::fs::write(folder.path().join("uploaded.json"), "{").unwrap();
        assert_eq!(file.read(), Daily::default());
    }
}
