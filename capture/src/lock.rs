//! One agent per stream: a lock in the stream's state folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Held while an agent works on a stream; freed by the system when the process ends, however it ends.
#[derive(Debug)]
pub struct StreamLock {
    _file: File,
}

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error(
        "another deskreel already records or imports this stream (lock '{path}'); stop it, or use another --stream"
    )]
    Taken {
        /// The lock file.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("cannot use the state folder '{path}': {source}; name another with --state")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the file system answered.
        source: std::io::Error,
    },
}

impl StreamLock {
    /// Takes the lock of the stream whose state lies in `folder`.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let unusable = |source| LockError::Folder { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken { path }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = StreamLock::take(folder.path()).unwrap();
        assert!(matches!(StreamLock::take(folder.path()), Err(LockError::Taken { .. })));
        drop(first);
        assert!(StreamLock::take(folder.path()).is_ok());
    }
}
