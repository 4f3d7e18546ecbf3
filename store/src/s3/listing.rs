//! Listing: from S3's pages to ours, in the order the contract promises.

use aws_sdk_s3::primitives::DateTime;

use super::S3Store;
use crate::{ListPage, ObjectMeta, StoreError};

/// S3 gives at most this many objects a page.
const PAGE: usize = 1000;

impl S3Store {
    /// [`ObjectStore::list`](crate::ObjectStore::list) with a limit of at least 1.
    pub(super) async fn list_pages(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let mut objects: Vec<ObjectMeta> = Vec::new();
        let mut continuation: Option<String> = None;
        loop {
            let call = self.call("ListObjectsV2", prefix);
            let page_size = i32::try_from((limit - objects.len()).min(PAGE)).unwrap_or(i32::MAX);
            let output = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(self.prefix.join(prefix))
                .set_start_after(start_after.map(|after| self.prefix.join(after)))
                .set_continuation_token(continuation)
                .max_keys(page_size)
                .customize()
                .interceptor(call.attempts.clone())
                .send()
                .await
                .map_err(|error| call.explain(error))?;
            for object in output.contents() {
                let full_key = object.key().unwrap_or_default();
                let key = self.prefix.relative(full_key).unwrap_or(full_key);
                let previous = objects.last().map(|last| last.key.as_str()).or(start_after);
                if !key.starts_with(prefix) || previous.is_some_and(|previous| previous >= key) {
                    return Err(out_of_place(prefix, previous, full_key));
                }
                objects.push(describe(key, object.size(), object.e_tag(), object.last_modified())?);
            }
            let more = output.is_truncated() == Some(true);
            continuation = output.next_continuation_token().map(str::to_owned);
            if !more || objects.len() >= limit {
                return Ok(ListPage { objects, more });
            }
            if continuation.is_none() {
                return Err(StoreError::Corrupt {
                    key: prefix.to_owned(),
                    reason: "a listing says that more follows and not how to go on".to_owned(),
                });
            }
        }
    }
}

/// What S3 tells of an object, with the parts that must be there.
pub(super) fn describe(
    key: &str,
    size: Option<i64>,
    etag: Option<&str>,
    modified: Option<&DateTime>,
) -> Result<ObjectMeta, StoreError> {
    let missing = |what: &str| StoreError::Corrupt {
        key: key.to_owned(),
        reason: format!("its {what} is missing or unreadable"),
    };
    Ok(ObjectMeta {
        key: key.to_owned(),
        size: size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| missing("size"))?,
        etag: etag.map(str::to_owned),
        modified_ms: modified
            .and_then(|modified| modified.to_millis().ok())
            .ok_or_else(|| missing("modification time"))?,
    })
}

/// Not sorted by bytes (as S3's directory buckets are not) would mean objects silently unseen.
fn out_of_place(prefix: &str, previous: Option<&str>, full_key: &str) -> StoreError {
    StoreError::Corrupt {
        key: prefix.to_owned(),
        reason: format!(
            "its listing has '{full_key}' after '{}', out of order or outside of what was asked",
            previous.unwrap_or_default()
        ),
    }
}
