//! Directories that survive a power cut: which entries are known to be on the disk.
//!
//! A file is durable only when its own bytes and every directory entry above it are. Writing them
//! all for each object would cost a flush per level; remembering which directories are already
//! down costs one.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The directories below one root that are known to be on the disk.
///
/// Invariant: a directory in the set exists, and so do, durably, all entries above it up to the
/// root. Creation and removal hold one lock, so a removed directory is never in the set.
pub(crate) struct DurableDirs {
    root: PathBuf,
    known: Mutex<HashSet<PathBuf>>,
}

impl DurableDirs {
    /// Knows nothing yet but that `root` itself is durable.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, known: Mutex::default() }
    }

    /// Creates `dir` (the root or below it) and what is missing above it, durably.
    ///
    /// # Errors
    /// As the file system says.
    pub(crate) fn create(&self, dir: &Path) -> io::Result<()> {
        let mut known = self.lock();
        let mut missing = Vec::new();
        let mut at = dir;
        while at != self.root && !known.contains(at) {
            missing.push(at);
            at = at.parent().ok_or(ErrorKind::InvalidInput)?;
        }
        for dir in missing.into_iter().rev() {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            sync_dir(dir.parent().ok_or(ErrorKind::InvalidInput)?)?;
            known.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Removes `dir` and what is above it, below `keep`, as far as they are empty.
    pub(crate) fn prune(&self, dir: &Path, keep: &Path) {
        let mut known = self.lock();
        let mut at = dir;
        while at != keep && at.starts_with(keep) {
            match fs::remove_dir(at) {
                // Gone already: what is above may be empty now all the same.
                Err(error) if error.kind() != ErrorKind::NotFound => return,
                _ => known.remove(at),
            };
            let Some(parent) = at.parent() else { return };
            at = parent;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        // Every change leaves the set true, so a panic elsewhere cannot have broken it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the entries of `dir` to the disk.
///
/// # Errors
/// As the file system says.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Windows has no such call; NTFS journals directory entries.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_and_go_with_what_is_in_them() {
        let root = tempfile::tempdir().unwrap();
        let dirs = DurableDirs::new(root.path().to_owned());
        let deep = root.path().join("a").join("b").join("c");
        dirs.create(&deep).unwrap();
        dirs.create(&deep).unwrap();
        fs::write(root.path().join("a").join("kept"), "").unwrap();
        dirs.prune(&deep, root.path());
        assert!(!root.path().join("a").join("b").exists());
        assert!(root.path().join("a").join("kept").exists());
        dirs.create(&deep).unwrap();
        assert!(deep.is_dir());
    }
}
