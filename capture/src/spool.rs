//! Segments on disk until the bucket has them: a crash or an outage loses none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deskreel_format::{Absence, AbsenceKind, Limits, Segment, SegmentId};

use crate::core::outbox::Parcel;
use crate::core::sealed::refers;

const GAPS: &str = "gaps";

/// What a spool holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Segments that wait.
    pub parcels: Vec<Parcel>,
    /// Files that were no whole segment any more, by what their names tell.
    pub damaged: Vec<Parcel>,
}

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

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What waits, as its manifests tell, by time. A file that is no whole segment is put aside.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn parcels(&self) -> io::Result<Found> {
        let mut found = Found::default();
        for id in self.waiting()? {
            let bytes = self.read(id)?;
            match parcel(id, &bytes) {
                Some(parcel) => found.parcels.push(parcel),
                None => {
                    let path = self.path(id);
                    std::fs::rename(&path, path.with_extension("damaged"))?;
                    let (last_ms, refers) = (id.first_ms, Vec::new());
                    let bytes = bytes.len() as u64;
                    let on_disk = true;
                    found.damaged.push(Parcel { id, bytes, moments: 1, last_ms, refers, on_disk });
                }
            }
        }
        Ok(found)
    }

    /// The gaps that [`Self::write_gaps`] noted; none when the note is missing or damaged.
    pub fn gaps(&self) -> Vec<Absence> {
        let text = std::fs::read_to_string(self.folder.join(GAPS)).unwrap_or_default();
        let gap = |line: &str| {
            let (from, to) = line.split_once(' ')?;
            let (from_ms, to_ms) = (from.parse().ok()?, to.parse().ok()?);
            (from_ms < to_ms).then_some(Absence { from_ms, to_ms, kind: AbsenceKind::Offline })
        };
        text.lines().filter_map(gap).collect()
    }

    /// Notes the gaps that no spooled segment tells of yet, for the next run.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn write_gaps(&self, gaps: &[Absence]) -> io::Result<()> {
        let path = self.folder.join(GAPS);
        if gaps.is_empty() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let line = |gap: &Absence| format!("{} {}\n", gap.from_ms, gap.to_ms);
        let text: String = gaps.iter().map(line).collect();
        let partial = path.with_extension("partial");
        std::fs::write(&partial, text)?;
        std::fs::rename(partial, path)
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

/// What a segment of the spool is; `None` when its bytes are not whole.
fn parcel(id: SegmentId, bytes: &[u8]) -> Option<Parcel> {
    let segment = Segment::decode(bytes, &Limits::default()).ok()?;
    let manifest = segment.manifest;
    if manifest.id != id || segment.object_len as usize != bytes.len() {
        return None;
    }
    let refers = refers(&manifest);
    Some(Parcel {
        id,
        bytes: bytes.len() as u64,
        moments: manifest.moments.len(),
        last_ms: manifest.moments.last().map_or(id.first_ms, |moment| moment.time_ms),
        refers,
        on_disk: true,
    })
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
        // None of these is a segment.
        let found = spool.parcels().unwrap();
        assert_eq!((found.parcels.len(), found.damaged.len()), (0, 2));
        assert_eq!(spool.waiting().unwrap(), []);
    }

    #[test]
    fn gaps_are_remembered_until_they_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        assert_eq!(spool.gaps(), []);
        let gap = |from_ms, to_ms| Absence { from_ms, to_ms, kind: AbsenceKind::Offline };
        spool.write_gaps(&[gap(1, 5), gap(7, 9)]).unwrap();
        assert_eq!(Spool::open(folder.path()).unwrap().gaps(), [gap(1, 5), gap(7, 9)]);
        std::fs::write(folder.path().join(GAPS), "1 5\nx\n9 9\n").unwrap();
        assert_eq!(spool.gaps(), [gap(1, 5)]);
        spool.write_gaps(&[]).unwrap();
        spool.write_gaps(&[]).unwrap();
        assert_eq!(spool.gaps(), []);
    }
}
