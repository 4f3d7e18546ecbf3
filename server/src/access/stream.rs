//! The name of a stream: one desktop's recording.

use std::fmt;
use std::str::FromStr;

/// A stream's name.
///
/// - 1 to 64 characters of `[a-z0-9._-]`
/// - does not start with a dot
///
/// so it is one segment of an object key and safe in a URL and a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(String);

/// A text is no stream name.
#[derive(Debug, thiserror::Error)]
#[error(
    "stream name must be 1 to 64 characters of a-z, 0-9, dot, underscore or hyphen, and not start with a dot"
)]
pub struct BadStreamName;

impl StreamName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = BadStreamName;

    fn from_str(text: &str) -> Result<Self, BadStreamName> {
        let fits = (1..=64).contains(&text.len())
            && !text.starts_with('.')
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadStreamName) }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_names_are_names() {
        let longest = "x".repeat(64);
        for name in ["a", "desk-1.left_2", "0", "-", longest.as_str()] {
            assert_eq!(name.parse::<StreamName>().unwrap().as_str(), name);
        }
        let too_long = "x".repeat(65);
        for name in ["", ".", "..", ".a", "A", "a/b", "a b", "é", "a\0", too_long.as_str()] {
            assert!(name.parse::<StreamName>().is_err(), "{name}");
        }
    }
}
