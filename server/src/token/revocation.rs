//! Tokens taken back before their time: a list of token ids, in a file or in the bucket.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use deskreel_store::{ObjectStore, StoreError};
use tokio::sync::Mutex;

/// Where the bucket has the list. Nobody but the operator may read or write below `access/`.
pub const REVOKED_KEY: &str = "access/revoked.txt";
/// A list from the bucket counts for so long, milliseconds.
const FRESH_MS: i64 = 60_000;

/// Where the list is.
#[derive(Clone)]
pub enum Revocations {
    /// Nowhere: nothing is revoked.
    None,
    /// A file, read at each request.
    File(PathBuf),
    /// The object [`REVOKED_KEY`], read at most once a minute.
    Bucket(Arc<dyn ObjectStore>, Arc<Mutex<Option<Held>>>),
}

/// A list and when it was read.
pub struct Held {
    read_ms: i64,
    ids: BTreeSet<String>,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Bucket(..) => f.write_str("Bucket"),
        }
    }
}

/// The list cannot be read: then no token counts.
#[derive(Debug, thiserror::Error)]
pub enum RevocationsError {
    /// The file.
    #[error("list of revoked tokens {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The object.
    #[error("list of revoked tokens: {0}")]
    Store(#[from] StoreError),
}

impl Revocations {
    /// In the bucket behind `store`.
    pub fn in_bucket(store: Arc<dyn ObjectStore>) -> Self {
        Self::Bucket(store, Arc::default())
    }

    /// Whether the token `id` was taken back, as far as is known at `now_ms`.
    ///
    /// # Errors
    /// [`RevocationsError`] when that cannot be told.
    pub async fn holds(&self, id: &str, now_ms: i64) -> Result<bool, RevocationsError> {
        match self {
            Self::None => Ok(false),
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(parse(&text).contains(id)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(source) => {
                    Err(RevocationsError::File { path: path.display().to_string(), source })
                }
            },
            Self::Bucket(store, held) => {
                let mut held = held.lock().await;
                if let Some(list) = held.as_ref().filter(|list| list.is_fresh(now_ms)) {
                    return Ok(list.ids.contains(id));
                }
                let ids = match store.get(REVOKED_KEY, None).await {
                    Ok(object) => parse(&String::from_utf8_lossy(&object.bytes)),
                    Err(StoreError::NotFound { .. }) => BTreeSet::new(),
                    Err(error) => return Err(error.into()),
                };
                let revoked = ids.contains(id);
                *held = Some(Held { read_ms: now_ms, ids });
                Ok(revoked)
            }
        }
    }
}

impl Held {
    fn is_fresh(&self, now_ms: i64) -> bool {
        (0..FRESH_MS).contains(&now_ms.saturating_sub(self.read_ms))
    }
}

/// One id a line; what follows a space or `#` is for people.
fn parse(text: &str) -> BTreeSet<String> {
    let ids = text.lines().filter_map(|line| line.split(['#', ' ', '\t']).next());
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_store::{MemoryStore, Put, PutMode};

    #[test]
    fn remarks_and_empty_lines_are_no_ids() {
        let ids = parse("# lost laptops\n\nabc  Ann's\r\ndef#x\n");
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["abc", "def"]);
    }

    #[tokio::test]
    async fn a_file_counts_at_once_and_the_bucket_within_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked.txt");
        let file = Revocations::File(path.clone());
        assert!(!file.holds("abc", 0).await.unwrap());
        std::fs::write(&path, "abc\n").unwrap();
        assert!(file.holds("abc", 0).await.unwrap());
        assert!(matches!(
            Revocations::File(folder.path().to_owned()).holds("abc", 0).await,
            Err(RevocationsError::File { .. })
        ));

        let store = Arc::new(MemoryStore::new());
        let bucket = Revocations::in_bucket(store.clone());
        assert!(!bucket.holds("abc", 0).await.unwrap());
        let put = Put { mode: PutMode::Create, content_type: "text/plain", cache_control: None };
        store.put(REVOKED_KEY, "abc\n".into(), put).await.unwrap();
        assert!(!bucket.holds("abc", FRESH_MS - 1).await.unwrap());
        assert!(bucket.holds("abc", FRESH_MS).await.unwrap());
        // A clock that went back makes no list fresh for ever.
        assert!(bucket.holds("abc", -1).await.unwrap());
    }
}
