//! Which keys are allowed, and how they join the configured prefix.

use crate::StoreError;

/// The longest key S3 takes, in UTF-8 bytes, the configured prefix included.
pub const MAX_KEY_BYTES: usize = 1024;

/// The part of the bucket a store is confined to: empty, or ending in one `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// Takes `a/b`, `/a/b/` or nothing; refuses what [`check_key`] would refuse.
    pub(crate) fn parse(raw: &str) -> Result<Self, StoreError> {
        let trimmed = raw.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self(String::new()));
        }
        check_segments(trimmed).map_err(|reason| StoreError::InvalidConfig {
            reason: format!("'{trimmed}' cannot be a prefix: {reason}"),
        })?;
        Ok(Self(format!("{trimmed}/")))
    }

    /// The prefix as it stands before every key in the bucket.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The bucket's key of a valid relative `key`.
    pub(crate) fn full_key(&self, key: &str) -> Result<String, StoreError> {
        check_key(key)?;
        let full = self.join(key);
        if full.len() > MAX_KEY_BYTES {
            return Err(too_long(key));
        }
        Ok(full)
    }

    /// The bucket's form of any relative text: a key, the start of one, or nothing.
    pub(crate) fn join(&self, relative: &str) -> String {
        format!("{}{relative}", self.0)
    }

    /// The relative form of a bucket's key; `None` when it lies outside.
    pub(crate) fn relative<'k>(&self, full: &'k str) -> Option<&'k str> {
        full.strip_prefix(&self.0)
    }
}

/// Refuses keys that not every store can hold or that a browser would rewrite in a URL.
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(too_long(key));
    }
    check_segments(key).map_err(|reason| StoreError::InvalidKey { key: key.to_owned(), reason })
}

fn too_long(key: &str) -> StoreError {
    StoreError::InvalidKey {
        key: key.to_owned(),
        reason: "it is longer than 1024 bytes with the store's prefix",
    }
}

fn check_segments(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("it is empty");
    }
    if key.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err("it starts or ends with '/' or holds '//'"),
            "." | ".." => return Err("it holds '.' or '..' as a step of its path"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_some_store_cannot_hold_are_refused() {
        for key in ["", "/a", "a/", "a//b", "a/./b", "..", "a/../b", "a\nb", "a\u{7f}"] {
            assert!(matches!(check_key(key), Err(StoreError::InvalidKey { .. })), "{key:?}");
        }
        for key in ["a", "a/b", "a b", "a+b", "a%2Fb", "...", "a..b", ".hidden", "日本/é"] {
            assert_eq!(check_key(key), Ok(()), "{key:?}");
        }
    }

    #[test]
    fn the_prefix_counts_into_the_longest_key() {
        let prefix = Prefix::parse("team").expect("valid");
        let longest = "k".repeat(MAX_KEY_BYTES - "team/".len());
        assert!(prefix.full_key(&longest).is_ok());
        let longer = format!("{longest}k");
        assert!(matches!(prefix.full_key(&longer), Err(StoreError::InvalidKey { .. })));
    }

    #[test]
    fn prefixes_are_normalized_and_keys_go_there_and_back() {
        for (raw, expected) in [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/")] {
            assert_eq!(Prefix::parse(raw).expect("valid").as_str(), expected);
        }
        let prefix = Prefix::parse("a/b").expect("valid");
        assert_eq!(prefix.full_key("c"), Ok("a/b/c".to_owned()));
        assert_eq!(prefix.relative("a/b/c"), Some("c"));
        assert_eq!(prefix.relative("x/c"), None);
        assert!(matches!(Prefix::parse("a//b"), Err(StoreError::InvalidConfig { .. })));
    }
}
