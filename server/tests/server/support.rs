//! Starting servers and clients for the tests.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use deskreel_server::clock::ManualClock;
use deskreel_server::{Running, ServeConfig, start};

/// The bucket every server makes.
pub(crate) const BUCKET: &str = "deskreel";

/// 2026-01-02 03:04:05 UTC.
pub(crate) const NOW_MS: i64 = 1_767_323_045_000;

/// A server in this process, on its own data.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) data: tempfile::TempDir,
    pub(crate) http: reqwest::Client,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with a standing clock at [`NOW_MS`] and a lifecycle run every 20 ms.
    pub(crate) async fn start_with_clock() -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let given = clock.clone();
        let server = Self::start_with(move |config| {
            config.clock = given;
            config.lifecycle_every = Duration::from_millis(20);
        })
        .await;
        (server, clock)
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = ServeConfig::new(data.path());
        change(&mut config);
        let running = start(config).await.unwrap();
        // Redirects and proxies would hide what the server says.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { running, data, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.endpoint())
    }

    /// A client with the root key.
    pub(crate) fn root(&self) -> Client {
        let root = &self.running.credentials;
        client(&self.running.endpoint(), &root.access_key_id, &root.secret_access_key)
    }

    /// A client with a key from the grant endpoint.
    pub(crate) async fn granted(&self, stream: &str, role: &str) -> Client {
        let grant = self.grant(stream, role).await;
        let text = |name: &str| grant[name].as_str().unwrap().to_owned();
        client(&text("endpoint"), &text("access_key_id"), &text("secret_access_key"))
    }

    pub(crate) async fn grant(&self, stream: &str, role: &str) -> serde_json::Value {
        let response = self
            .http
            .post(self.url("/-/api/grant"))
            .json(&serde_json::json!({ "stream": stream, "role": role }))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub(crate) async fn put(&self, key: &str, data: &[u8]) {
        let body = data.to_vec().into();
        self.root().put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    }

    /// The object's bytes, if it is there.
    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        get(&self.root(), key).await
    }

    /// A presigned GET of `key` with the root key.
    pub(crate) async fn presigned_get(&self, key: &str) -> String {
        let request = self.root().get_object().bucket(BUCKET).key(key);
        request.presigned(an_hour()).await.unwrap().uri().to_owned()
    }

    /// Uploads under way.
    pub(crate) fn temporary_files(&self) -> usize {
        std::fs::read_dir(self.data.path().join("tmp")).unwrap().count()
    }
}

pub(crate) fn an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap()
}

pub(crate) fn client(endpoint: &str, id: &str, secret: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

pub(crate) async fn get(client: &Client, key: &str) -> Option<Vec<u8>> {
    match client.get_object().bucket(BUCKET).key(key).send().await {
        Ok(output) => Some(output.body.collect().await.unwrap().to_vec()),
        Err(error) => {
            assert_eq!(error.code(), Some("NoSuchKey"), "{error:?}");
            None
        }
    }
}

/// The HTTP status and S3 error code of a request that must have failed.
pub(crate) fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    outcome: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = outcome.expect_err("should have been refused");
    let status = error.raw_response().expect("no answer").status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}
