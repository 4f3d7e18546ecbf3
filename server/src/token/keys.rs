//! The server's own signing keys: a file of secrets, the first of which signs; all of them verify.

use std::io;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::Claims;
use crate::backend::write_atomically;

/// As long as what HS256 makes of it.
const SECRET_BYTES: usize = 32;

/// One key. It is shown by its name alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    kid: String,
    secret: String,
}

/// Keys, the one that signs first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRing {
    keys: Vec<Key>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kids()).finish()
    }
}

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("key file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no key file.
    #[error("{path} is no key file ({what}); make one with `deskreel-server token new-key`")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong; never a secret.
        what: String,
    },
    /// A key that is not there.
    #[error("there is no key '{kid}'; there are: {known}")]
    NoSuchKey {
        /// The name asked for.
        kid: String,
        /// The names there are.
        known: String,
    },
    /// Without it nothing could sign.
    #[error(
        "'{kid}' is the key that signs; make a new one first with `deskreel-server token new-key`"
    )]
    Signing {
        /// The key.
        kid: String,
    },
}

impl KeyRing {
    /// Reads keys from the text of a key file, which `path` names in errors.
    ///
    /// # Errors
    /// [`KeyFileError::Damaged`].
    pub fn parse(text: &str, path: &str) -> Result<Self, KeyFileError> {
        let damaged =
            |what: &str| KeyFileError::Damaged { path: path.to_owned(), what: what.to_owned() };
        let ring: Self = serde_json::from_str(text)
            .map_err(|error| damaged(&format!("line {} is not as expected", error.line())))?;
        if ring.keys.is_empty() {
            return Err(damaged("it holds no key"));
        }
        for (index, key) in ring.keys.iter().enumerate() {
            let secret = BASE64URL_NOPAD.decode(key.secret.as_bytes());
            if !secret.is_ok_and(|secret| secret.len() >= SECRET_BYTES) {
                return Err(damaged(&format!(
                    "key {index} has no secret of 32 bytes in base64url"
                )));
            }
            if ring.keys[..index].iter().any(|other| other.kid == key.kid) {
                return Err(damaged(&format!("two keys have the name '{}'", key.kid)));
            }
        }
        Ok(ring)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Any [`KeyFileError`] of reading.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyFileError::File { path: shown.clone(), source })?;
        Self::parse(&text, &shown)
    }

    /// Writes it so that only its owner can read it, whole or not at all.
    ///
    /// # Errors
    /// [`KeyFileError::File`].
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        json.and_then(|json| write_atomically(folder, path, &json))
            .map_err(|source| KeyFileError::File { path: path.display().to_string(), source })
    }

    /// A ring of one new key, whose name begins with `label`.
    pub fn new(label: &str) -> Self {
        let mut ring = Self { keys: Vec::new() };
        ring.rotate(label);
        ring
    }

    /// A new key signs from now on; those before go on verifying. Its name.
    pub fn rotate(&mut self, label: &str) -> String {
        let (tag, secret): ([u8; 5], [u8; SECRET_BYTES]) = (rand::random(), rand::random());
        let kid = format!("{label}-{}", BASE32_NOPAD.encode(&tag).to_lowercase());
        self.keys.insert(0, Key { kid: kid.clone(), secret: BASE64URL_NOPAD.encode(&secret) });
        kid
    }

    /// Takes a key out: every token that it signed is refused from then on.
    ///
    /// # Errors
    /// [`KeyFileError::NoSuchKey`], [`KeyFileError::Signing`].
    pub fn retire(&mut self, kid: &str) -> Result<(), KeyFileError> {
        match self.keys.iter().position(|key| key.kid == kid) {
            None => Err(KeyFileError::NoSuchKey {
                kid: kid.to_owned(),
                known: self.kids().collect::<Vec<_>>().join(", "),
            }),
            Some(0) => Err(KeyFileError::Signing { kid: kid.to_owned() }),
            Some(index) => {
                self.keys.remove(index);
                Ok(())
            }
        }
    }

    /// Names of the keys, the one that signs first.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.kid.as_str())
    }

    /// The secret bytes of the key `kid`.
    pub(super) fn secret(&self, kid: &str) -> Option<Vec<u8>> {
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        BASE64URL_NOPAD.decode(key.secret.as_bytes()).ok()
    }

    /// A token that says `claims`.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::HS256);
        let key = self.keys.first().expect("a ring has a key");
        header.kid = Some(key.kid.clone());
        let secret = BASE64URL_NOPAD.decode(key.secret.as_bytes()).expect("checked when parsed");
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&secret))
            .expect("claims are plain JSON, and HS256 takes any secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rotate_and_retire() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let mut ring = KeyRing::new("a");
        let first = ring.kids().next().unwrap().to_owned();
        let second = ring.rotate("b");
        ring.save(&path).unwrap();
        let mut ring = KeyRing::load(&path).unwrap();
        assert_eq!(ring.kids().collect::<Vec<_>>(), [second.as_str(), first.as_str()]);
        assert!(matches!(ring.retire(&second), Err(KeyFileError::Signing { .. })));
        assert!(matches!(ring.retire("x"), Err(KeyFileError::NoSuchKey { .. })));
        ring.retire(&first).unwrap();
        assert_eq!(ring.kids().collect::<Vec<_>>(), [second]);
        assert!(!format!("{ring:?}").contains(&ring.keys[0].secret));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_its_secrets_are_not() {
        for text in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kid":"a","secret":"c2hvcnQ"}]}"#] {
            let said = KeyRing::parse(text, "keys.json").unwrap_err().to_string();
            assert!(said.contains("keys.json") && !said.contains("c2hvcnQ"), "{said}");
        }
    }
}
