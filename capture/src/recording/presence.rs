//! A small file that says until when a run recorded, and in which absence it is: what the next run
//! needs to tell why there is a gap, also after this one was killed.

use std::io::{self, Write};
use std::path::PathBuf;

use deskreel_format::AbsenceKind;
use serde::{Deserialize, Serialize};

use crate::core::sampling::Before;

/// What the file says. Times are UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Presence {
    /// The last screenshot that left the recorder; 0 when there was none.
    pub last_ms: u64,
    /// What that screenshot covers.
    pub interval_ms: u32,
    /// The absence that goes on, and since when.
    pub absence: Option<(AbsenceKind, u64)>,
    /// When this was written.
    pub alive_ms: u64,
}

impl Presence {
    /// What the next run makes of it; `None` when nothing was recorded.
    pub fn before(&self) -> Option<Before> {
        let absence = self.absence.map(|(kind, since_ms)| (kind, since_ms, self.alive_ms));
        let covered = self.last_ms.saturating_add(self.interval_ms.into());
        (self.last_ms > 0).then_some(Before { end_ms: covered, absence })
    }
}

#[derive(Serialize, Deserialize)]
struct Text {
    last_ms: u64,
    interval_ms: u32,
    absence: Option<(String, u64)>,
    alive_ms: u64,
}

const KINDS: [(&str, AbsenceKind); 5] = [
    ("paused", AbsenceKind::Paused),
    ("locked", AbsenceKind::Locked),
    ("excluded", AbsenceKind::Excluded),
    ("offline", AbsenceKind::Offline),
    ("not-running", AbsenceKind::NotRunning),
];

/// Where it lies. It is a hint: what it lacks is read from the newest segment, or stays a gap of
/// unknown kind, so it needs no fsync.
#[derive(Debug, Clone)]
pub struct PresenceFile {
    path: PathBuf,
    /// The last write failed, which was told.
    failed: bool,
}

impl PresenceFile {
    /// The file of a stream's state folder.
    pub fn of(folder: &std::path::Path) -> Self {
        Self { path: folder.join("presence.json"), failed: false }
    }

    /// What the last run noted; `None` when there is no file that can be read.
    pub fn read(&self) -> Option<Presence> {
        let text: Text = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        let absence = match text.absence {
            Some((name, since)) => {
                KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| (*kind, since))
            }
            None => None,
        };
        let Text { last_ms, interval_ms, alive_ms, .. } = text;
        Some(Presence { last_ms, interval_ms, absence, alive_ms })
    }

    /// Writes it anew, in one step.
    pub(super) fn note(&mut self, presence: &Presence) {
        let written = self.write(presence);
        if let Err(error) = &written
            && !self.failed
        {
            tracing::warn!(%error, path = %self.path.display(), "the state of the recording cannot be noted");
        }
        self.failed = written.is_err();
    }

    fn write(&self, presence: &Presence) -> io::Result<()> {
        let name = |kind| KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(n, _)| n);
        let text = Text {
            last_ms: presence.last_ms,
            interval_ms: presence.interval_ms,
            absence: presence.absence.map(|(kind, since)| (name(kind).to_owned(), since)),
            alive_ms: presence.alive_ms,
        };
        let folder = self.path.parent().unwrap_or(std::path::Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(&text)?)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_absence_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PresenceFile::of(folder.path());
        assert_eq!(file.read(), None);
        for absence in KINDS.map(|(_, kind)| Some((kind, 7))).into_iter().chain([None]) {
            let presence = Presence { last_ms: 5, interval_ms: 3, absence, alive_ms: 9 };
            file.note(&presence);
            assert_eq!(file.read(), Some(presence));
        }
        std::fs::write(folder.path().join("presence.json"), "{").unwrap();
        assert_eq!(file.read(), None);
    }
}
