//! The SDK's hooks we use: answers are read whole, conflicts are retried, attempts are counted.
//!
//! The SDK retries a request until its response *begins*; a body cut off later would be the
//! caller's problem. Reading the body inside the connector makes a cut body a failed attempt like
//! any other, so that the SDK's one retry policy, with its backoff and budget, covers it too.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, HttpClient, Intercept, RuntimeComponents, SharedHttpClient};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::BytesMut;

/// The HTTPS client of every S3 store here: rustls on ring, bodies read whole.
pub(super) fn http_client() -> SharedHttpClient {
    let inner = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    SharedHttpClient::new(WholeAnswers { inner })
}

/// A response body that ended before its promised length.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut short: {received} of {promised:?} bytes, {reason}")]
pub(super) struct CutShort {
    /// `Content-Length`, if there was one.
    pub(super) promised: Option<u64>,
    pub(super) received: u64,
    pub(super) reason: String,
}

#[derive(Debug)]
struct WholeAnswers {
    inner: SharedHttpClient,
}

impl HttpClient for WholeAnswers {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(WholeAnswersConnector {
            inner: self.inner.http_connector(settings, components),
            longest_silence: settings.read_timeout().unwrap_or(Duration::MAX),
        })
    }
}

#[derive(Debug)]
struct WholeAnswersConnector {
    inner: SharedHttpConnector,
    longest_silence: Duration,
}

impl HttpConnector for WholeAnswersConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // A HEAD's Content-Length speaks of a body that is not sent.
        let bodyless = request.method() == "HEAD";
        let response = self.inner.call(request);
        let longest_silence = self.longest_silence;
        HttpConnectorFuture::new(async move {
            let response = response.await?;
            if bodyless { Ok(response) } else { read_whole(response, longest_silence).await }
        })
    }
}

async fn read_whole(
    mut response: HttpResponse,
    longest_silence: Duration,
) -> Result<HttpResponse, ConnectorError> {
    let promised =
        response.headers().get("content-length").and_then(|length| length.parse::<u64>().ok());
    let mut body = ByteStream::new(response.take_body());
    let mut whole = BytesMut::new();
    let cut_short = |received: usize, reason: String| {
        ConnectorError::io(Box::new(CutShort { promised, received: received as u64, reason }))
    };
    loop {
        match tokio::time::timeout(longest_silence, body.next()).await {
            Ok(Some(Ok(bytes))) => whole.extend_from_slice(&bytes),
            Ok(Some(Err(error))) => return Err(cut_short(whole.len(), error.to_string())),
            Ok(None) => break,
            Err(_) => {
                let reason = format!("then {longest_silence:?} of silence");
                return Err(cut_short(whole.len(), reason));
            }
        }
    }
    if promised.is_some_and(|promised| promised != whole.len() as u64) {
        return Err(cut_short(whole.len(), "then the connection closed".to_owned()));
    }
    *response.body_mut() = SdkBody::from(whole.freeze());
    Ok(response)
}

/// Retries what S3 asks to have retried and the SDK's own classifiers leave alone.
#[derive(Debug)]
pub(super) struct S3Conflicts;

impl ClassifyRetry for S3Conflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if context.response().is_some_and(|response| response.status().as_u16() == 429) {
            return RetryAction::throttling_error();
        }
        let put_error = match context.output_or_error() {
            Some(Err(error)) => {
                error.as_operation_error().and_then(|error| error.downcast_ref::<PutObjectError>())
            }
            _ => None,
        };
        // Two conditional puts met: AWS asks the loser to repeat the upload to learn who won.
        match put_error.and_then(ProvideErrorMetadata::code) {
            Some("ConditionalRequestConflict" | "OperationAborted") => {
                RetryAction::transient_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "S3 conflicts"
    }
}

/// Counts the requests one call really sent, for its error message.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<AtomicU32>);

impl Attempts {
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempts({})", self.count())
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
