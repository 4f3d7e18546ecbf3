//! From the SDK's errors and S3's codes to [`StoreError`]'s meanings.

use std::error::Error;
use std::ops::Range;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::transport::{Attempts, CutShort};
use crate::StoreError;

/// What was being done when an error came up.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// In S3's words, such as `PutObject`.
    pub(super) operation: &'static str,
    /// Relative key or prefix; empty for the bucket.
    pub(super) key: &'a str,
    pub(super) range: Option<Range<u64>>,
    pub(super) bucket: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) attempts: Attempts,
}

/// What S3 answered when it did not answer with success.
#[derive(Debug, Default)]
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    pub(super) code: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    /// The `Content-Range` header, which tells the size with a 416.
    pub(super) content_range: Option<&'a str>,
}

impl Call<'_> {
    /// Turns the SDK's error into one by meaning.
    pub(super) fn explain<E>(&self, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        if let SdkError::ServiceError(service) = &error {
            let response = service.raw();
            let status = response.status().as_u16();
            let code = service.err().code();
            let has_body = response.body().bytes().is_some_and(|body| !body.is_empty());
            // S3 gives a code wherever it sends a body. A page that says 404 is some other server's,
            // and must not be read as "no such object". Gateways before S3 do say 5xx in pages.
            if code.is_none() && has_body && status < 500 {
                return self.not_s3(status);
            }
            return self.judge(&Refusal {
                status,
                code,
                message: service.err().message(),
                content_range: response.headers().get("content-range"),
            });
        }
        if let SdkError::ResponseError(response) = &error {
            return self.not_s3(response.raw().status().as_u16());
        }
        if let Some(cut) = find_cause::<CutShort>(&error) {
            return StoreError::Truncated {
                key: self.key.to_owned(),
                expected: cut.promised.unwrap_or(0),
                received: cut.received,
            };
        }
        if let Some(credentials) = find_cause::<CredentialsError>(&error) {
            return self.without_credentials(credentials);
        }
        match &error {
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => StoreError::Unreachable {
                endpoint: self.endpoint.to_owned(),
                reason: innermost(&error),
                attempts: self.attempts.count(),
            },
            _ => self.other(None, None, innermost(&error)),
        }
    }

    /// Sorts S3's codes, and statuses where there is no code (answers to HEAD have no body).
    pub(super) fn judge(&self, refusal: &Refusal<'_>) -> StoreError {
        let key = self.key.to_owned();
        let reason = || match (refusal.code, refusal.message) {
            (Some(code), Some(message)) => format!("{message} ({code})"),
            (Some(code), None) => code.to_owned(),
            (None, Some(message)) => message.to_owned(),
            (None, None) => format!("HTTP status {}", refusal.status),
        };
        match (refusal.code.unwrap_or(""), refusal.status) {
            ("NoSuchBucket", _) => StoreError::InvalidConfig {
                reason: format!(
                    "bucket '{}' does not exist at {}; create it or correct its name",
                    self.bucket, self.endpoint
                ),
            },
            (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, 301) => StoreError::InvalidConfig {
                reason: format!(
                    "bucket '{}' lies in another region or at another endpoint: {}; set its region",
                    self.bucket,
                    reason()
                ),
            },
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                StoreError::CredentialsExpired
            }
            ("RequestTimeTooSkewed", _) => StoreError::PermissionDenied {
                key,
                reason: format!("{}: this machine's clock is wrong, set it", reason()),
            },
            ("NotImplemented", _) | (_, 501) => StoreError::Unsupported {
                operation: self.operation,
                endpoint: self.endpoint.to_owned(),
            },
            ("XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "QuotaExceeded", _)
            | (_, 507) => StoreError::Full { key, reason: reason() },
            ("PreconditionFailed", _) | (_, 412) => StoreError::AlreadyExists { key },
            ("InvalidRange", _) | (_, 416) => {
                let Range { start, end } = self.range.clone().unwrap_or(0..0);
                let size = refusal.content_range.and_then(unsatisfied_size);
                StoreError::RangeNotSatisfiable { key, start, end, size }
            }
            (
                "AccessDenied"
                | "AllAccessDisabled"
                | "InvalidAccessKeyId"
                | "InvalidToken"
                | "SignatureDoesNotMatch",
                _,
            )
            | (_, 401 | 403) => StoreError::PermissionDenied { key, reason: reason() },
            // With a code it is about something else that is not there, such as an upload.
            ("NoSuchKey" | "NotFound" | "", 404) => StoreError::NotFound { key },
            _ => {
                let code = refusal.code.map(str::to_owned);
                let message = refusal.message.unwrap_or("no reason given").to_owned();
                self.other(Some(refusal.status), code, message)
            }
        }
    }

    fn without_credentials(&self, error: &CredentialsError) -> StoreError {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => StoreError::InvalidConfig {
                reason: "no credentials were found; set AWS_ACCESS_KEY_ID and \
                         AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
                    .to_owned(),
            },
            CredentialsError::InvalidConfiguration(_) => StoreError::InvalidConfig {
                reason: format!("the credentials are set up wrongly: {}", innermost(error)),
            },
            _ => StoreError::Unreachable {
                endpoint: "the provider of credentials".to_owned(),
                reason: innermost(error),
                attempts: 1,
            },
        }
    }

    /// Whoever answered, it was no S3.
    pub(super) fn not_s3(&self, status: u16) -> StoreError {
        let message = format!("the answer is not S3's; is {} the right address?", self.endpoint);
        self.other(Some(status), None, message)
    }

    fn other(&self, status: Option<u16>, code: Option<String>, message: String) -> StoreError {
        let key = self.key.to_owned();
        StoreError::Other { operation: self.operation, key, status, code, message }
    }
}

/// The size in a 416's `Content-Range: bytes */size`.
fn unsatisfied_size(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes */")?.parse().ok()
}

fn find_cause<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(<dyn Error>::downcast_ref)
}

/// The cause at the bottom, which says what happened; the layers above only say that it did.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call<'static> {
        Call {
            operation: "GetObject",
            key: "k",
            range: Some(5..9),
            bucket: "screens",
            endpoint: "http://host:1",
            attempts: Attempts::default(),
        }
    }

    fn judged(status: u16, code: &'static str) -> StoreError {
        let code = (!code.is_empty()).then_some(code);
        call().judge(&Refusal { status, code, message: Some("said"), content_range: None })
    }

    #[test]
    fn answers_are_sorted_by_code_and_then_by_status() {
        type IsRight = fn(&StoreError) -> bool;
        let cases: [(u16, &str, IsRight); 17] = [
            (404, "NoSuchKey", |e| matches!(e, StoreError::NotFound { .. })),
            (404, "", |e| matches!(e, StoreError::NotFound { .. })),
            (404, "NoSuchBucket", |e| matches!(e, StoreError::InvalidConfig { .. })),
            (404, "NoSuchUpload", |e| matches!(e, StoreError::Other { .. })),
            (412, "PreconditionFailed", |e| matches!(e, StoreError::AlreadyExists { .. })),
            (403, "AccessDenied", |e| matches!(e, StoreError::PermissionDenied { .. })),
            (403, "", |e| matches!(e, StoreError::PermissionDenied { .. })),
            (403, "SignatureDoesNotMatch", |e| matches!(e, StoreError::PermissionDenied { .. })),
            (400, "ExpiredToken", |e| matches!(e, StoreError::CredentialsExpired)),
            (403, "ExpiredToken", |e| matches!(e, StoreError::CredentialsExpired)),
            (416, "InvalidRange", |e| matches!(e, StoreError::RangeNotSatisfiable { .. })),
            (507, "XMinioStorageFull", |e| matches!(e, StoreError::Full { .. })),
            (507, "", |e| matches!(e, StoreError::Full { .. })),
            (501, "NotImplemented", |e| matches!(e, StoreError::Unsupported { .. })),
            (301, "PermanentRedirect", |e| matches!(e, StoreError::InvalidConfig { .. })),
            (503, "SlowDown", StoreError::is_retryable),
            (400, "MalformedXML", |e| matches!(e, StoreError::Other { .. }) && !e.is_retryable()),
        ];
        for (status, code, is_right) in cases {
            let error = judged(status, code);
            assert!(is_right(&error), "{status} {code} became {error:?}");
        }
    }

    #[test]
    fn an_unsatisfied_range_tells_the_size_if_the_store_did() {
        let refusal =
            Refusal { status: 416, content_range: Some("bytes */4"), ..Refusal::default() };
        assert_eq!(
            call().judge(&refusal),
            StoreError::RangeNotSatisfiable { key: "k".into(), start: 5, end: 9, size: Some(4) }
        );
    }

    #[test]
    fn a_wrong_clock_is_named() {
        let error = judged(403, "RequestTimeTooSkewed");
        assert!(error.to_string().contains("clock"), "{error}");
    }
}
