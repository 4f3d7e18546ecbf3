//! The store on any S3 endpoint, through the SDK AWS maintains.

mod admin;
mod config;
mod errors;
mod listing;
mod probe;
mod transport;

use std::ops::Range;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;

use self::errors::{Call, Refusal};
use self::transport::{Attempts, S3Conflicts};
use crate::key::{Prefix, check_key};
use crate::{ListPage, Object, ObjectMeta, ObjectStore, Put, PutMode, StoreError};

pub use self::admin::LifecycleRule;
pub use self::config::{Credentials, S3Config};

/// S3 takes this many keys in one deletion.
const DELETE_BATCH: usize = 1000;

/// What other stores take when nobody names a region.
const DEFAULT_REGION: &str = "us-east-1";

/// An [`ObjectStore`] in a bucket, confined to one prefix of it.
///
/// Retries are the SDK's standard ones (backoff with jitter and a retry budget); each response is
/// read whole within its attempt, so that a body cut short is retried like any other failure.
#[derive(Debug, Clone)]
pub struct S3Store {
    // The SDK's client redacts its credentials in Debug.
    client: Client,
    bucket: String,
    prefix: Prefix,
    /// For messages: where requests go.
    endpoint: String,
    region: String,
}

impl S3Store {
    /// Prepares a store. Sends nothing to the bucket; credentials are looked up on first use.
    ///
    /// # Errors
    /// [`StoreError::InvalidConfig`] when the settings could never work.
    pub async fn connect(config: &S3Config) -> Result<Self, StoreError> {
        let prefix = config.check()?;
        let client = build_client(config).await;
        let region = client.config().region().map_or(DEFAULT_REGION, Region::as_ref).to_owned();
        let endpoint = config
            .endpoint_origin()
            .map_or_else(|| format!("https://s3.{region}.amazonaws.com"), str::to_owned);
        Ok(Self { client, bucket: config.bucket.clone(), prefix, endpoint, region })
    }

    fn call<'a>(&'a self, operation: &'static str, key: &'a str) -> Call<'a> {
        Call {
            operation,
            key,
            range: None,
            bucket: &self.bucket,
            endpoint: &self.endpoint,
            attempts: Attempts::default(),
        }
    }

    async fn delete_one(&self, key: &str) -> Result<(), StoreError> {
        let call = self.call("DeleteObject", key);
        let request =
            self.client.delete_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        match request.customize().interceptor(call.attempts.clone()).send().await {
            Ok(_) => Ok(()),
            Err(error) => missing_is_fine(call.explain(error)),
        }
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), StoreError> {
        let call = self.call("DeleteObjects", keys.first().map_or("", String::as_str));
        let mut batch = Delete::builder().quiet(true);
        for key in keys {
            let object = ObjectIdentifier::builder().key(self.prefix.full_key(key)?);
            batch = batch.objects(object.build().map_err(|error| not_built(&call, &error))?);
        }
        let batch = batch.build().map_err(|error| not_built(&call, &error))?;
        let output = self
            .client
            .delete_objects()
            .bucket(&self.bucket)
            .delete(batch)
            .customize()
            .interceptor(call.attempts.clone())
            .send()
            .await
            .map_err(|error| call.explain(error))?;
        for failed in output.errors() {
            let full_key = failed.key().unwrap_or_default();
            let key = self.prefix.relative(full_key).unwrap_or(full_key);
            let refusal = Refusal {
                // The batch itself was answered with 200; the code alone decides.
                status: if failed.code() == Some("NoSuchKey") { 404 } else { 200 },
                code: failed.code(),
                message: failed.message(),
                content_range: None,
            };
            missing_is_fine(Call { key, ..self.call("DeleteObjects", key) }.judge(&refusal))?;
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        let call = self.call("PutObject", key);
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.prefix.full_key(key)?)
            .content_type(put.content_type)
            .set_cache_control(put.cache_control.map(str::to_owned))
            .body(ByteStream::from(bytes));
        if put.mode == PutMode::Create {
            request = request.if_none_match("*");
        }
        let sent = request.customize().interceptor(call.attempts.clone()).send().await;
        let output = sent.map_err(|error| call.explain(error))?;
        // Every S3 gives a tag. A hotel's login page that says 200 to all does not, and taking its
        // word would lose the bytes.
        if output.e_tag().is_none() {
            return Err(call.not_s3(200));
        }
        Ok(())
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        let call = Call { range: range.clone(), ..self.call("GetObject", key) };
        let mut request =
            self.client.get_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        if let Some(Range { start, end }) = range {
            // HTTP cannot say "no bytes", and servers answer a range they cannot read with all.
            if start >= end {
                let size = Some(self.head(key).await?.size);
                let key = key.to_owned();
                return Err(StoreError::RangeNotSatisfiable { key, start, end, size });
            }
            request = request.range(format!("bytes={start}-{}", end - 1));
        }
        let sent = request.customize().interceptor(call.attempts.clone()).send().await;
        let mut output = sent.map_err(|error| call.explain(error))?;
        let body = std::mem::take(&mut output.body);
        // Already in memory, so this neither waits nor copies.
        let bytes = body.collect().await.map_err(|error| StoreError::Corrupt {
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        accept(&call, &output, bytes.into_bytes())
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        let call = self.call("HeadObject", key);
        let request =
            self.client.head_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        let sent = request.customize().interceptor(call.attempts.clone()).send().await;
        let output = sent.map_err(|error| call.explain(error))?;
        listing::describe(key, output.content_length(), output.e_tag(), output.last_modified())
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.list_pages(prefix, start_after, limit.max(1)).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        for batch in keys.chunks(DELETE_BATCH) {
            match batch {
                // Every store knows this one; some want a Content-MD5 with the other.
                [key] => self.delete_one(key).await?,
                keys => self.delete_batch(keys).await?,
            }
        }
        Ok(())
    }
}

/// Checks that the answer is the part that was asked for.
fn accept(call: &Call<'_>, output: &GetObjectOutput, bytes: Bytes) -> Result<Object, StoreError> {
    let etag = output.e_tag().map(str::to_owned);
    let corrupt = |reason: String| StoreError::Corrupt { key: call.key.to_owned(), reason };
    let received = bytes.len() as u64;
    let Some(asked) = &call.range else {
        return Ok(Object { size: received, bytes, etag });
    };
    let Some(told) = output.content_range() else {
        // The server does not do ranges and sent everything; cut the part out here.
        let end = asked.end.min(received);
        if asked.start >= end {
            let Range { start, end } = *asked;
            let (key, size) = (call.key.to_owned(), Some(received));
            return Err(StoreError::RangeNotSatisfiable { key, start, end, size });
        }
        // Both are at most `received`, which is a length in memory.
        let part = bytes.slice(asked.start as usize..end as usize);
        return Ok(Object { bytes: part, size: received, etag });
    };
    let (part, size) = parse_content_range(told)
        .ok_or_else(|| corrupt(format!("its Content-Range '{told}' cannot be read")))?;
    if part != (asked.start..asked.end.min(size)) {
        return Err(corrupt(format!("bytes {asked:?} were asked for and '{told}' was sent")));
    }
    if received != part.end - part.start {
        return Err(corrupt(format!("'{told}' came with {received} bytes")));
    }
    Ok(Object { bytes, size, etag })
}

/// Reads `bytes first-last/size` as a half-open range and the whole object's size.
fn parse_content_range(header: &str) -> Option<(Range<u64>, u64)> {
    let (part, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..last.checked_add(1)?, size.parse().ok()?))
}

fn missing_is_fine(error: StoreError) -> Result<(), StoreError> {
    match error {
        StoreError::NotFound { .. } => Ok(()),
        error => Err(error),
    }
}

fn not_built(call: &Call<'_>, error: &aws_sdk_s3::error::BuildError) -> StoreError {
    StoreError::Other {
        operation: call.operation,
        key: call.key.to_owned(),
        status: None,
        code: None,
        message: error.to_string(),
    }
}

async fn build_client(config: &S3Config) -> Client {
    let http_client = transport::http_client();
    let named_region = config.region.clone().map(Region::new);
    let mut builder = match &config.credentials {
        Credentials::Chain => {
            let mut loader =
                aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
            // Off AWS nobody answers for the region, and asking the instance for it takes seconds.
            if named_region.is_some() || config.endpoint.is_some() {
                loader = loader.region(named_region.unwrap_or(Region::from_static(DEFAULT_REGION)));
            }
            let shared = loader.load().await;
            let region = shared.region().cloned().unwrap_or(Region::from_static(DEFAULT_REGION));
            aws_sdk_s3::config::Builder::from(&shared).region(region)
        }
        Credentials::Static { access_key_id, secret_access_key, session_token } => {
            aws_sdk_s3::config::Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http_client)
                .region(named_region.unwrap_or(Region::from_static(DEFAULT_REGION)))
                .credentials_provider(aws_sdk_s3::config::Credentials::new(
                    access_key_id,
                    secret_access_key,
                    session_token.clone(),
                    None,
                    "deskreel",
                ))
        }
    };
    if let Some(endpoint) = config.endpoint_origin() {
        builder = builder
            .endpoint_url(endpoint)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .operation_timeout(config.operation_timeout);
    let config = builder
        .force_path_style(config.uses_path_style())
        .retry_config(RetryConfig::standard().with_max_attempts(config.attempts))
        .retry_classifier(S3Conflicts)
        .timeout_config(timeouts.build())
        // An upload that stands still because this machine has no free core would be given up after
        // five seconds, and not be retried; the timeouts above bound it anyway.
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled().upload_enabled(false).build(),
        )
        .build();
    Client::from_conf(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_strictly() {
        assert_eq!(parse_content_range("bytes 0-9/100"), Some((0..10, 100)));
        for broken in ["bytes */100", "bytes 0-9/*", "0-9/100", "bytes 9/100", ""] {
            assert_eq!(parse_content_range(broken), None, "{broken}");
        }
    }
}
