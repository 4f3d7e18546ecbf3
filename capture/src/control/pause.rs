//! A pause that outlives its agent: one that crashed or was started again while paused must not record
//! what its person wanted unrecorded.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A pause, as the person asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends by itself, UTC milliseconds.
    pub until_ms: Option<u64>,
}

/// Where a pause is noted.
#[derive(Debug)]
pub struct PauseFile {
    path: PathBuf,
}

impl PauseFile {
    /// The file of a stream's state folder.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join("pause.json") }
    }

    /// The pause that holds at `now_ms`. A note that cannot be read counts as a pause without end.
    pub fn read(&self, now_ms: u64) -> Option<Pause> {
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            outcome => outcome.unwrap_or_default(),
        };
        let pause: Pause = serde_json::from_slice(&bytes).unwrap_or(Pause { until_ms: None });
        pause.until_ms.is_none_or(|until| until > now_ms).then_some(pause)
    }

    /// Notes a pause, or that there is none.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn write(&self, pause: Option<Pause>) -> io::Result<()> {
        match pause {
            Some(pause) => std::fs::write(&self.path, serde_json::to_vec(&pause)?),
            None => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_until_it_ends_and_a_damaged_note_holds_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let file = PauseFile::of(folder.path());
        assert_eq!(file.read(0), None);
        file.write(Some(Pause { until_ms: Some(10) })).unwrap();
        assert_eq!(file.read(9), Some(Pause { until_ms: Some(10) }));
        assert_eq!(file.read(10), None);
        std::fs::write(folder.path().join("pause.json"), "").unwrap();
        assert_eq!(file.read(10), Some(Pause { until_ms: None }));
        file.write(None).unwrap();
        file.write(None).unwrap();
        assert_eq!(file.read(0), None);
    }
}
