//! The config file, and how people write lengths of time, sizes and times.
//!
//! Which keys there are is not told here: every setting that a command takes from the environment is a
//! key (see [`cli::settings`](crate::cli::settings)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a config file says: for each key its values, as a flag would have them. Some are secrets, so
/// it has no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Values by key; several only of lists.
    pub values: BTreeMap<String, Vec<String>>,
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
    /// Reads the file at `path`, which may have these keys; without `required` a missing one is an
    /// empty one.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and the line.
    pub fn load(path: &Path, required: bool, keys: &[&str]) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                return Ok(Self { path, ..Self::default() });
            }
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        match parse(&text, keys) {
            Ok(values) => Ok(Self { path, values }),
            Err(reason) => Err(ConfigError::Parse { path, reason }),
        }
    }
}

/// Reads the text of a config file. What it says never shows a value: it may be a secret.
fn parse(text: &str, keys: &[&str]) -> Result<BTreeMap<String, Vec<String>>, String> {
    let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        format!("line {line}: {}", error.message())
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let line = text.lines().position(|line| line.trim_start().starts_with(&key));
        let line = line.map_or(1, |index| index + 1);
        if !keys.contains(&key.as_str()) {
            let near = keys.iter().min_by_key(|known| strsim::levenshtein(known, &key));
            let near = near.map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            return Err(format!("line {line}: there is no key '{key}'{near}"));
        }
        let list = match value {
            toml::Value::Array(list) => list,
            single => vec![single],
        };
        let texts: Option<Vec<String>> = list.into_iter().map(scalar).collect();
        let texts = texts.ok_or_else(|| {
            format!("line {line}: '{key}' must be a text in quotes, a number or a list of texts")
        })?;
        values.insert(key, texts);
    }
    Ok(values)
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(is) => Some(is.to_string()),
        _ => None,
    }
}

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

/// The same, and `0s` for none.
///
/// # Errors
/// A text that says what is expected.
pub fn parse_span(text: &str) -> Result<u32, String> {
    if matches!(text, "0" | "0s") { Ok(0) } else { parse_duration(text) }
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
    fn an_unknown_key_is_an_error_that_names_the_line_and_the_nearest() {
        let keys = ["store", "stream", "tile", "exclude", "secret"];
        let error = parse("# mine\nstreem = \"x\"", &keys).unwrap_err();
        assert_eq!(error, "line 2: there is no key 'streem'; did you mean 'stream'?");
        let error = parse("[stream]\nx = 1", &keys).unwrap_err();
        assert!(error.contains("'stream' must be"), "{error}");
        let values = parse("stream = \"a\"\ntile = 32\nexclude = [\"x\", \"y\"]", &keys).unwrap();
        assert_eq!(values["stream"], ["a"]);
        assert_eq!(values["tile"], ["32"]);
        assert_eq!(values["exclude"], ["x", "y"]);
    }

    #[test]
    fn no_error_shows_a_value() {
        let keys = ["secret"];
        for text in [
            "secret = \"hunter2",
            "secret = hunter2",
            "secret = { hunter2 = 1 }",
            "secrte = \"hunter2\"",
        ] {
            let error = parse(text, &keys).unwrap_err();
            assert!(!error.contains("hunter2") && error.starts_with("line 1: "), "{error}");
        }
    }
}
