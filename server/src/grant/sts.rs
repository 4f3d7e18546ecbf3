//! Temporary keys by `AssumeRole`: of AWS, and of MinIO, where any user may call it.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use deskreel_store::ObjectStore;

use super::{Bucket, IssueError, Keys, Shape, session_policy};
use crate::access::{Grant, Role};

/// `AssumeRole` makes no shorter ones.
const SHORTEST_S: i64 = 900;

/// Where keys come from and what they are for.
#[derive(Clone, Default)]
pub struct StsConfig {
    /// The bucket that grants are about.
    pub bucket: String,
    /// What its keys start with; empty, or with a slash at its end.
    pub prefix: String,
    /// S3 and STS endpoint when it is not AWS.
    pub endpoint: Option<String>,
    /// The endpoint that clients are told, if they reach the store by another name.
    pub public_endpoint: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// The role whose permissions keys get a part of. MinIO has none and takes any.
    pub role_arn: Option<String>,
    /// Most seconds that keys hold: the role's maximum session duration, or an hour when the caller
    /// is itself a role (role chaining).
    pub longest_s: i64,
    /// Access key id and secret, when they are not to come from the AWS chain.
    pub static_keys: Option<(String, String)>,
}

/// Makes keys by `AssumeRole`.
pub struct Sts {
    client: aws_sdk_sts::Client,
    store: Arc<dyn ObjectStore>,
    config: StsConfig,
    region: String,
}

impl Sts {
    /// Prepares the client; sends nothing. `store` is the same bucket, for listing its streams.
    pub async fn connect(config: StsConfig, store: Arc<dyn ObjectStore>) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut builder = match &config.static_keys {
            Some((id, secret)) => aws_sdk_sts::config::Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http)
                .credentials_provider(Credentials::new(id, secret, None, None, "deskreel"))
                .region(Region::new("us-east-1")),
            None => {
                let chain = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
                let chain = chain.load().await;
                let builder = aws_sdk_sts::config::Builder::from(&chain);
                // Most stores that are not AWS take this one.
                let none = chain.region().is_none() && config.endpoint.is_some();
                if none { builder.region(Region::new("us-east-1")) } else { builder }
            }
        };
        if let Some(region) = &config.region {
            builder = builder.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &config.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        let built = builder.build();
        let region = built.region().map_or("us-east-1", Region::as_ref).to_owned();
        Self { client: aws_sdk_sts::Client::from_conf(built), store, config, region }
    }

    fn endpoint(&self) -> String {
        let told = self.config.public_endpoint.as_ref().or(self.config.endpoint.as_ref());
        told.map_or_else(
            || format!("https://s3.{}.amazonaws.com", self.region),
            |endpoint| endpoint.trim_end_matches('/').to_owned(),
        )
    }
}

#[async_trait::async_trait]
impl Bucket for Sts {
    async fn issue(&self, grant: &Grant, _endpoint: Option<String>) -> Result<Keys, IssueError> {
        let shape = Shape { create_only: self.config.endpoint.is_none() };
        let policy = session_policy(grant, &self.config.bucket, &self.config.prefix, shape)?;
        let role = match grant.role {
            Role::View => "view",
            Role::Upload => "upload",
        };
        // Shown in the store's own logs: whose key did something. At most 64 characters.
        let name: String = format!("{role}-{}", grant.stream).chars().take(64).collect();
        let arn = self.config.role_arn.as_deref();
        let asked = self
            .client
            .assume_role()
            .role_arn(arn.unwrap_or("arn:aws:iam::000000000000:role/deskreel"))
            .role_session_name(name)
            .policy(policy)
            .duration_seconds(i32::try_from(self.seconds(grant)).unwrap_or(900));
        let given = asked.send().await.map_err(|error| IssueError::Sts {
            reason: error.code().map_or_else(
                || DisplayErrorContext(&error).to_string(),
                |code| format!("{code}: {}", error.message().unwrap_or_default()),
            ),
        })?;
        let keys = given
            .credentials()
            .ok_or_else(|| IssueError::Sts { reason: "an empty answer".to_owned() })?;
        let ends_ms = keys.expiration().to_millis().unwrap_or(i64::MAX);
        Ok(Keys {
            endpoint: self.endpoint(),
            region: self.region.clone(),
            bucket: self.config.bucket.clone(),
            prefix: self.config.prefix.clone(),
            path_style: self.config.endpoint.is_some(),
            access_key_id: keys.access_key_id().to_owned(),
            secret_access_key: keys.secret_access_key().to_owned(),
            session_token: Some(keys.session_token().to_owned()),
            // The policy ends on the full second.
            expires_at_ms: (grant.expires_at_ms.div_euclid(1000) * 1000).min(ends_ms),
        })
    }

    async fn streams(&self) -> Result<Vec<String>, IssueError> {
        let names = deskreel_upkeep::survey::streams(self.store.as_ref()).await?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    fn longest_s(&self) -> i64 {
        self.config.longest_s.max(SHORTEST_S)
    }
}

impl Sts {
    /// Seconds that keys must live to outlast the grant: what the policy does not end is ended here.
    fn seconds(&self, grant: &Grant) -> i64 {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
        let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let left_s = grant.expires_at_ms.saturating_sub(now_ms).div_euclid(1000) + 1;
        left_s.clamp(SHORTEST_S, self.longest_s())
    }
}
