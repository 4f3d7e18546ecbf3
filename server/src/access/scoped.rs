//! Temporary keys for one stream, without any memory of them: the access key id says what it
//! allows, and both its seal and its secret are derived from the root secret.
//!
//! ```text
//! id     = "DRT" base32(version 1, role, expiry as u48 BE in ms, stream name, seal of 10 bytes)
//! seal   = HMAC-SHA256(root secret, "deskreel access key id" NUL payload), first 10 bytes
//! secret = base64(HMAC-SHA256(root secret, id))
//! ```
//!
//! Replacing the root credentials revokes them all. Pure: the time is passed in.

use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::Mac;

use super::{StreamName, hmac};

const MARK: &str = "DRT";
const VERSION: u8 = 1;
const SEAL_BYTES: usize = 10;
const SEAL_CONTEXT: &[u8] = b"deskreel access key id\0";

/// What a temporary key lets its holder do with its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read and list.
    View,
    /// Store new objects, and read and list its own.
    Upload,
}

impl Role {
    fn to_byte(self) -> u8 {
        match self {
            Self::View => b'v',
            Self::Upload => b'u',
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'v' => Some(Self::View),
            b'u' => Some(Self::Upload),
            _ => None,
        }
    }
}

/// What an access key id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it allows.
    pub role: Role,
    /// The one stream it is about.
    pub stream: StreamName,
    /// From when on it allows nothing, UTC milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A temporary key. Its `Debug` form does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ScopedKey {
    /// The access key id, which carries the grant.
    pub access_key_id: String,
    /// The secret to sign with, in base64.
    pub secret_access_key: String,
}

impl std::fmt::Debug for ScopedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopedKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Why an access key id allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not an id of a temporary key at all.
    #[error("access key id is not one of this server's temporary keys")]
    NotOurs,
    /// Changed, or issued under other root credentials.
    #[error("access key id was not issued by this server; ask for a new grant")]
    Forged,
    /// Its time is over.
    #[error("temporary key has expired; ask for a new grant")]
    Expired,
}

/// Issues a key for `grant`.
pub fn issue(root_secret: &str, grant: &Grant) -> ScopedKey {
    let expires = u64::try_from(grant.expires_at_ms.max(0)).unwrap_or(0).min((1 << 48) - 1);
    let mut payload = vec![VERSION, grant.role.to_byte()];
    payload.extend(&expires.to_be_bytes()[2..]);
    payload.extend(grant.stream.as_str().as_bytes());
    let seal = hmac(root_secret, &[SEAL_CONTEXT, &payload]).finalize().into_bytes();
    payload.extend(&seal[..SEAL_BYTES]);
    let access_key_id = format!("{MARK}{}", BASE32_NOPAD.encode(&payload));
    let secret_access_key = secret_of(root_secret, &access_key_id);
    ScopedKey { access_key_id, secret_access_key }
}

/// What the key with this id allows at `now_ms`, and its secret.
///
/// # Errors
/// Any [`BadKey`].
pub fn parse(
    root_secret: &str,
    access_key_id: &str,
    now_ms: i64,
) -> Result<(Grant, ScopedKey), BadKey> {
    let encoded = access_key_id.strip_prefix(MARK).ok_or(BadKey::NotOurs)?;
    let bytes = BASE32_NOPAD.decode(encoded.as_bytes()).map_err(|_| BadKey::NotOurs)?;
    let (payload, seal) = bytes.split_last_chunk::<SEAL_BYTES>().ok_or(BadKey::NotOurs)?;
    hmac(root_secret, &[SEAL_CONTEXT, payload])
        .verify_truncated_left(seal)
        .map_err(|_| BadKey::Forged)?;
    // Sealed by us, so from here on only another version of this server could disagree.
    let [VERSION, role, expires @ ..] = payload else { return Err(BadKey::NotOurs) };
    let (expires, stream) = expires.split_first_chunk::<6>().ok_or(BadKey::NotOurs)?;
    let expires_at_ms = expires.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    let stream = std::str::from_utf8(stream).map_err(|_| BadKey::NotOurs)?;
    let grant = Grant {
        role: Role::from_byte(*role).ok_or(BadKey::NotOurs)?,
        stream: stream.parse().map_err(|_| BadKey::NotOurs)?,
        expires_at_ms,
    };
    if now_ms >= expires_at_ms {
        return Err(BadKey::Expired);
    }
    let secret_access_key = secret_of(root_secret, access_key_id);
    Ok((grant, ScopedKey { access_key_id: access_key_id.to_owned(), secret_access_key }))
}

fn secret_of(root_secret: &str, access_key_id: &str) -> String {
    BASE64.encode(&hmac(root_secret, &[access_key_id.as_bytes()]).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "root-secret";

    fn grant(role: Role) -> Grant {
        let stream = "desk-1".parse().unwrap();
        Grant { role, stream, expires_at_ms: 1_700_000_000_000 }
    }

    #[test]
    fn an_issued_key_says_what_was_granted() {
        for role in [Role::View, Role::Upload] {
            let key = issue(SECRET, &grant(role));
            let parsed = parse(SECRET, &key.access_key_id, 1_699_999_999_999).unwrap();
            assert_eq!(parsed, (grant(role), key));
        }
    }

    #[test]
    fn a_key_ends_on_the_millisecond() {
        let key = issue(SECRET, &grant(Role::View));
        assert!(parse(SECRET, &key.access_key_id, 1_699_999_999_999).is_ok());
        assert_eq!(parse(SECRET, &key.access_key_id, 1_700_000_000_000), Err(BadKey::Expired));
    }

    #[test]
    fn any_change_of_an_id_is_noticed() {
        let id = issue(SECRET, &grant(Role::View)).access_key_id;
        for at in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(parse(SECRET, &changed, 0).is_err(), "{changed}");
        }
        for text in ["", "DRT", "DRTAAAA", "AKIAIOSFODNN7EXAMPLE", &id[..id.len() - 1]] {
            assert!(parse(SECRET, text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_of_other_root_credentials_are_forged() {
        let id = issue("other", &grant(Role::View)).access_key_id;
        assert_eq!(parse(SECRET, &id, 0), Err(BadKey::Forged));
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (view, upload) =
            (issue(SECRET, &grant(Role::View)), issue(SECRET, &grant(Role::Upload)));
        assert_ne!(view.secret_access_key, upload.secret_access_key);
        assert!(!format!("{view:?}").contains(&view.secret_access_key));
    }
}
