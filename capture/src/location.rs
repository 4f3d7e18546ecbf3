//! Which store to use, and how to get in.

use std::sync::Arc;
use std::time::Duration;

use deskreel_format::StreamName;
use deskreel_store::{Credentials, ObjectStore, S3Config, S3Store, StoreError};
use serde::Deserialize;

use crate::granted::GrantedStore;
use crate::secret::Secret;

/// The server that `deskreel-server serve` and the demo start by default.
pub const LOCAL_SERVER: &str = "http://127.0.0.1:8420";

/// How a store is named on the command line, in the environment or in the config file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// `s3://bucket/prefix`, or the `http://` origin of a Deskreel server that grants access.
    pub store: Option<String>,
    /// S3 endpoint, when it is not AWS.
    pub endpoint: Option<String>,
    /// S3 region.
    pub region: Option<String>,
    /// Access key id; without it the standard AWS chain is asked.
    pub access_key_id: Option<String>,
    /// Secret of the access key; better given by the environment.
    pub secret_access_key: Option<Secret>,
    /// Bearer token for a Deskreel server that asks for one.
    pub token: Option<Secret>,
    /// Longest silence of the store before a request is tried again, milliseconds.
    pub timeout_ms: Option<u32>,
}

/// What may be done with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read one stream.
    View,
    /// Read one stream and add to it.
    Upload,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// The address is neither a bucket nor a server.
    #[error(
        "'{address}' is no store; write s3://bucket/prefix, or the http:// address of a Deskreel server"
    )]
    Address {
        /// What was given.
        address: String,
    },
    /// Only an operator may do it, and a server grants less.
    #[error(
        "this takes an operator's access to the bucket, and {address} is a Deskreel server, whose grants can only read and add; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (on the server's machine: eval \"$(deskreel-server credentials --data DIR)\") and pass --store s3://BUCKET --endpoint {address}"
    )]
    NotOperator {
        /// What was given.
        address: String,
    },
    /// The server did not answer.
    #[error(
        "the server at {origin} does not answer ({reason}); start it with `deskreel-server serve`, or name another store with --store"
    )]
    Unreachable {
        /// Which server.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// The server answered, but gave no access.
    #[error("the server at {origin} gave no access to stream '{stream}': {reason}")]
    Refused {
        /// Which server.
        origin: String,
        /// Which stream.
        stream: StreamName,
        /// What it said.
        reason: String,
    },
    /// The store's configuration is wrong.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl LocationError {
    /// Whether time alone may heal it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Store(error) => error.is_retryable(),
            Self::Address { .. } | Self::NotOperator { .. } | Self::Refused { .. } => false,
        }
    }
}

impl StoreOptions {
    /// The address in use.
    pub fn address(&self) -> &str {
        self.store.as_deref().unwrap_or(LOCAL_SERVER)
    }

    /// A text that is the same for the same store: names its state folder.
    pub fn identity(&self) -> String {
        format!("{} {}", self.address(), self.endpoint.as_deref().unwrap_or_default())
    }

    /// Opens the store for one stream.
    ///
    /// # Errors
    /// [`LocationError`] that says what to do.
    pub async fn open(
        &self,
        stream: &StreamName,
        role: Role,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        let address = self.address().trim_end_matches('/');
        if address.starts_with("s3://") {
            return Ok(Arc::new(self.open_bucket().await?));
        }
        if address.starts_with("http://") || address.starts_with("https://") {
            let (origin, stream, timeout) = (address.to_owned(), stream.clone(), self.timeout());
            let door = Door { origin, stream, role, timeout, token: self.token.clone() };
            return Ok(Arc::new(GrantedStore::enter(door).await?));
        }
        Err(LocationError::Address { address: address.to_owned() })
    }

    /// Opens the whole bucket with the operator's own credentials: what a server grants is for one
    /// stream, and only reads and adds.
    ///
    /// # Errors
    /// [`LocationError::NotOperator`] when the store is a Deskreel server.
    pub async fn open_bucket(&self) -> Result<S3Store, LocationError> {
        let address = self.address().trim_end_matches('/');
        if !address.starts_with("s3://") {
            return Err(LocationError::NotOperator { address: address.to_owned() });
        }
        let mut config = S3Config::parse_url(address)?;
        config.endpoint = self.endpoint.clone();
        config.region = self.region.clone();
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            config.credentials = Credentials::Static {
                access_key_id: id.clone(),
                secret_access_key: secret.expose().to_owned(),
                session_token: None,
            };
        }
        be_patient(&mut config, self.timeout());
        Ok(S3Store::connect(&config).await?)
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(|ms| Duration::from_millis(ms.into()))
    }
}

/// Waits so long for a silent store, in place of the defaults.
fn be_patient(config: &mut S3Config, timeout: Option<Duration>) {
    let Some(timeout) = timeout else { return };
    config.read_timeout = timeout;
    config.connect_timeout = config.connect_timeout.min(timeout);
    // Every attempt may take its time, and the pauses between them too.
    config.operation_timeout = config.operation_timeout.max(timeout * (config.attempts + 1));
}

/// Requests for access sent at most, the first included.
const DOOR_ATTEMPTS: u32 = 3;

/// A server that grants access.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    origin: String,
    stream: StreamName,
    role: Role,
    timeout: Option<Duration>,
    token: Option<Secret>,
}

/// The time in a `Date` header, UTC milliseconds.
fn date_ms(value: &reqwest::header::HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    u64::try_from(time.timestamp().as_millisecond()).ok()
}

/// A request for access that got none.
struct Setback {
    error: LocationError,
    /// The next request may well be answered.
    passing: bool,
}

#[derive(Deserialize)]
struct Grant {
    endpoint: String,
    region: String,
    bucket: String,
    prefix: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// By the server's clock.
    expires_at_ms: Option<u64>,
    /// The server's time when it answered, UTC milliseconds.
    #[serde(skip)]
    answered_at_ms: Option<u64>,
}

/// A way in that a server gave.
pub(crate) struct Entered {
    /// The store, with the keys of the grant.
    pub(crate) store: S3Store,
    /// For how long the keys hold, if the server said so. Both ends by its clock: this machine's may
    /// be wrong.
    pub(crate) life: Option<Duration>,
}

impl Door {
    /// Asks for a grant.
    ///
    /// # Errors
    /// Any [`LocationError`] of asking.
    pub(crate) async fn enter(&self) -> Result<Entered, LocationError> {
        let mut pause = Duration::from_millis(200);
        for _ in 1..DOOR_ATTEMPTS {
            match self.ask().await {
                Ok(grant) => return self.store(grant).await,
                Err(setback) if setback.passing => tokio::time::sleep(pause).await,
                Err(setback) => return Err(setback.error),
            }
            pause *= 4;
        }
        let grant = self.ask().await.map_err(|setback| setback.error)?;
        self.store(grant).await
    }

    /// Asks once.
    async fn ask(&self) -> Result<Grant, Setback> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(self.timeout.unwrap_or(Duration::from_secs(20)))
            .build()
            .map_err(|error| self.unreachable(&error))?;
        let role = match self.role {
            Role::View => "view",
            Role::Upload => "upload",
        };
        let request = serde_json::json!({ "stream": self.stream.as_str(), "role": role });
        let url = format!("{}/-/api/grant", self.origin);
        let mut request = client.post(url).json(&request);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let sent = request.send().await;
        let answer = sent.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let answered_at_ms = answer.headers().get(reqwest::header::DATE).and_then(date_ms);
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            let grant: Result<Grant, _> = serde_json::from_slice(&body);
            let grant = grant.map(|grant| Grant { answered_at_ms, ..grant });
            return grant.map_err(|error| Setback {
                error: self.refused(format!("its answer is no grant: {error}")),
                passing: false,
            });
        }
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = said["error"].as_str().map_or(status.to_string(), str::to_owned);
        let passing = status.is_server_error() || status.as_u16() == 429;
        Err(Setback { error: self.refused(reason), passing })
    }

    async fn store(&self, grant: Grant) -> Result<Entered, LocationError> {
        let answered_at_ms = grant.answered_at_ms.unwrap_or_else(|| {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        let life_ms = grant.expires_at_ms.map(|end| end.saturating_sub(answered_at_ms));
        let mut config = S3Config::new(grant.bucket, grant.prefix.trim_matches('/'));
        config.endpoint = Some(grant.endpoint);
        config.region = Some(grant.region);
        config.credentials = Credentials::Static {
            access_key_id: grant.access_key_id,
            secret_access_key: grant.secret_access_key,
            session_token: grant.session_token,
        };
        be_patient(&mut config, self.timeout);
        let store = S3Store::connect(&config).await?;
        Ok(Entered { store, life: life_ms.map(Duration::from_millis) })
    }

    fn refused(&self, reason: String) -> LocationError {
        LocationError::Refused { origin: self.origin.clone(), stream: self.stream.clone(), reason }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Setback {
        // reqwest's own text names only the request; the cause stands in its sources.
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            reason = inner.to_string();
            source = inner.source();
        }
        // Where nothing listens a person should be told at once.
        let passing = !error.is_connect() && !error.is_builder();
        Setback {
            error: LocationError::Unreachable { origin: self.origin.clone(), reason },
            passing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_time_is_read_as_http_writes_it() {
        let date = reqwest::header::HeaderValue::from_static("Tue, 24 Nov 2026 16:00:00 GMT");
        assert_eq!(date_ms(&date), Some(1_795_536_000_000));
        assert_eq!(date_ms(&reqwest::header::HeaderValue::from_static("now")), None);
    }
}
