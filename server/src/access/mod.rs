//! Who may do what: the root key, temporary keys for one stream, and the check at the door.

mod guard;
mod root;
mod scoped;
mod stream;

pub(crate) use guard::{CreateOnly, Guard};
pub use root::{CredentialsError, RootCredentials};
pub use scoped::{BadKey, Grant, Role, ScopedKey, issue, parse};
pub use stream::{BadStreamName, StreamName};

use hmac::{Hmac, KeyInit, Mac};

type HmacSha256 = Hmac<sha2::Sha256>;

/// HMAC-SHA256 of `parts` in a row.
fn hmac(key: &str, parts: &[&[u8]]) -> HmacSha256 {
    let mut mac =
        HmacSha256::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}
