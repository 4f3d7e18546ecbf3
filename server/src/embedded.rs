//! Grants on the embedded store: its own scoped keys.

use std::sync::Arc;

use crate::access::{Grant, RootCredentials, StreamName, issue};
use crate::backend::{Disk, Query, StoreError, Token};
use crate::grant::{Bucket, IssueError, Keys};
use crate::s3::REGION;

/// S3 takes no signature that holds for longer.
pub(crate) const MAX_EXPIRY_S: i64 = 7 * 24 * 60 * 60;

/// The embedded store, as what grants are about.
pub(crate) struct Embedded {
    disk: Arc<Disk>,
    root: RootCredentials,
    bucket: String,
    longest_s: i64,
}

impl Embedded {
    pub(crate) fn new(
        disk: Arc<Disk>,
        root: RootCredentials,
        bucket: String,
        longest_s: i64,
    ) -> Self {
        Self { disk, root, bucket, longest_s: longest_s.clamp(1, MAX_EXPIRY_S) }
    }
}

#[async_trait::async_trait]
impl Bucket for Embedded {
    async fn issue(&self, grant: &Grant, endpoint: Option<String>) -> Result<Keys, IssueError> {
        let endpoint = endpoint.ok_or(IssueError::NoHost)?;
        let key = issue(&self.root.secret_access_key, grant);
        Ok(Keys {
            endpoint,
            region: REGION.to_owned(),
            bucket: self.bucket.clone(),
            prefix: String::new(),
            path_style: true,
            access_key_id: key.access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
            expires_at_ms: grant.expires_at_ms,
        })
    }

    async fn streams(&self) -> Result<Vec<String>, IssueError> {
        let (disk, bucket) = (self.disk.clone(), self.bucket.clone());
        let listed = tokio::task::spawn_blocking(move || list(&disk, &bucket)).await;
        let disk = |error: &dyn std::fmt::Display| IssueError::Disk { reason: error.to_string() };
        listed.map_err(|error| disk(&error))?.map_err(|error| disk(&error))
    }

    fn longest_s(&self) -> i64 {
        self.longest_s
    }
}

/// The names of all streams with anything recorded, in order.
fn list(disk: &Disk, bucket: &str) -> Result<Vec<String>, StoreError> {
    let prefix = "segments/";
    let mut query = Query {
        prefix: prefix.to_owned(),
        delimiter: "/".to_owned(),
        max_keys: 1000,
        ..Query::default()
    };
    let mut streams = Vec::new();
    loop {
        let page = disk.list(bucket, &query)?;
        let names = page.common_prefixes.iter().filter_map(|common| {
            common.strip_prefix(prefix)?.strip_suffix('/')?.parse::<StreamName>().ok()
        });
        streams.extend(names.map(|name| name.to_string()));
        let Some(next) = page.next else { return Ok(streams) };
        query.token = Some::<Token>(next);
    }
}
