//! What an endpoint really honours, found out by asking: the parts of S3 that many others leave out.

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use std::time::Duration;

use super::S3Store;
use crate::StoreError;

/// The MD5 and the SHA-256 of other bytes than those that are sent, in base64.
const WRONG_MD5: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";
const WRONG_SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

impl S3Store {
    /// Where requests go: scheme, host and port.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The plain address of an object, as a browser would ask for it.
    pub async fn object_url(&self, key: &str) -> Result<String, StoreError> {
        let call = self.call("GetObject", key);
        let expiry = PresigningConfig::expires_in(Duration::from_secs(60));
        let expiry =
            expiry.map_err(|error| StoreError::InvalidConfig { reason: error.to_string() })?;
        let request = self.client.get_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        let presigned = request.presigned(expiry).await.map_err(|error| call.explain(error))?;
        let url = presigned.uri().split('?').next().unwrap_or_default();
        Ok(url.to_owned())
    }

    /// Whether a ranged read is answered with the range alone; `key` holds some bytes.
    pub async fn honours_ranges(&self, key: &str) -> Result<bool, StoreError> {
        let call = self.call("GetObject", key);
        let request = self.client.get_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        let request = request.range("bytes=1-2").customize();
        let sent = request.interceptor(call.attempts.clone()).send().await;
        let output = sent.map_err(|error| call.explain(error))?;
        Ok(output.content_range().is_some_and(|range| range.starts_with("bytes 1-2/"))
            && output.content_length() == Some(2))
    }

    /// Whether a body that does not match its `Content-MD5` is refused; `key` may be written.
    pub async fn refuses_wrong_md5(&self, key: &str) -> Result<bool, StoreError> {
        let call = self.call("PutObject", key);
        let request = self.client.put_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        let request = request.content_md5(WRONG_MD5).body(ByteStream::from_static(b"probe"));
        let sent = request.customize().interceptor(call.attempts.clone()).send().await;
        judge(sent.map(drop).map_err(|error| call.explain(error)))
    }

    /// Whether a body that does not match its `x-amz-checksum-sha256` is refused; `key` may be written.
    pub async fn refuses_wrong_sha256(&self, key: &str) -> Result<bool, StoreError> {
        let call = self.call("PutObject", key);
        let request = self.client.put_object().bucket(&self.bucket).key(self.prefix.full_key(key)?);
        let request = request.checksum_sha256(WRONG_SHA256).body(ByteStream::from_static(b"probe"));
        let sent = request.customize().interceptor(call.attempts.clone()).send().await;
        judge(sent.map(drop).map_err(|error| call.explain(error)))
    }

    /// Lets nobody make the bucket or an object public by mistake.
    ///
    /// Stores without public access have no such setting: [`StoreError::Unsupported`].
    pub async fn block_public_access(&self) -> Result<(), StoreError> {
        let call = self.call("PutPublicAccessBlock", "");
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true);
        let request = self.client.put_public_access_block().bucket(&self.bucket);
        let request = request.public_access_block_configuration(all.build()).customize();
        let sent = request.interceptor(call.attempts.clone()).send().await;
        sent.map(drop).map_err(|error| call.explain(error))
    }

    /// Whether the bucket keeps what is deleted or replaced, as an old version: it has versions, or
    /// had them once (what was kept then still is).
    pub async fn keeps_versions(&self) -> Result<bool, StoreError> {
        let call = self.call("GetBucketVersioning", "");
        let request = self.client.get_bucket_versioning().bucket(&self.bucket).customize();
        let sent = request.interceptor(call.attempts.clone()).send().await;
        let output = sent.map_err(|error| call.explain(error))?;
        Ok(output.status().is_some())
    }

    /// The origins whose pages may read the bucket, as its CORS rules say.
    pub async fn cors_origins(&self) -> Result<Vec<String>, StoreError> {
        let call = self.call("GetBucketCors", "");
        let request = self.client.get_bucket_cors().bucket(&self.bucket).customize();
        match request.interceptor(call.attempts.clone()).send().await {
            Ok(output) => {
                let reading = |method: &String| method == "GET";
                let rules = output.cors_rules().iter();
                let rules = rules.filter(|rule| rule.allowed_methods().iter().any(reading));
                Ok(rules.flat_map(|rule| rule.allowed_origins().to_vec()).collect())
            }
            Err(error) => match call.explain(error) {
                StoreError::Other { code: Some(code), .. } if code == "NoSuchCORSConfiguration" => {
                    Ok(Vec::new())
                }
                error => Err(error),
            },
        }
    }
}

/// A request with a wrong checksum: refused for its bytes is what should happen.
fn judge(outcome: Result<(), StoreError>) -> Result<bool, StoreError> {
    match outcome {
        Ok(()) => Ok(false),
        Err(StoreError::Other { status: Some(400..=499), .. }) => Ok(true),
        Err(error) => Err(error),
    }
}
