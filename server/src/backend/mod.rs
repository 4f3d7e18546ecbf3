//! The object store on the local disk: buckets, objects, settings. Blocking; knows no protocol.
//!
//! ```text
//! DATA/lock                      held while a server uses DATA
//! DATA/credentials.json          the root access key
//! DATA/tmp/                      uploads under way; emptied at start
//! DATA/buckets/NAME/bucket.json  settings
//! DATA/buckets/NAME/objects/     one file per object, see `key_path` and `record`
//! ```
//!
//! Invariant: a file under `objects/` is a whole object that its writer finished, or it is not there.

mod bucket;
mod durable;
mod error;
mod key_path;
mod listing;
mod publish;
mod record;
mod walk;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use bucket::BucketSettings;
pub(crate) use bucket::write_atomically;
pub use error::StoreError;
pub use key_path::MAX_KEY_BYTES;
pub use listing::{Query, Token};
pub use publish::{Algorithm, Condition, Promise, Upload};
pub use record::{Headers, ObjectInfo};

use durable::{DurableDirs, sync_dir};
use key_path::path_of_key;
use walk::{After, Found, Walk};

/// Publishes and deletes of keys that share a lock wait for each other; few enough to be cheap.
const KEY_LOCKS: usize = 64;

/// A listed page: objects, common prefixes, and where the next page starts.
#[derive(Debug, Default)]
pub struct Listed {
    /// Objects in key order.
    pub objects: Vec<ObjectInfo>,
    /// Common prefixes in order, each ending in the delimiter.
    pub common_prefixes: Vec<String>,
    /// Where the next page starts, if there is one.
    pub next: Option<Token>,
}

/// The store in one data directory.
pub struct Disk {
    buckets_dir: PathBuf,
    temp_dir: PathBuf,
    dirs: DurableDirs,
    settings: RwLock<BTreeMap<String, Arc<BucketSettings>>>,
    key_locks: [Mutex<()>; KEY_LOCKS],
    /// Held open for its lock.
    _lock: File,
}

impl Disk {
    /// Opens the store in `data`, creating it if need be and clearing uploads a crash left behind.
    /// Nobody else can open it as long as this one lives.
    ///
    /// # Errors
    /// [`StoreError::InUse`], or as the file system says; `InvalidData` if a bucket's settings are
    /// damaged.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(data)?;
        let lock = lock(&data.join("lock"))?;
        let buckets_dir = data.join("buckets");
        let temp_dir = data.join("tmp");
        if temp_dir.exists() {
            fs::remove_dir_all(&temp_dir)?;
        }
        fs::create_dir_all(&buckets_dir)?;
        fs::create_dir_all(&temp_dir)?;
        sync_dir(data)?;
        let mut settings = BTreeMap::new();
        for entry in fs::read_dir(&buckets_dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                settings.insert(name, Arc::new(bucket::load(&entry.path().join("bucket.json"))?));
            }
        }
        Ok(Self {
            dirs: DurableDirs::new(buckets_dir.clone()),
            buckets_dir,
            temp_dir,
            settings: RwLock::new(settings),
            _lock: lock,
            key_locks: [const { Mutex::new(()) }; KEY_LOCKS],
        })
    }

    /// Creates a bucket. `name` has passed S3's rules for names, so it is a safe file name.
    ///
    /// # Errors
    /// [`StoreError::BucketExists`], or as the file system says.
    pub fn create_bucket(&self, name: &str, settings: BucketSettings) -> Result<(), StoreError> {
        let mut all = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(name) {
            return Err(StoreError::BucketExists { bucket: name.to_owned() });
        }
        // Built aside and renamed, so that a bucket always has its settings.
        let staged = tempfile::tempdir_in(&self.temp_dir)?;
        fs::create_dir(staged.path().join("objects"))?;
        self.write_settings(&staged.path().join("bucket.json"), &settings)?;
        fs::rename(staged.path(), self.buckets_dir.join(name))?;
        sync_dir(&self.buckets_dir)?;
        all.insert(name.to_owned(), Arc::new(settings));
        Ok(())
    }

    /// All buckets with their settings, by name.
    pub fn buckets(&self) -> Vec<(String, Arc<BucketSettings>)> {
        let all = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, settings)| (name.clone(), settings.clone())).collect()
    }

    /// The settings of a bucket.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`].
    pub fn bucket(&self, name: &str) -> Result<Arc<BucketSettings>, StoreError> {
        let all = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned().ok_or_else(|| StoreError::NoSuchBucket { bucket: name.to_owned() })
    }

    /// Changes the settings of a bucket.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], or as the file system says; the old settings then stay.
    pub fn change_bucket(
        &self,
        name: &str,
        change: impl FnOnce(&mut BucketSettings),
    ) -> Result<(), StoreError> {
        let mut all = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let current = all
            .get_mut(name)
            .ok_or_else(|| StoreError::NoSuchBucket { bucket: name.to_owned() })?;
        let mut changed = BucketSettings::clone(current);
        change(&mut changed);
        self.write_settings(&self.buckets_dir.join(name).join("bucket.json"), &changed)?;
        *current = Arc::new(changed);
        Ok(())
    }

    /// Starts an upload, to be finished by [`Disk::finish`]; `algorithms` are computed on the way.
    ///
    /// # Errors
    /// As the file system says.
    pub fn begin(&self, algorithms: &[Algorithm]) -> Result<Upload, StoreError> {
        Upload::begin(&self.temp_dir, algorithms)
    }

    /// Publishes an upload under `key` if it kept `promise` and `condition` holds, and flushes it to
    /// the disk: when this returns, the object survives a power cut.
    ///
    /// # Errors
    /// Any [`StoreError`]; what was stored under the key before is then unharmed.
    pub fn finish(
        &self,
        upload: Upload,
        (bucket, key): (&str, &str),
        headers: Headers,
        promise: &Promise,
        condition: &Condition,
        now_ms: i64,
    ) -> Result<ObjectInfo, StoreError> {
        let path = self.object_path(bucket, key)?;
        let sealed = upload.seal(key, headers, promise, now_ms)?;
        let _lock = self.lock_key(&path);
        if let Condition::Etag(wanted) = condition {
            let (_, info) = self.open_object(bucket, key)?;
            if info.etag != *wanted {
                return Err(StoreError::ConditionFailed { key: key.to_owned() });
            }
        }
        sealed.publish(&self.dirs, &path, *condition != Condition::Absent)
    }

    /// Opens an object: its file, whose first `size` bytes are the data, and what is known of it.
    /// The file stays readable and unchanged even if the object is replaced or deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NoSuchKey`], or as the file system says.
    pub fn open_object(&self, bucket: &str, key: &str) -> Result<(File, ObjectInfo), StoreError> {
        let path = self.object_path(bucket, key)?;
        match open_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(StoreError::NoSuchKey { key: key.to_owned() })
            }
            outcome => Ok(outcome?),
        }
    }

    /// Deletes an object if it is there and, with `only_if_modified_ms`, still the one stored then.
    /// Says whether it deleted one.
    ///
    /// # Errors
    /// As the file system says.
    pub fn delete(
        &self,
        bucket: &str,
        key: &str,
        only_if_modified_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let path = self.object_path(bucket, key)?;
        let _lock = self.lock_key(&path);
        if let Some(modified_ms) = only_if_modified_ms {
            match self.open_object(bucket, key) {
                Ok((_, info)) if info.modified_ms == modified_ms => {}
                Ok(_) | Err(StoreError::NoSuchKey { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if let Some(parent) = path.parent() {
            match sync_dir(parent) {
                // Pruned by another delete, whose pruning the next line repeats.
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => self.dirs.prune(parent, &self.objects_dir(bucket)),
            }
        }
        Ok(true)
    }

    /// One page of a listing.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], or as the file system says.
    pub fn list(&self, bucket: &str, query: &Query) -> Result<Listed, StoreError> {
        self.bucket(bucket)?;
        let page = listing::page(&self.objects_dir(bucket), query)?;
        let objects = page.objects.into_iter().filter_map(|found| info_of(&found)).collect();
        Ok(Listed { objects, common_prefixes: page.common_prefixes, next: page.next })
    }

    /// Calls `visit` with every object whose key starts with `prefix`, in key order.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], or as the file system says.
    pub fn for_each(
        &self,
        bucket: &str,
        prefix: &str,
        mut visit: impl FnMut(ObjectInfo),
    ) -> Result<(), StoreError> {
        self.bucket(bucket)?;
        let mut walk = Walk::new(&self.objects_dir(bucket), prefix, After::Nothing)?;
        while let Some(found) = walk.next()? {
            if let Some(info) = info_of(&found) {
                visit(info);
            }
        }
        Ok(())
    }

    fn objects_dir(&self, bucket: &str) -> PathBuf {
        self.buckets_dir.join(bucket).join("objects")
    }

    fn object_path(&self, bucket: &str, key: &str) -> Result<PathBuf, StoreError> {
        // Only names of known buckets ever become part of a path.
        self.bucket(bucket)?;
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(StoreError::BadKey { length: key.len() });
        }
        Ok(self.objects_dir(bucket).join(path_of_key(key)))
    }

    fn lock_key(&self, path: &Path) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let at = hasher.finish() as usize % KEY_LOCKS;
        self.key_locks[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_settings(&self, path: &Path, settings: &BucketSettings) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(settings).map_err(io::Error::from)?;
        Ok(write_atomically(&self.temp_dir, path, &bytes)?)
    }
}

/// Locks the file at `path` until the handle is dropped, or the process ends in whatever way.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open_file(path: &Path) -> io::Result<(File, ObjectInfo)> {
    let mut file = File::open(path)?;
    let info = record::read_info(&mut file)?;
    Ok((file, info))
}

/// What is known of the object found; `None` if it is gone by now, or damaged from outside.
fn info_of(found: &Found) -> Option<ObjectInfo> {
    match open_file(&found.path) {
        Ok((_, info)) if info.key == found.key => Some(info),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Ok(_) => {
            tracing::error!(key = found.key, "file of another object left out of a listing");
            None
        }
        Err(error) => {
            tracing::error!(key = found.key, %error, "object left out of a listing");
            None
        }
    }
}
