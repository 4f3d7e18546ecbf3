//! Reads what the commons hold: the index, and only when it is another one than before.

use deskreel_format::key::COMMONS_INDEX;
use deskreel_format::sharing::CommonsIndex;
use deskreel_format::{DomainKey, FormatError};
use deskreel_store::{ObjectStore, StoreError};

/// Why the index cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CommonsError {
    /// The store does not give it.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It is not what it should be.
    #[error("{0}")]
    Format(#[from] FormatError),
}

/// A reader that knows which index it read last.
#[derive(Debug)]
pub struct CommonsReader {
    key: DomainKey,
    etag: Option<String>,
}

impl CommonsReader {
    /// A reader for the desktops that have this key.
    pub fn new(key: DomainKey) -> Self {
        Self { key, etag: None }
    }

    /// The secret of those desktops.
    pub fn key(&self) -> &DomainKey {
        &self.key
    }

    /// The index, if it is another one than was read last; an empty one, if there is none any more.
    ///
    /// # Errors
    /// [`CommonsError`]; the next look tries again.
    pub async fn look(
        &mut self,
        store: &dyn ObjectStore,
    ) -> Result<Option<CommonsIndex>, CommonsError> {
        let meta = match store.head(COMMONS_INDEX).await {
            Ok(meta) => meta,
            // Nobody has shared anything yet, or all of it is old.
            Err(StoreError::NotFound { .. }) => {
                return Ok(self.etag.take().map(|_| CommonsIndex::default()));
            }
            Err(error) => return Err(error.into()),
        };
        if meta.etag.is_some() && meta.etag == self.etag {
            return Ok(None);
        }
        let object = store.get(COMMONS_INDEX, None).await?;
        let index = CommonsIndex::decode(&object.bytes, &self.key)?;
        self.etag = object.etag;
        Ok(Some(index))
    }
}
