//! Walks a bucket's object tree in key order, leaving out whatever cannot be asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::key_path::{NameKind, parse_name};

/// A key and where its file is.
#[derive(Debug)]
pub(crate) struct Found {
    /// The object's key.
    pub(crate) key: String,
    /// Its file.
    pub(crate) path: PathBuf,
}

/// Keys of one bucket in ascending byte order, each at most once.
///
/// Directories are read when the walk reaches them, so the walk is not a snapshot: a key stored or
/// deleted meanwhile may or may not be seen, as S3 has it too.
pub(crate) struct Walk {
    prefix: Vec<u8>,
    after: After,
    stack: Vec<Level>,
}

/// Where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// From the first key.
    Nothing,
    /// Behind this key.
    Key(Vec<u8>),
    /// Behind every key that starts with these bytes.
    Prefix(Vec<u8>),
}

impl After {
    /// Whether `key` is still to come.
    fn admits(&self, key: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::Key(last) => key > last.as_slice(),
            Self::Prefix(done) => key > done.as_slice() && !key.starts_with(done),
        }
    }

    /// Whether any key that starts with `base` can still be to come.
    fn admits_below(&self, base: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::Key(last) => base > last.as_slice() || last.starts_with(base),
            Self::Prefix(done) => {
                !base.starts_with(done) && (base > done.as_slice() || done.starts_with(base))
            }
        }
    }
}

struct Level {
    path: PathBuf,
    /// The bytes every key below here starts with.
    base: Vec<u8>,
    /// Entries not yet visited, last one first.
    entries: Vec<Entry>,
}

struct Entry {
    key: Vec<u8>,
    kind: NameKind,
    name: String,
}

impl Walk {
    /// A walk over the keys in `root` that start with `prefix`, behind `after`.
    ///
    /// # Errors
    /// As the file system says when `root` cannot be read.
    pub(crate) fn new(root: &Path, prefix: &str, after: After) -> io::Result<Self> {
        let mut walk = Self { prefix: prefix.as_bytes().to_vec(), after, stack: Vec::new() };
        walk.enter(root.to_owned(), Vec::new())?;
        Ok(walk)
    }

    /// Skips every key that starts with `prefix`.
    pub(crate) fn skip_prefix(&mut self, prefix: &str) {
        self.after = After::Prefix(prefix.as_bytes().to_vec());
    }

    /// The next key in order.
    ///
    /// # Errors
    /// As the file system says when a directory cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            let Some(level) = self.stack.last_mut() else { return Ok(None) };
            if !self.after.admits_below(&level.base) {
                self.stack.pop();
                continue;
            }
            let Some(entry) = level.entries.pop() else {
                self.stack.pop();
                continue;
            };
            let path = level.path.join(&entry.name);
            match entry.kind {
                NameKind::Object if self.after.admits(&entry.key) => {
                    // Keys arrive as UTF-8, so only a foreign file can fail to be one.
                    if let Ok(key) = String::from_utf8(entry.key) {
                        return Ok(Some(Found { key, path }));
                    }
                }
                NameKind::Directory if self.after.admits_below(&entry.key) => {
                    self.enter(path, entry.key)?;
                }
                NameKind::Object | NameKind::Directory => {}
            }
        }
    }

    fn enter(&mut self, path: PathBuf, base: Vec<u8>) -> io::Result<()> {
        let listing = match fs::read_dir(&path) {
            Ok(listing) => listing,
            // The last object in it was deleted since its name was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut entries = Vec::new();
        for entry in listing {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let Some(parsed) = parse_name(&name) else { continue };
            let key = [base.as_slice(), &parsed.adds].concat();
            let wanted = match parsed.kind {
                NameKind::Object => key.starts_with(&self.prefix),
                NameKind::Directory => {
                    key.starts_with(&self.prefix) || self.prefix.starts_with(&key)
                }
            };
            if wanted {
                entries.push(Entry { key, kind: parsed.kind, name });
            }
        }
        entries.sort_unstable_by(|left, right| right.key.cmp(&left.key));
        self.stack.push(Level { path, base, entries });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_path::path_of_key;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn tree(keys: &BTreeSet<String>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for key in keys {
            let path = root.path().join(path_of_key(key));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        root
    }

    fn collect(mut walk: Walk) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some(found) = walk.next().unwrap() {
            assert_eq!(fs::read_to_string(&found.path).unwrap(), found.key);
            keys.push(found.key);
        }
        keys
    }

    fn keys() -> impl Strategy<Value = BTreeSet<String>> {
        proptest::collection::btree_set("[-/0ab]{1,6}|x{79,81}[-/x]{0,3}", 0..25)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_walk_is_the_sorted_set_of_wanted_keys(
            keys in keys(), prefix in "[-/0ab]{0,2}", last in "[-/0abx]{0,5}",
        ) {
            let root = tree(&keys);
            let wanted = |admits: &dyn Fn(&str) -> bool| -> Vec<String> {
                keys.iter().filter(|k| k.starts_with(&prefix) && admits(k)).cloned().collect()
            };
            let walk = |after| collect(Walk::new(root.path(), &prefix, after).unwrap());
            prop_assert_eq!(walk(After::Nothing), wanted(&|_| true));
            let after = last.clone().into_bytes();
            prop_assert_eq!(walk(After::Key(after.clone())), wanted(&|k| k > last.as_str()));
            prop_assert_eq!(
                walk(After::Prefix(after)),
                wanted(&|k| k > last.as_str() && !k.starts_with(&last))
            );
        }
    }

    #[test]
    fn files_of_others_are_passed_over() {
        let root = tree(&BTreeSet::from(["a".to_owned()]));
        fs::write(root.path().join(".DS_Store"), "").unwrap();
        fs::create_dir(root.path().join("lost")).unwrap();
        assert_eq!(collect(Walk::new(root.path(), "", After::Nothing).unwrap()), ["a"]);
    }
}
