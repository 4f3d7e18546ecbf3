//! Writing one object so that it is either wholly there or not there at all.
//!
//! The bytes go to a temporary file beside the bucket tree; when they are complete and match what
//! the client promised, they are flushed, and one rename (or one link, when nothing may be
//! replaced) makes them visible.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use tempfile::NamedTempFile;

use super::StoreError;
use super::durable::{DurableDirs, sync_dir};
use super::record::{Headers, ObjectInfo, trailer};

/// Losing this many races in a row against deletes in the same directory does not happen.
const PUBLISH_ATTEMPTS: usize = 100;

/// A checksum algorithm a client may send along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// CRC-32, as in zlib.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// The name as it ends the header `x-amz-checksum-...`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// What the client promised about the bytes; the object is published only if all of it holds.
#[derive(Debug, Clone, Default)]
pub struct Promise {
    /// Length in bytes.
    pub length: Option<u64>,
    /// MD5 in base64 (`Content-MD5`).
    pub md5: Option<String>,
    /// Checksums in base64.
    pub checksums: BTreeMap<Algorithm, String>,
}

/// What must hold for the object already stored under the key, at the instant of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there is replaced.
    Always,
    /// Nothing may be there (`If-None-Match: *`).
    Absent,
    /// An object with this ETag must be there (`If-Match`).
    Etag(String),
}

/// An object on its way in. Dropping it leaves no trace.
pub struct Upload {
    temp: NamedTempFile,
    size: u64,
    md5: Md5,
    hasher: ChecksumHasher,
}

/// An upload that kept its promises, flushed to the disk and ready to be published.
pub(crate) struct Sealed {
    temp: NamedTempFile,
    pub(crate) info: ObjectInfo,
}

impl Upload {
    /// Starts an object in a temporary file in `temp_dir`, computing the checksums `algorithms`.
    ///
    /// # Errors
    /// As the file system says.
    pub(crate) fn begin(temp_dir: &Path, algorithms: &[Algorithm]) -> Result<Self, StoreError> {
        let mut hasher = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
                Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
            }
        }
        let temp = NamedTempFile::new_in(temp_dir)?;
        Ok(Self { temp, size: 0, md5: Md5::new(), hasher })
    }

    /// Appends bytes of the object's data.
    ///
    /// # Errors
    /// As the file system says, a full disk above all.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.temp.as_file_mut().write_all(bytes)?;
        self.md5.update(bytes);
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Checks the promises, adds the metadata and flushes everything to the disk.
    ///
    /// # Errors
    /// [`StoreError::PromiseBroken`] if the bytes are not what was promised.
    pub(crate) fn seal(
        mut self,
        key: &str,
        headers: Headers,
        promise: &Promise,
        now_ms: i64,
    ) -> Result<Sealed, StoreError> {
        let md5 = self.md5.finalize();
        let broken = |what: &'static str| StoreError::PromiseBroken { key: key.to_owned(), what };
        if promise.length.is_some_and(|length| length != self.size) {
            return Err(broken("Content-Length"));
        }
        if promise.md5.as_ref().is_some_and(|promised| *promised != BASE64.encode(&md5)) {
            return Err(broken("Content-MD5"));
        }
        let computed = by_algorithm(self.hasher.finalize());
        for (algorithm, promised) in &promise.checksums {
            if computed.get(algorithm) != Some(promised) {
                return Err(broken(algorithm.name()));
            }
        }
        let info = ObjectInfo {
            key: key.to_owned(),
            size: self.size,
            etag: HEXLOWER.encode(&md5),
            modified_ms: now_ms,
            checksums: computed
                .into_iter()
                .map(|(name, sum)| (name.name().to_owned(), sum))
                .collect(),
            headers,
        };
        self.temp.as_file_mut().write_all(&trailer(&info)?)?;
        self.temp.as_file().sync_all()?;
        Ok(Sealed { temp: self.temp, info })
    }
}

impl Sealed {
    /// Makes the object visible at `path` in one step, and durable.
    ///
    /// # Errors
    /// [`StoreError::ConditionFailed`] if `replace` is false and something is already there.
    pub(crate) fn publish(
        self,
        dirs: &DurableDirs,
        path: &Path,
        replace: bool,
    ) -> Result<ObjectInfo, StoreError> {
        let Self { mut temp, info } = self;
        let parent = path.parent().ok_or(io::Error::from(ErrorKind::InvalidInput))?;
        // A delete may prune the directory between its creation and the publishing: then again.
        for _ in 0..PUBLISH_ATTEMPTS {
            dirs.create(parent)?;
            let published = if replace {
                match temp.persist(path) {
                    Ok(_) => return durably(parent, info),
                    Err(failed) => {
                        temp = failed.file;
                        Err(failed.error)
                    }
                }
            } else {
                // link() fails when the name is taken: of any number of writers, one wins.
                std::fs::hard_link(temp.path(), path)
            };
            match published {
                Ok(()) => return durably(parent, info),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return Err(StoreError::ConditionFailed { key: info.key });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::from(ErrorKind::NotFound).into())
    }
}

/// Flushes the directory entry of the object just published in `parent`.
fn durably(parent: &Path, info: ObjectInfo) -> Result<ObjectInfo, StoreError> {
    match sync_dir(parent) {
        // Already deleted again by another request, and the directory with it.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(info),
    }
}

fn by_algorithm(sums: s3s::dto::Checksum) -> BTreeMap<Algorithm, String> {
    [
        (Algorithm::Crc32, sums.checksum_crc32),
        (Algorithm::Crc32c, sums.checksum_crc32c),
        (Algorithm::Crc64nvme, sums.checksum_crc64nvme),
        (Algorithm::Sha1, sums.checksum_sha1),
        (Algorithm::Sha256, sums.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(algorithm, sum)| Some((algorithm, sum?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(temp_dir: &Path, data: &[u8], promise: &Promise) -> Result<Sealed, StoreError> {
        let algorithms: Vec<_> = promise.checksums.keys().copied().collect();
        let mut upload = Upload::begin(temp_dir, &algorithms)?;
        upload.write(data)?;
        upload.seal("key", Headers::default(), promise, 5)
    }

    fn is_empty(dir: &Path) -> bool {
        std::fs::read_dir(dir).unwrap().next().is_none()
    }

    #[test]
    fn promises_that_hold_are_kept_and_recorded() {
        let temp = tempfile::tempdir().unwrap();
        let promise = Promise {
            length: Some(3),
            md5: Some("kAFQmDzST7DWlj99KOF/cg==".into()),
            checksums: BTreeMap::from([(Algorithm::Crc32, "NSRBwg==".into())]),
        };
        let info = sealed(temp.path(), b"abc", &promise).unwrap().info;
        assert_eq!(info.etag, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!((info.size, info.modified_ms), (3, 5));
        assert_eq!(info.checksums["crc32"], "NSRBwg==");
    }

    #[test]
    fn any_broken_promise_leaves_no_trace() {
        let temp = tempfile::tempdir().unwrap();
        let promises = [
            Promise { length: Some(2), ..Promise::default() },
            Promise { md5: Some("kAFQmDzST7DWlj99KOF/cw==".into()), ..Promise::default() },
            Promise {
                checksums: BTreeMap::from([(Algorithm::Sha256, "AAAA".into())]),
                ..Promise::default()
            },
        ];
        for promise in promises {
            let outcome = sealed(temp.path(), b"abc", &promise);
            assert!(matches!(outcome, Err(StoreError::PromiseBroken { .. })), "{promise:?}");
            assert!(is_empty(temp.path()));
        }
    }

    #[test]
    fn the_second_of_two_creators_is_refused_and_the_first_stays() {
        let root = tempfile::tempdir().unwrap();
        let (temp, tree) = (root.path().join("tmp"), root.path().join("tree"));
        std::fs::create_dir(&temp).unwrap();
        std::fs::create_dir(&tree).unwrap();
        let dirs = DurableDirs::new(tree.clone());
        let path = tree.join("a+").join("key=");
        let put = |data: &[u8], replace| {
            sealed(&temp, data, &Promise::default()).unwrap().publish(&dirs, &path, replace)
        };
        put(b"first", false).unwrap();
        assert!(matches!(put(b"second", false), Err(StoreError::ConditionFailed { .. })));
        assert!(std::fs::read(&path).unwrap().starts_with(b"first"));
        put(b"third", true).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"third"));
        assert!(is_empty(&temp));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let temp = tempfile::tempdir().unwrap();
        // Every write to this device fails as on a full disk; the link to it is the "temporary file".
        let full = temp.path().join("upload");
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let file = std::fs::File::options().write(true).open(&full).unwrap();
        let mut upload = Upload {
            temp: NamedTempFile::from_parts(file, tempfile::TempPath::try_from_path(full).unwrap()),
            size: 0,
            md5: Md5::new(),
            hasher: ChecksumHasher::default(),
        };
        assert!(matches!(upload.write(b"x"), Err(StoreError::DiskFull)));
        drop(upload);
        assert!(is_empty(temp.path()));
    }
}
