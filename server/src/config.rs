//! What the server is told at start, and whether it may start so.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::token::{Revocations, Trust};
use crate::work::Schedule;

/// Shorter tokens could be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// Everything the server is told at start.
#[derive(Clone)]
pub struct ServeConfig {
    /// Where objects, settings and credentials are kept; created if missing.
    pub data: PathBuf,
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The bucket made at start and named in grants.
    pub bucket: String,
    /// Where the player's files are; if `None`, `player` beside the executable or `dist/player`.
    pub player: Option<PathBuf>,
    /// The token `/-/api/*` asks for; needed to listen on other than loopback.
    pub auth_token: Option<AuthToken>,
    /// Whose tokens of people and devices `/-/api/*` takes besides; also enough to listen on other
    /// than loopback.
    pub tokens: Option<(Trust, Revocations)>,
    /// The age in days at which the objects of the bucket made at start are deleted; `None` keeps
    /// them. Counts only when the bucket is made; after that its lifecycle rules do.
    pub keep_days: Option<u32>,
    /// How often lifecycle rules are enforced.
    pub lifecycle_every: Duration,
    /// What upkeep the server does beside serving.
    pub schedule: Schedule,
    /// Longest time that keys hold, seconds; at most a week.
    pub longest_grant_s: i64,
    /// What tells the time to everything but signatures.
    pub clock: Arc<dyn Clock>,
}

impl ServeConfig {
    /// The defaults, with data in `data` and a free port of 127.0.0.1.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            bucket: "deskreel".to_owned(),
            player: None,
            auth_token: None,
            tokens: None,
            keep_days: Some(2),
            lifecycle_every: Duration::from_secs(600),
            schedule: Schedule::default(),
            longest_grant_s: crate::embedded::MAX_EXPIRY_S,
            clock: Arc::new(SystemClock),
        }
    }

    /// Whether the server may start so. Pure.
    ///
    /// # Errors
    /// Any [`ConfigError`] but those of the token file.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() && self.auth_token.is_none() && self.tokens.is_none() {
            return Err(ConfigError::OpenToAll { listen: self.listen });
        }
        if !s3s::path::check_bucket_name(&self.bucket) {
            return Err(ConfigError::BucketName { bucket: self.bucket.clone() });
        }
        Ok(())
    }
}

/// A bearer token. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthToken(blake3::Hash);

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthToken(..)")
    }
}

impl AuthToken {
    /// The token `text`, without space around it.
    ///
    /// # Errors
    /// [`ConfigError::WeakToken`] if it is shorter than 16 characters.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        if text.len() < MIN_TOKEN_CHARS {
            return Err(ConfigError::WeakToken);
        }
        Ok(Self(blake3::hash(text.as_bytes())))
    }

    /// The token in the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError::TokenFile`] or [`ConfigError::WeakToken`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::TokenFile {
            path: path.display().to_string(),
            source,
        })?;
        Self::new(&text)
    }

    /// Whether `presented` is this token; takes as long for near misses as for far ones.
    pub fn admits(&self, presented: &str) -> bool {
        // Hashes compare in constant time.
        blake3::hash(presented.as_bytes()) == self.0
    }
}

/// The server may not start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Anyone who reaches the address could get keys.
    #[error(
        "{listen} is reachable from other machines, where anyone could ask for keys; \
         give --auth-token-file FILE or --token-keys FILE, or listen on 127.0.0.1"
    )]
    OpenToAll {
        /// The address.
        listen: SocketAddr,
    },
    /// S3 does not allow the bucket's name.
    #[error("`{bucket}` is no bucket name: use 3 to 63 of a-z, 0-9, dot and hyphen")]
    BucketName {
        /// The name.
        bucket: String,
    },
    /// The token file cannot be read.
    #[error("token file {path}: {source}")]
    TokenFile {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The token could be guessed.
    #[error(
        "the token has fewer than {MIN_TOKEN_CHARS} characters; make one with `openssl rand -hex 32`"
    )]
    WeakToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str, token: bool) -> ServeConfig {
        let mut config = ServeConfig::new("data");
        config.listen = listen.parse().unwrap();
        config.auth_token = token.then(|| AuthToken::new("0123456789abcdef").unwrap());
        config
    }

    #[test]
    fn only_loopback_goes_without_a_token() {
        for (listen, token, may) in [
            ("127.0.0.1:0", false, true),
            ("127.9.9.9:80", false, true),
            ("[::1]:0", false, true),
            ("0.0.0.0:0", false, false),
            ("[::]:0", false, false),
            ("192.168.0.5:80", false, false),
            ("0.0.0.0:0", true, true),
        ] {
            assert_eq!(config(listen, token).check().is_ok(), may, "{listen} {token}");
        }
    }

    #[test]
    fn tokens_are_compared_whole_and_never_shown() {
        let token = AuthToken::new(" 0123456789abcdef\n").unwrap();
        assert!(token.admits("0123456789abcdef"));
        assert!(!token.admits("0123456789abcdeF"));
        assert!(!token.admits(""));
        assert_eq!(format!("{token:?}"), "AuthToken(..)");
        assert!(matches!(AuthToken::new("short"), Err(ConfigError::WeakToken)));
    }

    #[test]
    fn bucket_names_are_checked() {
        let mut config = config("127.0.0.1:0", false);
        config.bucket = "-".into();
        assert!(matches!(config.check(), Err(ConfigError::BucketName { .. })));
    }
}
