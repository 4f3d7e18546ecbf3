//! The mapping between object keys and file names, both ways, and the order of the names.
//!
//! A key is cut at its slashes. Each segment becomes one name: `[a-z0-9._-]` stay, every other
//! byte becomes `%xx`, so that file systems that fold case cannot mix two keys up. The last
//! character says what the name is, so that key `a` and key `a/b` live side by side:
//!
//! | suffix | what it is | stands for |
//! |---|---|---|
//! | `=` | file | the key ends here |
//! | `+` | directory | the segment and the slash behind it |
//! | `~` | directory | the first 80 bytes of a longer segment; the rest is inside |
//!
//! A segment of 80 bytes or more is always cut, even at exactly 80. So no name in a directory is
//! ever a prefix of a `~` name beside it, and sorting names by the bytes they stand for, then going
//! depth first, yields keys in S3's order.

use std::path::PathBuf;

/// Longest key S3 allows, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// Bytes of a segment in one name; encoded at most thrice as long, which fits any file system.
const CHUNK: usize = 80;

/// What a name in the object tree stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// A file: an object whose key ends with this name.
    Object,
    /// A directory: keys that go on behind a slash, or behind a cut long segment.
    Directory,
}

/// One decoded name: the bytes it adds to the key, and its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The bytes this name adds to the key; a directory's slash included.
    pub(crate) adds: Vec<u8>,
    /// Whether the key ends here.
    pub(crate) kind: NameKind,
}

/// The path of the object `key`, relative to the bucket's object directory.
pub(crate) fn path_of_key(key: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let mut segments = key.as_bytes().split(|byte| *byte == b'/').peekable();
    while let Some(mut segment) = segments.next() {
        while segment.len() >= CHUNK {
            path.push(encode(&segment[..CHUNK], '~'));
            segment = &segment[CHUNK..];
        }
        let suffix = if segments.peek().is_some() { '+' } else { '=' };
        path.push(encode(segment, suffix));
    }
    path
}

/// What the file or directory called `name` stands for; `None` if this server never wrote it.
pub(crate) fn parse_name(name: &str) -> Option<Name> {
    let suffix = name.chars().next_back()?;
    let encoded = &name[..name.len() - suffix.len_utf8()];
    let mut adds = decode(encoded)?;
    let kind = match suffix {
        '=' if adds.len() < CHUNK => NameKind::Object,
        '+' if adds.len() < CHUNK => {
            adds.push(b'/');
            NameKind::Directory
        }
        '~' if adds.len() == CHUNK => NameKind::Directory,
        _ => return None,
    };
    Some(Name { adds, kind })
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')
}

fn encode(bytes: &[u8], suffix: char) -> String {
    let mut name = String::with_capacity(bytes.len() + 1);
    for &byte in bytes {
        if is_plain(byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name.push(suffix);
    name
}

fn decode(encoded: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let decoded = lower_hex(rest.next()?)? << 4 | lower_hex(rest.next()?)?;
            // The canonical form only: two names must never stand for the same key.
            if is_plain(decoded) || decoded == b'/' {
                return None;
            }
            bytes.push(decoded);
        } else if is_plain(byte) {
            bytes.push(byte);
        } else {
            return None;
        }
    }
    Some(bytes)
}

fn lower_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    /// The key and its names, as a walk over the directories would put it together again.
    fn key_of_path(path: &std::path::Path) -> Vec<u8> {
        let mut key = Vec::new();
        for component in path.components() {
            let Component::Normal(name) = component else { panic!("{path:?} leaves its root") };
            key.extend(parse_name(name.to_str().unwrap()).unwrap().adds);
        }
        key
    }

    #[test]
    fn a_key_and_a_key_below_it_have_different_paths() {
        assert_eq!(path_of_key("a"), PathBuf::from("a="));
        assert_eq!(path_of_key("a/b"), PathBuf::from("a+/b="));
        assert_eq!(path_of_key("a/"), PathBuf::from("a+/="));
        assert_eq!(path_of_key("A b"), PathBuf::from("%41%20b="));
    }

    #[test]
    fn dots_cannot_climb() {
        assert_eq!(path_of_key("../../etc"), PathBuf::from("..+/..+/etc="));
        assert_eq!(path_of_key("/etc"), PathBuf::from("+/etc="));
    }

    #[test]
    fn foreign_names_are_not_keys() {
        for name in ["", "a", "%4=", "%61=", "%4B=", "a b=", "é=", "%2f=", "short~", ".DS_Store"] {
            assert_eq!(parse_name(name), None, "{name}");
        }
        let long = format!("{}=", "x".repeat(CHUNK));
        assert_eq!(parse_name(&long), None);
    }

    #[test]
    fn the_longest_key_fits_a_path() {
        for key in ["é".repeat(512), "/".repeat(1024), "A".repeat(1024), "A/".repeat(512)] {
            let path = path_of_key(&key);
            assert!(path.as_os_str().len() < 3200, "{}", path.as_os_str().len());
            assert!(path.components().all(|c| c.as_os_str().len() <= 255));
            assert_eq!(key_of_path(&path), key.as_bytes());
        }
    }

    fn any_key() -> impl Strategy<Value = String> {
        // A small alphabet around '/', so that near-equal keys are common, and long runs.
        prop_oneof![
            "[-./0a]{1,12}",
            "x{78,82}[-/0a]{0,4}",
            "(x{80}){0,2}[-/]{0,2}x{0,3}[/!]?",
            "\\PC{1,40}",
        ]
    }

    proptest! {
        #[test]
        fn paths_and_keys_are_one_to_one(key in any_key()) {
            prop_assert_eq!(key_of_path(&path_of_key(&key)), key.as_bytes());
        }

        #[test]
        fn names_sort_as_keys_do(left in any_key(), right in any_key()) {
            // Sorting by decoded names, component by component, is what the walk does.
            let names = |key: &str| -> Vec<Vec<u8>> {
                path_of_key(key)
                    .iter()
                    .map(|name| parse_name(name.to_str().unwrap()).unwrap().adds)
                    .collect()
            };
            prop_assert_eq!(names(&left).cmp(&names(&right)), left.as_bytes().cmp(right.as_bytes()));
        }
    }
}
