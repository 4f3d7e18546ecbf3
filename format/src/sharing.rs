//! How desktops of one sharing domain hear of tiles that several of them show (FORMAT.md, 13): each
//! lists what it has to share, and one index tells all of them what the commons hold. Both are sealed
//! with the domain's key, and players need neither.

mod candidates;
mod commons;

pub use candidates::{CandidateGroup, Candidates, TilePrefix, Vote};
pub use commons::{CommonsIndex, CommonsPack};

use crate::wire::Reader;
use crate::{DomainKey, FormatError};

const VERSION: u8 = 1;
/// Bytes of a list or an index at most.
pub const MAX_SHARING_BYTES: usize = 32 << 20;
/// Tiles of a list or an index at most.
pub const MAX_SHARED_TILES: usize = 1 << 20;
/// Groups, votes or packs of one at most.
const MAX_ENTRIES: usize = 1 << 16;

/// `magic`, version, three zeros, the seal over those eight bytes and `body`, `body`.
fn close(what: &'static str, magic: [u8; 4], key: &DomainKey, body: &[u8]) -> Sealed {
    let mut opening = magic.to_vec();
    opening.extend_from_slice(&[VERSION, 0, 0, 0]);
    let mut bytes = opening.clone();
    bytes.extend_from_slice(&key.seal(&[&opening, body]));
    bytes.extend_from_slice(body);
    crate::error::check_limit(what, bytes.len() as u64, MAX_SHARING_BYTES as u64)?;
    Ok(bytes)
}

type Sealed = Result<Vec<u8>, FormatError>;

/// The body of what [`close`] made.
fn open<'a>(
    what: &'static str,
    magic: [u8; 4],
    key: &DomainKey,
    bytes: &'a [u8],
) -> Result<Reader<'a>, FormatError> {
    crate::error::check_limit(what, bytes.len() as u64, MAX_SHARING_BYTES as u64)?;
    let mut reader = Reader::new(what, bytes);
    reader.opening(magic, VERSION)?;
    let seal = reader.array::<16>()?;
    let body = reader.bytes(reader.remaining())?;
    if !key.is_seal(&seal, &[&bytes[..8], body]) {
        return Err(FormatError::Seal { what });
    }
    Ok(Reader::new(what, body))
}

/// A count of a body: at most `limit`, and no more than its bytes could hold.
fn count(
    reader: &mut Reader<'_>,
    what: &'static str,
    limit: usize,
    each: usize,
) -> Result<usize, FormatError> {
    let count = reader.count(what, limit)?;
    if count > reader.remaining() / each {
        return Err(reader.invalid("it counts more than it holds"));
    }
    Ok(count)
}
