//! The root key: made at the first start, kept in a file only its owner can read.

use std::fs;
use std::io;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};

use crate::backend::write_atomically;

const FILE: &str = "credentials.json";

/// The key that may do everything. Its `Debug` form does not show the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootCredentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret to sign with.
    pub secret_access_key: String,
}

/// The credentials file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is there, but it is not what the server wrote.
    #[error("{path} is not a credentials file; restore it, or delete it to get new credentials")]
    Damaged {
        /// The file.
        path: String,
    },
    /// There is none yet.
    #[error("{path} does not exist; `deskreel-server serve` makes it at its first start")]
    Missing {
        /// The file.
        path: String,
    },
}

impl std::fmt::Debug for RootCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl RootCredentials {
    /// Reads the credentials of the server whose data directory is `data`.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub fn load(data: &Path) -> Result<Self, CredentialsError> {
        let path = data.join(FILE);
        let shown = path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| CredentialsError::Damaged { path: shown }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(CredentialsError::Missing { path: shown })
            }
            Err(source) => Err(CredentialsError::File { path: shown, source }),
        }
    }

    /// Reads the credentials in `data`, making them first if there are none.
    ///
    /// # Errors
    /// Any [`CredentialsError`] but `Missing`.
    pub(crate) fn load_or_create(data: &Path) -> Result<Self, CredentialsError> {
        match Self::load(data) {
            Err(CredentialsError::Missing { path }) => {
                let made = Self::random();
                let json = serde_json::to_vec_pretty(&made).map_err(io::Error::from);
                // Temporary files are made readable by their owner alone, and the mode stays.
                json.and_then(|json| write_atomically(data, &data.join(FILE), &json))
                    .map_err(|source| CredentialsError::File { path, source })?;
                Ok(made)
            }
            outcome => outcome,
        }
    }

    fn random() -> Self {
        let id: [u8; 10] = rand::random();
        let secret: [u8; 32] = rand::random();
        Self {
            access_key_id: format!("DRR{}", BASE32_NOPAD.encode(&id)),
            secret_access_key: BASE64URL_NOPAD.encode(&secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_made_once_and_only_the_owner_reads_them() {
        let data = tempfile::tempdir().unwrap();
        assert!(matches!(
            RootCredentials::load(data.path()),
            Err(CredentialsError::Missing { .. })
        ));
        let made = RootCredentials::load_or_create(data.path()).unwrap();
        assert_eq!(RootCredentials::load_or_create(data.path()).unwrap(), made);
        assert_eq!(RootCredentials::load(data.path()).unwrap(), made);
        assert!(!format!("{made:?}").contains(&made.secret_access_key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(data.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_never_replaced() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(FILE), "{").unwrap();
        let outcome = RootCredentials::load_or_create(data.path());
        assert!(matches!(outcome, Err(CredentialsError::Damaged { .. })));
        assert_eq!(fs::read(data.path().join(FILE)).unwrap(), b"{");
    }
}
