//! The config file: the same settings as the flags, which win over the environment, which wins over
//! the file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::location::StoreOptions;

/// Everything a config file may say. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// The store.
    #[serde(flatten)]
    pub store: StoreOptions,
    /// Stream to record.
    pub stream: Option<String>,
    /// Time between screenshots, such as `10s`.
    pub interval: Option<String>,
    /// Bytes that may wait on the disk while the store does not answer, such as `2GB`.
    pub spool_budget: Option<String>,
    /// Secret of the sharing domain.
    pub domain_key: Option<String>,
}

/// Why a config file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("cannot read the config file '{path}': {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the file system answered.
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("the config file '{path}' is wrong: {reason}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
}

impl ConfigFile {
    /// Reads the file at `path`; without `required` a missing one is an empty one.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and the line.
    pub fn load(path: &Path, required: bool) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                return Ok(Self::default());
            }
            Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
        };
        Self::parse(&text).map_err(|reason| ConfigError::Parse { path: path.to_owned(), reason })
    }

    /// Reads the text of a config file.
    fn parse(text: &str) -> Result<Self, String> {
        // `flatten` hides unknown keys from serde, so they are looked for first.
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let near = KEYS.iter().min_by_key(|known| strsim::levenshtein(known, unknown));
            let near = near.copied().unwrap_or("store");
            return Err(format!("there is no key '{unknown}'; did you mean '{near}'?"));
        }
        let text = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("the value of '{key}' must be a text in quotes")),
        };
        Ok(Self {
            store: StoreOptions {
                store: text("store")?,
                endpoint: text("endpoint")?,
                region: text("region")?,
                access_key_id: text("access_key_id")?,
                secret_access_key: text("secret_access_key")?,
                timeout_ms: text("store_timeout")?.map(|t| parse_duration(&t)).transpose()?,
            },
            stream: text("stream")?,
            interval: text("interval")?,
            spool_budget: text("spool_budget")?,
            domain_key: text("domain_key")?,
        })
    }
}

const KEYS: [&str; 10] = [
    "store",
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "store_timeout",
    "stream",
    "interval",
    "spool_budget",
    "domain_key",
];

/// `10s`, `2m`, `1h`, `500ms`: a positive length of time in milliseconds, at most a day.
///
/// # Errors
/// A text that says what is expected.
pub fn parse_duration(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{text}' is no length of time; write 500ms, 10s, 2m or 1h");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let length = number.checked_mul(unit).filter(|ms| (1..=86_400_000).contains(ms));
    Ok(length.ok_or_else(|| format!("'{text}' is not between 1ms and 24h"))? as u32)
}

/// `2GB`, `500MB`, `64KB`: a number of bytes in decimal units.
///
/// # Errors
/// A text that says what is expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no size; write 500MB, 2GB or 1TB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

/// A time given by a person: RFC 3339 with zone, or UTC milliseconds since 1970.
///
/// # Errors
/// A text that says what is expected.
pub fn parse_time(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("'{text}' is no time; write 2026-11-23T09:30:00Z, or milliseconds since 1970");
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        let time: u64 = text.parse().map_err(|_| wrong())?;
        let end = deskreel_format::time::END_OF_TIME_MS;
        return if time < end { Ok(time) } else { Err(wrong()) };
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(time.as_millisecond()).map_err(|_| wrong())
}

/// A time as RFC 3339 in UTC, with milliseconds.
pub fn show_time(time_ms: u64) -> String {
    let time =
        i64::try_from(time_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{time_ms} ms"), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(parse_duration("10s"), Ok(10_000));
        assert_eq!(parse_duration("500ms"), Ok(500));
        for wrong in ["", "10", "s", "0s", "25h", "-1s", "1.5s", "99999999999999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(parse_size("2GB"), Ok(2_000_000_000));
        for wrong in ["", "2", "GB", "2gb", "-1GB", "1.5GB", "99999999999TB"] {
            assert!(parse_size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_are_rfc_3339_or_milliseconds() {
        assert_eq!(parse_time("2024-03-01T00:00:00Z"), Ok(1_709_251_200_000));
        assert_eq!(parse_time("2024-03-01T01:00:00+01:00"), Ok(1_709_251_200_000));
        assert_eq!(parse_time("1709251200000"), Ok(1_709_251_200_000));
        assert_eq!(parse_time(&show_time(1_709_251_200_123)), Ok(1_709_251_200_123));
        for wrong in ["", "yesterday", "2024-03-01", "1969-01-01T00:00:00Z", "99999999999999"] {
            assert!(parse_time(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest() {
        let error = ConfigFile::parse("streem = \"x\"").unwrap_err();
        assert!(error.contains("'streem'") && error.contains("'stream'"), "{error}");
        let error = ConfigFile::parse("stream = 5").unwrap_err();
        assert!(error.contains("'stream'"), "{error}");
        let config = ConfigFile::parse("store = \"s3://b\"\ninterval = \"5s\"").unwrap();
        assert_eq!(config.store.store.as_deref(), Some("s3://b"));
        assert_eq!(config.interval.as_deref(), Some("5s"));
        let config = ConfigFile::parse("store_timeout = \"20s\"").unwrap();
        assert_eq!(config.store.timeout_ms, Some(20_000));
        assert!(ConfigFile::parse("store_timeout = \"20\"").unwrap_err().contains("'20'"));
    }
}
