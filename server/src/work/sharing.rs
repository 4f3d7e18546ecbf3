//! Puts into the commons what several desktops show.

use std::path::Path;
use std::sync::Arc;

use deskreel_format::DomainKey;
use deskreel_store::ObjectStore;
use deskreel_upkeep::share::{Shared, Sharing, share};
use serde::Serialize;

use super::WorkError;

/// What sharing did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShareReport {
    /// Nothing was really written.
    pub dry_run: bool,
    /// What was done, or would be.
    #[serde(flatten)]
    pub shared: Shared,
}

/// The domain key in `text`, as agents are given it: a passphrase; space around it does not count.
///
/// # Errors
/// What is wrong with it.
pub fn domain_key(text: &str) -> Result<DomainKey, &'static str> {
    match text.trim() {
        "" => Err("it is empty"),
        passphrase => Ok(DomainKey::derive(passphrase)),
    }
}

/// The domain key in the file at `path`.
///
/// # Errors
/// Names the file.
pub fn domain_key_file(path: &Path) -> anyhow::Result<DomainKey> {
    let text = std::fs::read_to_string(path);
    let key = text.map_err(|error| error.to_string());
    let key = key.and_then(|text| domain_key(&text).map_err(str::to_owned));
    key.map_err(|error| anyhow::anyhow!("domain key file {}: {error}", path.display()))
}

/// Shares once.
///
/// # Errors
/// [`WorkError`].
pub async fn shared(
    store: Arc<dyn ObjectStore>,
    sharing: &Sharing,
    now_ms: u64,
    dry_run: bool,
) -> Result<ShareReport, WorkError> {
    Ok(ShareReport { dry_run, shared: share(&store, sharing, now_ms, dry_run).await? })
}
