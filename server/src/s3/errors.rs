//! What the store's errors are called in S3, and where its blocking calls run.

use axum::http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::backend::StoreError;

/// The S3 error for a store error. Details of the file system stay in the server's log.
pub(crate) fn of(error: StoreError) -> S3Error {
    let code = match &error {
        StoreError::NoSuchBucket { .. } => S3ErrorCode::NoSuchBucket,
        StoreError::BucketExists { .. } => S3ErrorCode::BucketAlreadyOwnedByYou,
        StoreError::NoSuchKey { .. } => S3ErrorCode::NoSuchKey,
        StoreError::BadKey { .. } => S3ErrorCode::KeyTooLongError,
        StoreError::ConditionFailed { .. } => S3ErrorCode::PreconditionFailed,
        StoreError::PromiseBroken { .. } => S3ErrorCode::BadDigest,
        StoreError::InUse => S3ErrorCode::ServiceUnavailable,
        StoreError::DiskFull => {
            tracing::error!("{error}");
            let mut full = S3Error::with_message(
                S3ErrorCode::Custom("InsufficientStorage".into()),
                error.to_string(),
            );
            full.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
            return full;
        }
        StoreError::Io(source) => {
            tracing::error!(error = %source, "file system failure");
            return s3_error!(InternalError, "the server's file system failed; its log says how");
        }
    };
    S3Error::with_message(code, error.to_string())
}

/// Runs a blocking call of the store on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> S3Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(outcome) => outcome.map_err(of),
        Err(error) => {
            tracing::error!(%error, "store call was cut short");
            Err(s3_error!(InternalError, "the server failed; its log says how"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_full_disk_is_http_507_and_says_what_to_do() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = of(StoreError::from(io::Error::from(kind)));
            assert_eq!(error.status_code(), Some(StatusCode::INSUFFICIENT_STORAGE));
            assert_eq!(error.code().as_str(), "InsufficientStorage");
            assert!(error.message().unwrap().contains("disk is full"));
        }
    }

    #[test]
    fn paths_of_the_server_are_not_told() {
        let error = of(StoreError::Io(io::Error::other("/secret/path")));
        assert!(!error.to_string().contains("secret"));
    }
}
