//! What can go wrong with a store, by meaning rather than by protocol.

/// A failed store operation. No variant ever holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No object has this key.
    #[error("object '{key}' is not in the store; it may have expired, or its key may be wrong")]
    NotFound {
        /// Key relative to the store's prefix.
        key: String,
    },
    /// A create-only put found the key taken.
    #[error("object '{key}' is already in the store and was left as it is")]
    AlreadyExists {
        /// Key relative to the store's prefix.
        key: String,
    },
    /// The store knows who asks and refuses, or does not believe who asks.
    #[error(
        "the store refuses access to {}: {reason}; check the credentials and what they allow",
        subject(.key)
    )]
    PermissionDenied {
        /// Key or prefix relative to the store's prefix; empty for the bucket itself.
        key: String,
        /// What the store said.
        reason: String,
    },
    /// The temporary credentials are past their end.
    #[error("the temporary credentials for the store have expired; get new ones and try again")]
    CredentialsExpired,
    /// The range holds no byte of the object.
    #[error("object '{key}' has no bytes in {start}..{end}{}; ask within its size", size_note(*.size))]
    RangeNotSatisfiable {
        /// Key relative to the store's prefix.
        key: String,
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
        /// The object's size in bytes, where the store told it.
        size: Option<u64>,
    },
    /// No answer could be had.
    #[error(
        "{endpoint} gave no answer to {attempts} attempt(s): {reason}; \
         check the address, the network and that it runs"
    )]
    Unreachable {
        /// Scheme, host and port of the store, or what else was asked (for credentials).
        endpoint: String,
        /// The innermost causes.
        reason: String,
        /// Requests tried, the first included; 0 when none could be sent.
        attempts: u32,
    },
    /// The connection ended before the whole answer was there, on every attempt.
    #[error(
        "the answer about {} was cut short: {received} of {expected} bytes arrived; try again",
        subject(.key)
    )]
    Truncated {
        /// Key or prefix relative to the store's prefix.
        key: String,
        /// Bytes the store promised; 0 when it promised no number.
        expected: u64,
        /// Bytes that arrived.
        received: u64,
    },
    /// The store's answer contradicts the question or itself.
    #[error(
        "the store answered wrongly about {}: {reason}; it may not be a faithful S3",
        subject(.key)
    )]
    Corrupt {
        /// Key or prefix relative to the store's prefix.
        key: String,
        /// The contradiction.
        reason: String,
    },
    /// The store has no room (HTTP 507, disk full, quota).
    #[error("the store is full and did not take '{key}': {reason}; free space or raise its quota")]
    Full {
        /// Key relative to the store's prefix.
        key: String,
        /// What the store said.
        reason: String,
    },
    /// The store does not implement the operation (for example MinIO and per-bucket CORS).
    #[error("the store at {endpoint} does not support {operation}; configure it on its own side")]
    Unsupported {
        /// The operation in S3's words.
        operation: &'static str,
        /// Scheme, host and port.
        endpoint: String,
    },
    /// The key breaks the rules every store here shares; nothing was sent.
    #[error("'{key}' cannot be an object's key: {reason}")]
    InvalidKey {
        /// The key as given.
        key: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The store cannot work as configured.
    #[error("the store's configuration does not work: {reason}")]
    InvalidConfig {
        /// What is wrong and what to do.
        reason: String,
    },
    /// Anything else the store said.
    #[error(
        "the store failed at {operation} of {}: {message} (status {}, code {})",
        subject(.key),
        shown(.status.as_ref()),
        shown(.code.as_ref())
    )]
    Other {
        /// The operation in S3's words.
        operation: &'static str,
        /// Key or prefix relative to the store's prefix; empty for the bucket itself.
        key: String,
        /// HTTP status, if there was one.
        status: Option<u16>,
        /// S3 error code, if there was one.
        code: Option<String>,
        /// The store's own words.
        message: String,
    },
}

impl StoreError {
    /// True when the same call may succeed later without anyone changing key, rights or
    /// configuration.
    ///
    /// The store has already retried in the short term; this is for the caller that keeps the
    /// bytes and comes back in a minute. A full store counts, since expiry empties it;
    /// [`StoreError::CredentialsExpired`] does not, since it takes new credentials.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Truncated { .. } | Self::Full { .. } => true,
            Self::Other { status, .. } => {
                matches!(status, Some(408 | 409 | 425 | 429 | 500 | 502 | 503 | 504))
            }
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::PermissionDenied { .. }
            | Self::CredentialsExpired
            | Self::RangeNotSatisfiable { .. }
            | Self::Corrupt { .. }
            | Self::Unsupported { .. }
            | Self::InvalidKey { .. }
            | Self::InvalidConfig { .. } => false,
        }
    }
}

fn subject(key: &str) -> String {
    if key.is_empty() { "the bucket".to_owned() } else { format!("'{key}'") }
}

fn size_note(size: Option<u64>) -> String {
    size.map_or_else(String::new, |size| format!(" (it has {size})"))
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_object_and_read_as_one_line() {
        let range = StoreError::RangeNotSatisfiable {
            key: "segments/a".into(),
            start: 7,
            end: 9,
            size: Some(5),
        };
        assert_eq!(
            range.to_string(),
            "object 'segments/a' has no bytes in 7..9 (it has 5); ask within its size"
        );
        let other = StoreError::Other {
            operation: "PutObject",
            key: "a".into(),
            status: Some(500),
            code: None,
            message: "oops".into(),
        };
        assert_eq!(
            other.to_string(),
            "the store failed at PutObject of 'a': oops (status 500, code none)"
        );
    }

    #[test]
    fn an_empty_key_reads_as_the_bucket() {
        let reason = "HTTP status 403".to_owned();
        let denied = StoreError::PermissionDenied { key: String::new(), reason };
        assert_eq!(
            denied.to_string(),
            "the store refuses access to the bucket: HTTP status 403; \
             check the credentials and what they allow"
        );
    }

    #[test]
    fn only_what_time_can_heal_is_retryable() {
        let with_status = |status| StoreError::Other {
            operation: "GetObject",
            key: "a".into(),
            status,
            code: None,
            message: String::new(),
        };
        assert!(with_status(Some(503)).is_retryable());
        assert!(!with_status(Some(400)).is_retryable());
        assert!(!with_status(None).is_retryable());
        assert!(StoreError::Full { key: "a".into(), reason: String::new() }.is_retryable());
        assert!(!StoreError::CredentialsExpired.is_retryable());
        assert!(!StoreError::NotFound { key: "a".into() }.is_retryable());
    }
}
