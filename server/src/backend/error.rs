//! Why the store could not do what it was asked, and what to do about it.

use std::io::{self, ErrorKind};

use super::key_path::MAX_KEY_BYTES;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such bucket.
    #[error("bucket `{bucket}` does not exist; create it first")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// The bucket is already there.
    #[error("bucket `{bucket}` already exists and is yours")]
    BucketExists {
        /// Its name.
        bucket: String,
    },
    /// No object under the key.
    #[error("object `{key}` does not exist")]
    NoSuchKey {
        /// The key asked for.
        key: String,
    },
    /// The object's key is empty or too long.
    #[error("key of {length} bytes: keys have 1 to {MAX_KEY_BYTES}")]
    BadKey {
        /// Its length in bytes.
        length: usize,
    },
    /// The condition the client gave did not hold; nothing was changed.
    #[error("object `{key}` is not in the state the request requires; nothing was changed")]
    ConditionFailed {
        /// The key written to.
        key: String,
    },
    /// The bytes are not what the client promised; nothing was changed.
    #[error("object `{key}`: the bytes received do not match {what}; send it again")]
    PromiseBroken {
        /// The key written to.
        key: String,
        /// The header that promised otherwise.
        what: &'static str,
    },
    /// Another server uses the data directory.
    #[error("another deskreel-server is using it; stop that one, or choose another directory")]
    InUse,
    /// The disk is full; what was stored before is unharmed.
    #[error("the server's disk is full; free space or shorten the lifecycle, then try again")]
    DiskFull,
    /// Any other failure of the file system.
    #[error("the server's file system failed: {0}")]
    Io(io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}
