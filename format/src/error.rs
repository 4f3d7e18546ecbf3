//! What can be wrong with bytes or keys.

use thiserror::Error;

/// Why bytes or a key were refused. `what` is the part of the format, `at` a byte offset in it (of a
/// manifest and of a summary: in its inflated bytes).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the structure does.
    #[error("{what} is cut short at byte {at}")]
    Truncated {
        /// Part of the format.
        what: &'static str,
        /// Offset at which more bytes were needed.
        at: usize,
    },
    /// The first bytes are not those of this structure.
    #[error("this is not a {what}: it does not start with the right bytes")]
    Magic {
        /// Part of the format.
        what: &'static str,
    },
    /// Written by a later version of Deskreel.
    #[error("{what} has format version {found}, this build reads up to {newest}; update it")]
    Version {
        /// Part of the format.
        what: &'static str,
        /// Version found.
        found: u8,
        /// Newest version understood.
        newest: u8,
    },
    /// The bytes are not the ones that were written.
    #[error("{what} is corrupt: its checksum does not match its bytes")]
    Checksum {
        /// Part of the format.
        what: &'static str,
    },
    /// Not sealed with this key: of another sharing domain, or changed since.
    #[error("{what} is not sealed with this domain key: it is another domain's, or was changed")]
    Seal {
        /// Part of the format.
        what: &'static str,
    },
    /// A value contradicts the format.
    #[error("{what} is invalid at byte {at}: {reason}")]
    Invalid {
        /// Part of the format.
        what: &'static str,
        /// Offset of the value.
        at: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value is larger than the reader's [`crate::Limits`] allow.
    #[error("{what}: {value}, the limit is {limit}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// Value asked for.
        value: u64,
        /// Largest value allowed.
        limit: u64,
    },
    /// A codec refused tiles or a payload.
    #[error("pack is invalid: {0}")]
    Payload(#[from] crate::codec::PayloadError),
    /// A name or key is not of the form that FORMAT.md gives.
    #[error("{what} {value:?} is invalid: {reason}")]
    Name {
        /// Which name.
        what: &'static str,
        /// The text given.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

pub(crate) fn check_limit(what: &'static str, value: u64, limit: u64) -> Result<(), FormatError> {
    if value > limit {
        return Err(FormatError::Limit { what, value, limit });
    }
    Ok(())
}
