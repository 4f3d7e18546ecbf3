//! What the server knows about a bucket besides its objects: who may read it from where, and how
//! long objects live.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::durable::sync_dir;
use crate::cors::CorsRule;
use crate::lifecycle::LifecycleRule;

/// A bucket's settings, one JSON file beside its objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSettings {
    /// When the bucket was created, UTC milliseconds since 1970.
    pub created_ms: i64,
    /// Who may read it from web pages of which origin; the first rule that fits counts.
    pub cors: Vec<CorsRule>,
    /// Which objects are deleted at what age.
    pub lifecycle: Vec<LifecycleRule>,
}

/// Reads settings from the JSON file at `path`.
///
/// # Errors
/// As the file system says; `InvalidData` if the file is not settings.
pub(crate) fn load(path: &Path) -> io::Result<BucketSettings> {
    let bytes = std::fs::read(path)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// Replaces the file at `path` by `bytes`, in one step and durably, by way of `temp_dir`.
///
/// # Errors
/// As the file system says; the old file is then unharmed.
pub(crate) fn write_atomically(temp_dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temp = NamedTempFile::new_in(temp_dir)?;
    io::Write::write_all(temp.as_file_mut(), bytes)?;
    temp.as_file().sync_all()?;
    temp.persist(path).map_err(|failed| failed.error)?;
    path.parent().map_or(Ok(()), sync_dir)
}
