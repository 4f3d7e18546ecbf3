//! Grants: who gets which temporary keys. The decision is pure; the keys come from STS (AWS, MinIO)
//! or are those of the embedded store.

mod decide;
pub mod policy;
mod sts;

pub use decide::{Asked, Caller, Granted, Refused, decide};
pub use policy::{PolicyError, Shape, session_policy};
pub use sts::{Sts, StsConfig};

use crate::access::Grant;

/// Temporary keys as the answer of `/-/api/grant` has them. Secrets are not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// S3 endpoint.
    pub endpoint: String,
    /// Region to sign for.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// What all keys start with; empty, or with a slash at its end.
    pub prefix: String,
    /// The bucket is named in the path.
    pub path_style: bool,
    /// Access key id.
    pub access_key_id: String,
    /// Secret.
    pub secret_access_key: String,
    /// Session token of STS.
    pub session_token: Option<String>,
    /// From then on they open nothing, UTC milliseconds.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("bucket", &self.bucket)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// As JSON for the client.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "endpoint": self.endpoint,
            "region": self.region,
            "bucket": self.bucket,
            "prefix": self.prefix,
            "path_style": self.path_style,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "session_token": self.session_token,
            "expires_at_ms": self.expires_at_ms,
        })
    }
}

/// No keys could be made. The answer to the client says no more than this.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The request did not say where it was sent.
    #[error("the request has no Host header")]
    NoHost,
    /// The names are too long for a policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// STS refused or did not answer; what it said, without secrets.
    #[error("the key service gave no keys: {reason}")]
    Sts {
        /// What it said.
        reason: String,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] deskreel_store::StoreError),
    /// The embedded store failed.
    #[error("the store failed: {reason}")]
    Disk {
        /// How.
        reason: String,
    },
}

/// What a grant opens: a store that can make keys and list its streams.
#[async_trait::async_trait]
pub trait Bucket: Send + Sync {
    /// Keys for `grant`. `endpoint` is the origin that the client reached this server at.
    ///
    /// # Errors
    /// [`IssueError`].
    async fn issue(&self, grant: &Grant, endpoint: Option<String>) -> Result<Keys, IssueError>;

    /// The names of all streams with anything recorded, in order.
    ///
    /// # Errors
    /// [`IssueError`].
    async fn streams(&self) -> Result<Vec<String>, IssueError>;

    /// Grants hold at most so long, seconds.
    fn longest_s(&self) -> i64;
}
