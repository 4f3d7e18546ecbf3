//! The store as Deskreel sees it: five verbs on whole objects, and what each one promises.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::StoreError;

/// Whether a put may replace an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Store only if the key is free (`If-None-Match: *`).
    Create,
    /// Store whatever was there before.
    Overwrite,
}

/// How to store an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put<'a> {
    /// May it replace what is there?
    pub mode: PutMode,
    /// `Content-Type` given to readers.
    pub content_type: &'a str,
    /// `Cache-Control` given to readers.
    pub cache_control: Option<&'a str>,
}

impl Put<'static> {
    /// Of what is written once and never changed: segments and storyboards. Readers may keep it as long
    /// as it can be shown.
    pub const ONCE: Self = Self {
        mode: PutMode::Create,
        content_type: "application/octet-stream",
        cache_control: Some("public, max-age=172800, immutable"),
    };
}

/// Bytes read from an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes asked for.
    pub bytes: Bytes,
    /// Size in bytes of the whole object, also when a range of it was read.
    pub size: u64,
    /// The store's version tag, opaque, quotes and all.
    pub etag: Option<String>,
}

/// What a store knows about an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Key relative to the store's prefix.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The store's version tag, opaque, quotes and all.
    pub etag: Option<String>,
    /// When the store took the object: UTC milliseconds by the store's clock. S3 rounds to seconds.
    pub modified_ms: i64,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in ascending order of their keys' UTF-8 bytes.
    pub objects: Vec<ObjectMeta>,
    /// True when more objects follow; ask again with `start_after` = the last key.
    pub more: bool,
}

/// An object store: immutable blobs of bytes under sorted keys.
///
/// # Contract
/// - Keys are relative to the prefix the store was configured with. A key is 1 to
///   [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) bytes of UTF-8 with the prefix, without control
///   characters, and neither starts nor ends with `/` nor holds an empty, `.` or `..` step. Others
///   are [`StoreError::InvalidKey`] and nothing is sent.
/// - A put is atomic: readers see all of an object or none of it, never a part.
/// - A put that returned `Ok` is seen by every later get, head and list.
/// - After an error the outcome of a put or delete is unknown; both may be repeated.
/// - Implementations retry what is worth retrying; callers retry only over minutes.
///
/// Every implementation passes [`conformance::check`](crate::conformance::check).
#[async_trait]
pub trait ObjectStore: Send + Sync + Debug {
    /// Stores `bytes` under `key`.
    ///
    /// With [`PutMode::Create`] a taken key is left alone and gives
    /// [`StoreError::AlreadyExists`]; of writers at the same time one wins. Correctness must not
    /// rest on that:
    /// - some stores (Garage, older MinIO) silently ignore the condition and overwrite;
    /// - an attempt whose answer was lost may have stored the bytes, and its retry then reports
    ///   `AlreadyExists` about this very call's own object.
    ///
    /// So give equal keys only to equal or equally good contents.
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError>;

    /// Reads an object, or the bytes `range` of it.
    ///
    /// A range that ends past the object's end is shortened, as HTTP does. A range that holds no
    /// byte of the object (it starts at or past the end, or is empty) is
    /// [`StoreError::RangeNotSatisfiable`]. The bytes returned are exactly as many as the store
    /// promised; a body cut short is retried, then [`StoreError::Truncated`].
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError>;

    /// Describes an object without reading it.
    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError>;

    /// Lists the objects whose keys start with `prefix` and sort after `start_after`, at most
    /// `limit` of them (0 counts as 1), in ascending order of their keys' bytes.
    ///
    /// `prefix` is text, not a folder: `a` lists `a/b` and `ab`. `start_after` need not be the key
    /// of an object.
    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError>;

    /// Deletes objects. Keys that are not there are fine, and so is an empty list.
    ///
    /// Keys go out in batches of 1,000; an error leaves later ones where they are.
    async fn delete(&self, keys: &[String]) -> Result<(), StoreError>;

    /// Lists every object whose key starts with `prefix`, in order, page by page.
    ///
    /// Objects that come or go meanwhile may or may not be seen.
    async fn list_all(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        let mut objects: Vec<ObjectMeta> = Vec::new();
        loop {
            let start_after = objects.last().map(|last| last.key.clone());
            let page = self.list(prefix, start_after.as_deref(), 1000).await?;
            let empty = page.objects.is_empty();
            objects.extend(page.objects);
            if !page.more || empty {
                return Ok(objects);
            }
        }
    }
}
