//! The key set of an OIDC provider: fetched when needed, kept for an hour, fetched again at once,
//! but at most once a minute, when a token names a key that is not in it (the provider rotated).

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::{Jwk, JwkSet};

const KEEP_MS: i64 = 3_600_000;
const AGAIN_MS: i64 = 60_000;
const MAX_BYTES: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a key set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, for providers that the server cannot reach.
    File(PathBuf),
    /// An `https://` address (or `http://` on this machine).
    Url(String),
}

/// What is known of a key set. Pure: times are passed in.
#[derive(Debug, Default)]
pub struct JwksCache {
    set: Option<JwkSet>,
    fetched_ms: i64,
    tried_ms: Option<i64>,
}

impl JwksCache {
    /// The key `kid`, if it is there.
    pub fn key(&self, kid: &str) -> Option<&Jwk> {
        self.set.as_ref()?.find(kid)
    }

    /// Whether the set should be fetched before judging a token of the key `kid`.
    pub fn is_due(&self, kid: &str, now_ms: i64) -> bool {
        let age = |since: i64| now_ms.saturating_sub(since);
        let rested = self.tried_ms.is_none_or(|tried| !(0..AGAIN_MS).contains(&age(tried)));
        let old = !(0..KEEP_MS).contains(&age(self.fetched_ms));
        rested && (self.set.is_none() || old || self.key(kid).is_none())
    }

    /// What came of a fetch at `now_ms`. After a failure the keys known before go on.
    pub fn fetched(&mut self, set: Option<JwkSet>, now_ms: i64) {
        self.tried_ms = Some(now_ms);
        if let Some(set) = set {
            self.set = Some(set);
            self.fetched_ms = now_ms;
        }
    }
}

/// Such a key set cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "whoever is on the way could change the keys from {url}: name an https:// address or a file"
)]
pub struct BadKeySource {
    url: String,
}

impl KeySource {
    /// An `https://` address, an `http://` address of this machine, or else a file.
    ///
    /// # Errors
    /// [`BadKeySource`].
    pub fn parse(text: &str) -> Result<Self, BadKeySource> {
        if text.starts_with("https://") {
            return Ok(Self::Url(text.to_owned()));
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            Ok(Self::Url(text.to_owned()))
        } else {
            Err(BadKeySource { url: text.to_owned() })
        }
    }

    /// Reads the set.
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub(super) async fn read(&self) -> Result<JwkSet, String> {
        let bytes = match self {
            Self::File(path) => tokio::fs::read(path)
                .await
                .map_err(|error| format!("{}: {error}", path.display()))?,
            Self::Url(url) => tokio::time::timeout(PATIENCE, get(url))
                .await
                .map_err(|_| format!("{url}: no answer within {} s", PATIENCE.as_secs()))??,
        };
        serde_json::from_slice(&bytes).map_err(|error| format!("no key set: {error}"))
    }
}

async fn get(url: &str) -> Result<Vec<u8>, String> {
    let said = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| said(&error))?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, http_body_util::Empty<bytes::Bytes>> =
        Client::builder(TokioExecutor::new()).build(https);
    let uri = url.parse().map_err(|error| said(&error as &dyn std::fmt::Display))?;
    let answer = client.get(uri).await.map_err(|error| said(&error))?;
    if !answer.status().is_success() {
        return Err(said(&answer.status()));
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    Ok(body.map_err(|error| said(&error))?.to_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kid: &str) -> JwkSet {
        let json = format!(r#"{{"keys":[{{"kty":"oct","kid":"{kid}","k":"c2VjcmV0"}}]}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn key_sets_come_by_tls_from_this_machine_or_from_a_file() {
        let url = |text: &str| Ok(KeySource::Url(text.to_owned()));
        for good in ["https://a/b", "http://localhost/k", "http://127.0.0.1:8/k", "http://[::1]:8"]
        {
            assert_eq!(KeySource::parse(good), url(good));
        }
        assert_eq!(KeySource::parse("k.json"), Ok(KeySource::File("k.json".into())));
        for bad in ["http://a/k", "http://localhost.a/k", "http://localhost@a:1/k", "http://"] {
            assert!(KeySource::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_set_is_fetched_once_an_hour_and_for_new_keys_at_most_once_a_minute() {
        let mut cache = JwksCache::default();
        assert!(cache.is_due("a", 0));
        cache.fetched(Some(set("a")), 0);
        assert!(cache.key("a").is_some());
        assert!(!cache.is_due("a", KEEP_MS - 1));
        assert!(cache.is_due("a", KEEP_MS));
        assert!(!cache.is_due("b", AGAIN_MS - 1));
        assert!(cache.is_due("b", AGAIN_MS));
        cache.fetched(Some(set("b")), AGAIN_MS);
        assert!(cache.key("a").is_none() && cache.key("b").is_some());
    }

    #[test]
    fn keys_outlive_a_failed_fetch() {
        let mut cache = JwksCache::default();
        cache.fetched(Some(set("a")), 0);
        cache.fetched(None, KEEP_MS);
        assert!(cache.key("a").is_some());
        assert!(!cache.is_due("a", KEEP_MS + AGAIN_MS - 1));
        assert!(cache.is_due("a", KEEP_MS + AGAIN_MS));
    }
}
