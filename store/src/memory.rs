//! A store in memory: the reference implementation of the contract, for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;

use crate::key::check_key;
use crate::{ListPage, Object, ObjectMeta, ObjectStore, Put, PutMode, StoreError};

/// The headers an object was stored with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutHeaders {
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
}

/// An [`ObjectStore`] in memory.
pub struct MemoryStore {
    shelf: Mutex<Shelf>,
    clock: Box<dyn Fn() -> i64 + Send + Sync>,
}

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Stored>,
    /// Counts puts, so that every version has its own tag.
    puts: u64,
}

struct Stored {
    bytes: Bytes,
    etag: String,
    modified_ms: i64,
    headers: PutHeaders,
}

impl MemoryStore {
    /// An empty store on the system's clock.
    pub fn new() -> Self {
        Self::with_clock(system_clock_ms)
    }

    /// An empty store that asks `now_ms` (UTC milliseconds) when an object is stored.
    pub fn with_clock(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { shelf: Mutex::default(), clock: Box::new(now_ms) }
    }

    /// The headers `key` was stored with, as a browser would be given them.
    pub fn headers(&self, key: &str) -> Option<PutHeaders> {
        self.shelf().objects.get(key).map(|stored| stored.headers.clone())
    }

    /// Every change to the shelf is one map operation, so a panic elsewhere cannot leave it broken.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = self.shelf().objects.len();
        f.debug_struct("MemoryStore").field("objects", &objects).finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        check_key(key)?;
        let modified_ms = (self.clock)();
        let mut shelf = self.shelf();
        if put.mode == PutMode::Create && shelf.objects.contains_key(key) {
            return Err(StoreError::AlreadyExists { key: key.to_owned() });
        }
        shelf.puts += 1;
        let stored = Stored {
            bytes,
            etag: format!("\"memory-{}\"", shelf.puts),
            modified_ms,
            headers: PutHeaders {
                content_type: put.content_type.to_owned(),
                cache_control: put.cache_control.map(str::to_owned),
            },
        };
        shelf.objects.insert(key.to_owned(), stored);
        Ok(())
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        check_key(key)?;
        let shelf = self.shelf();
        let stored = shelf.objects.get(key).ok_or_else(|| not_found(key))?;
        let size = stored.bytes.len();
        let bytes = match range {
            None => stored.bytes.clone(),
            Some(range) => {
                let within = clamp(&range, size).ok_or_else(|| {
                    let Range { start, end } = range;
                    let size = Some(size as u64);
                    StoreError::RangeNotSatisfiable { key: key.to_owned(), start, end, size }
                })?;
                stored.bytes.slice(within)
            }
        };
        Ok(Object { bytes, size: size as u64, etag: Some(stored.etag.clone()) })
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        check_key(key)?;
        let shelf = self.shelf();
        let stored = shelf.objects.get(key).ok_or_else(|| not_found(key))?;
        Ok(meta(key, stored))
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let from = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let shelf = self.shelf();
        let mut found = shelf
            .objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let objects =
            found.by_ref().take(limit.max(1)).map(|(key, stored)| meta(key, stored)).collect();
        Ok(ListPage { objects, more: found.next().is_some() })
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        let mut shelf = self.shelf();
        for key in keys {
            shelf.objects.remove(key);
        }
        Ok(())
    }
}

/// The part of `range` inside an object of `size` bytes; `None` when that holds no byte.
fn clamp(range: &Range<u64>, size: usize) -> Option<Range<usize>> {
    let start = usize::try_from(range.start).ok()?;
    let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(size);
    (start < end).then_some(start..end)
}

fn meta(key: &str, stored: &Stored) -> ObjectMeta {
    ObjectMeta {
        key: key.to_owned(),
        size: stored.bytes.len() as u64,
        etag: Some(stored.etag.clone()),
        modified_ms: stored.modified_ms,
    }
}

fn not_found(key: &str) -> StoreError {
    StoreError::NotFound { key: key.to_owned() }
}

fn system_clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
