//! One page of a bucket listing: prefix, delimiter, start and page size.

use std::io;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;

use super::walk::{After, Found, Walk};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only keys that start with this.
    pub prefix: String,
    /// Rolls keys up at the first occurrence behind the prefix; empty means no rolling up.
    pub delimiter: String,
    /// Only keys behind this one; the continuation token goes before it.
    pub start_after: Option<String>,
    /// Where the page before stopped.
    pub token: Option<Token>,
    /// Most keys and common prefixes together on the page.
    pub max_keys: usize,
}

/// Where a page stopped: behind a key, or behind everything rolled up under a common prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Behind this key.
    Key(String),
    /// Behind every key that starts with this.
    Prefix(String),
}

impl Token {
    /// The token as an opaque string for the client.
    pub fn encode(&self) -> String {
        let (kind, text) = match self {
            Self::Key(key) => ('k', key),
            Self::Prefix(prefix) => ('p', prefix),
        };
        format!("{kind}{}", BASE64URL_NOPAD.encode(text.as_bytes()))
    }

    /// The token a client sent back; `None` if it is not one of ours.
    pub fn decode(text: &str) -> Option<Self> {
        let (kind, encoded) = text.split_at_checked(1)?;
        let text = String::from_utf8(BASE64URL_NOPAD.decode(encoded.as_bytes()).ok()?).ok()?;
        match kind {
            "k" => Some(Self::Key(text)),
            "p" => Some(Self::Prefix(text)),
            _ => None,
        }
    }
}

/// One page: the objects' keys and files, the common prefixes, and where the next page starts.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Found>,
    pub(crate) common_prefixes: Vec<String>,
    pub(crate) next: Option<Token>,
}

/// Lists one page of the object tree at `root`.
///
/// # Errors
/// As the file system says when a directory cannot be read.
pub(crate) fn page(root: &Path, query: &Query) -> io::Result<Page> {
    let mut page = Page::default();
    if query.max_keys == 0 {
        return Ok(page);
    }
    let after = match (&query.token, &query.start_after) {
        (Some(Token::Key(key)), _) => After::Key(key.clone().into_bytes()),
        (Some(Token::Prefix(prefix)), _) => After::Prefix(prefix.clone().into_bytes()),
        (None, Some(key)) => After::Key(key.clone().into_bytes()),
        (None, None) => After::Nothing,
    };
    let mut walk = Walk::new(root, &query.prefix, after)?;
    let mut last = None;
    while let Some(found) = walk.next()? {
        if page.objects.len() + page.common_prefixes.len() == query.max_keys {
            page.next = last;
            break;
        }
        match common_prefix(&found.key, &query.prefix, &query.delimiter) {
            Some(prefix) => {
                walk.skip_prefix(prefix);
                page.common_prefixes.push(prefix.to_owned());
                last = Some(Token::Prefix(prefix.to_owned()));
            }
            None => {
                last = Some(Token::Key(found.key.clone()));
                page.objects.push(found);
            }
        }
    }
    Ok(page)
}

/// What `key` is rolled up under, if it is.
fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

#[cfg(test)]
mod tests {
    use super::super::key_path::path_of_key;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What S3 would list, from the whole set of keys at once.
    fn expected(
        keys: &BTreeSet<String>,
        prefix: &str,
        delimiter: &str,
        start: &str,
    ) -> Vec<String> {
        let mut items = BTreeSet::new();
        for key in keys.iter().filter(|key| key.starts_with(prefix) && key.as_str() > start) {
            items.insert(common_prefix(key, prefix, delimiter).unwrap_or(key).to_owned());
        }
        items.into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_of_any_size_add_up_to_the_whole_listing(
            keys in proptest::collection::btree_set("[-/0ab]{1,6}", 0..30),
            prefix in "[/ab]{0,2}",
            delimiter in "|/|ab|0",
            start in "[-/0ab]{0,3}",
            max_keys in 1_usize..8,
        ) {
            let root = tempfile::tempdir().unwrap();
            for key in &keys {
                let path = root.path().join(path_of_key(key));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            let mut query = Query {
                prefix: prefix.clone(),
                delimiter: delimiter.clone(),
                start_after: Some(start.clone()),
                token: None,
                max_keys,
            };
            let mut listed = Vec::new();
            loop {
                let page = page(root.path(), &query).unwrap();
                let mut items: Vec<_> = page.objects.into_iter().map(|found| found.key).collect();
                items.extend(page.common_prefixes);
                prop_assert!(items.len() <= max_keys);
                items.sort();
                listed.extend(items);
                let Some(next) = page.next else { break };
                query.token = Some(Token::decode(&next.encode()).unwrap());
            }
            prop_assert_eq!(listed, expected(&keys, &prefix, &delimiter, &start));
        }
    }

    #[test]
    fn tokens_of_others_are_refused() {
        for text in ["", "x", "é", "k!", "zaGk"] {
            assert_eq!(Token::decode(text), None, "{text}");
        }
    }
}
