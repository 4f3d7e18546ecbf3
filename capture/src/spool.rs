//! Segments on disk until the bucket has them: a crash or an outage loses none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deskreel_format::SegmentId;

/// A folder of segments that wait to be uploaded.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Opens or creates the spool in `folder`, and removes what a crash left half written.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let spool = Self { folder: folder.to_owned() };
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "partial") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(spool)
    }

    fn path(&self, id: SegmentId) -> PathBuf {
        self.folder.join(format!("{id}.seg"))
    }

    /// Stores a segment so that it survives a crash right after.
    ///
    /// # Errors
    /// What the file system answered, such as a full disk; nothing is left behind then.
    pub fn add(&self, id: SegmentId, bytes: &[u8]) -> io::Result<()> {
        let partial = self.path(id).with_extension("partial");
        let written = std::fs::File::create(&partial)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&partial, self.path(id)))
            .and_then(|()| std::fs::File::open(&self.folder)?.sync_all());
        if written.is_err() {
            // It may not even exist; the first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
        }
        written
    }

    /// The segments that wait, by time.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn waiting(&self) -> io::Result<Vec<SegmentId>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            ids.extend(stem.and_then(|stem| stem.parse::<SegmentId>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The bytes of a segment.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn read(&self, id: SegmentId) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(id))
    }

    /// Forgets a segment that the bucket has.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn remove(&self, id: SegmentId) -> io::Result<()> {
        std::fs::remove_file(self.path(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_wait_in_order_and_half_written_ones_are_gone_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let ids = [5, 1, 3].map(|first_ms| SegmentId { first_ms, writer: 7 });
        ids.iter().for_each(|id| spool.add(*id, &[id.first_ms as u8]).unwrap());
        std::fs::write(folder.path().join("0000000000009-00000007.partial"), "x").unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let times: Vec<_> = spool.waiting().unwrap().iter().map(|id| id.first_ms).collect();
        assert_eq!(times, [1, 3, 5]);
        assert_eq!(spool.read(ids[0]).unwrap(), [5]);
        spool.remove(ids[0]).unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 2);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
