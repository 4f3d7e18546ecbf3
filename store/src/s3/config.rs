//! How to reach a bucket: the settings of an [`S3Store`](crate::S3Store), checked before use.

use std::fmt;
use std::time::Duration;

use crate::StoreError;
use crate::key::Prefix;

/// Where the credentials come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The AWS chain: environment, profile files, web identity, container or instance role.
    Chain,
    /// Given by the caller, for example out of a grant.
    Static {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: String,
        /// Set for temporary credentials.
        session_token: Option<String>,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("Chain"),
            // The key id names who asks and helps in support; the other two are secrets.
            Self::Static { access_key_id, .. } => f
                .debug_struct("Static")
                .field("access_key_id", access_key_id)
                .finish_non_exhaustive(),
        }
    }
}

/// Settings of an [`S3Store`](crate::S3Store). Start from [`S3Config::parse_url`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys start with: empty, or path steps such as `team/a`; outer `/` do not count.
    pub prefix: String,
    /// `http://host:port` of an S3 that is not AWS; `None` is AWS.
    pub endpoint: Option<String>,
    /// The region; `None` asks the AWS environment when the credentials come from there too, and
    /// otherwise is `us-east-1`, which most other stores take.
    pub region: Option<String>,
    /// Name the bucket in the path rather than in the host; `None` means exactly off AWS.
    pub path_style: Option<bool>,
    /// Where the credentials come from.
    pub credentials: Credentials,
    /// Most requests sent for one call, the first included; at least 1.
    pub attempts: u32,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a response to begin (sending the body included), and then for its next
    /// bytes.
    pub read_timeout: Duration,
    /// Longest time for one call with all its attempts.
    pub operation_timeout: Duration,
}

impl S3Config {
    /// Settings for AWS with defaults: the credentials chain, 3 attempts, 5 s to connect, 60 s of
    /// silence, 180 s in all.
    pub fn new(bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: prefix.into(),
            endpoint: None,
            region: None,
            path_style: None,
            credentials: Credentials::Chain,
            attempts: 3,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            operation_timeout: Duration::from_secs(180),
        }
    }

    /// Reads `s3://bucket` or `s3://bucket/prefix`; everything else takes its default.
    pub fn parse_url(url: &str) -> Result<Self, StoreError> {
        let rest = url.strip_prefix("s3://").ok_or_else(|| StoreError::InvalidConfig {
            reason: format!("'{url}' is no bucket; write it as s3://bucket/prefix"),
        })?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let config = Self::new(bucket, prefix.trim_matches('/'));
        config.check()?;
        Ok(config)
    }

    /// Whether the bucket is named in the path.
    pub fn uses_path_style(&self) -> bool {
        self.path_style.unwrap_or(self.endpoint.is_some())
    }

    /// Refuses what could never work; gives the normalized prefix.
    pub(crate) fn check(&self) -> Result<Prefix, StoreError> {
        let refuse = |reason: String| Err(StoreError::InvalidConfig { reason });
        // Looser than AWS's rules, since other stores allow more; tight enough to catch mistakes.
        let bucket_char = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(bucket_char) {
            return refuse(format!(
                "'{}' is no bucket name; it takes 3 to 63 letters, digits, '-' or '.'",
                self.bucket
            ));
        }
        if self.attempts == 0 {
            return refuse("attempts is 0; it takes at least 1".to_owned());
        }
        if self.region.as_deref() == Some("") {
            return refuse("the region is empty; name one or leave it out".to_owned());
        }
        if let Some(endpoint) = &self.endpoint {
            check_endpoint(endpoint)?;
        }
        Prefix::parse(&self.prefix)
    }

    /// The endpoint without a slash at its end.
    pub(crate) fn endpoint_origin(&self) -> Option<&str> {
        self.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/'))
    }
}

fn check_endpoint(endpoint: &str) -> Result<(), StoreError> {
    let refuse = |reason: String| Err(StoreError::InvalidConfig { reason });
    let host = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"))
        .unwrap_or("");
    // Before any message that shows the endpoint: what stands before '@' may be a password.
    if endpoint.contains('@') {
        return refuse(
            "the endpoint holds a user or password; give credentials on their own".to_owned(),
        );
    }
    let host = host.trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '?', '#']) || host.contains(char::is_whitespace) {
        return refuse(format!(
            "'{endpoint}' is no endpoint; write it as http://host:port or https://host:port"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_bucket_and_prefix() {
        for (url, bucket, prefix) in [
            ("s3://screens", "screens", ""),
            ("s3://screens/", "screens", ""),
            ("s3://screens/team/a", "screens", "team/a"),
            ("s3://my.screens-1/team/", "my.screens-1", "team"),
        ] {
            let config = S3Config::parse_url(url).expect(url);
            assert_eq!((config.bucket.as_str(), config.prefix.as_str()), (bucket, prefix), "{url}");
            assert_eq!(config.credentials, Credentials::Chain);
            assert!(!config.uses_path_style());
        }
    }

    #[test]
    fn urls_that_name_no_bucket_are_refused_with_the_right_form() {
        for url in ["", "screens/a", "https://host/b", "s3://", "s3:///a", "s3://a b/c", "s3://ab"]
        {
            let error = S3Config::parse_url(url).expect_err(url);
            assert!(matches!(error, StoreError::InvalidConfig { .. }), "{url}: {error}");
        }
        assert!(S3Config::parse_url("s3://screens/a//b").is_err());
        assert!(S3Config::parse_url("s3://screens/../b").is_err());
    }

    #[test]
    fn the_path_names_the_bucket_off_aws_unless_told_otherwise() {
        let mut config = S3Config::new("screens", "");
        config.endpoint = Some("http://localhost:9000/".into());
        assert!(config.uses_path_style());
        assert_eq!(config.endpoint_origin(), Some("http://localhost:9000"));
        config.path_style = Some(false);
        assert!(!config.uses_path_style());
    }

    #[test]
    fn endpoints_that_are_no_origin_are_refused_without_showing_passwords() {
        let mut config = S3Config::new("screens", "");
        for endpoint in
            ["", "localhost:9000", "ftp://host", "http://", "http://host/path", "http://a b"]
        {
            config.endpoint = Some(endpoint.into());
            assert!(matches!(config.check(), Err(StoreError::InvalidConfig { .. })), "{endpoint}");
        }
        for endpoint in ["http://me:hunter2@host", "me:hunter2@host"] {
            config.endpoint = Some(endpoint.into());
            let error = config.check().expect_err("has a password");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_never_prints_secrets() {
        let mut config = S3Config::new("screens", "");
        config.credentials = Credentials::Static {
            access_key_id: "AKIDPUBLIC".into(),
            secret_access_key: "very-secret".into(),
            session_token: Some("token-secret".into()),
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("AKIDPUBLIC"));
        assert!(!shown.contains("very-secret") && !shown.contains("token-secret"), "{shown}");
    }
}
