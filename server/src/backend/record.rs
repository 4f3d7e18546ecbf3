//! What an object's file holds: the data, then what is known about it, in one file.
//!
//! ```text
//! data | metadata as JSON | footer: metadata length (u32 LE), BLAKE3 of both (8 bytes), "DESKOBJ1"
//! ```
//!
//! One file, published by one rename, so data and metadata can never disagree after a crash. The
//! metadata stands behind the data because the ETag is known only when the last byte has passed;
//! the data starts at offset 0, so a range of the object is the same range of the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"DESKOBJ1";
const FOOTER: usize = 4 + 8 + MAGIC.len();

/// S3 allows 2 KB of user metadata and 8 KB of headers; anything longer is damage.
const MAX_METADATA_BYTES: usize = 64 * 1024;

/// One read of this size gets footer and metadata of nearly every object.
const TAIL: u64 = 1024;

/// What the client said about an object when it stored it; given back with every read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Encoding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `x-amz-meta-*`, without that prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user: BTreeMap<String, String>,
}

/// Everything known about a stored object besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// The object's key, so that a stray file can be told from its name's object.
    pub key: String,
    /// Length of the data in bytes.
    pub size: u64,
    /// MD5 of the data in lower-case hex: the ETag without quotes.
    pub etag: String,
    /// When the object was stored, UTC milliseconds since 1970.
    pub modified_ms: i64,
    /// The checksums the client sent, verified, by algorithm name in lower case, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checksums: BTreeMap<String, String>,
    /// What the client said about it.
    #[serde(default)]
    pub headers: Headers,
}

/// The bytes that follow the data of the object described by `info`.
pub(crate) fn trailer(info: &ObjectInfo) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(info)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    if bytes.len() > MAX_METADATA_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "object metadata over 64 KiB"));
    }
    bytes.extend(length.to_le_bytes());
    let seal = seal(&bytes);
    bytes.extend(seal);
    bytes.extend(MAGIC);
    Ok(bytes)
}

/// Reads what is known about the object in `file`.
///
/// # Errors
/// `InvalidData` if the file is not a whole object; other kinds as the file system says.
pub(crate) fn read_info(file: &mut File) -> io::Result<ObjectInfo> {
    let length = file.metadata()?.len();
    let mut tail = read_tail(file, length, TAIL)?;
    let json_length = footer_metadata_length(&tail)?;
    let need = (json_length + FOOTER) as u64;
    if need > tail.len() as u64 {
        tail = read_tail(file, length, need)?;
    }
    let Some(start) = tail.len().checked_sub(json_length + FOOTER) else {
        return Err(damaged("shorter than its metadata"));
    };
    let (sealed, rest) = tail[start..].split_at(json_length + 4);
    if rest[..8] != seal(sealed) {
        return Err(damaged("metadata does not match its checksum"));
    }
    let info: ObjectInfo = serde_json::from_slice(&sealed[..json_length])
        .map_err(|_| damaged("metadata is not JSON"))?;
    if info.size + need != length {
        return Err(damaged("length does not match the metadata"));
    }
    Ok(info)
}

fn read_tail(file: &mut File, length: u64, want: u64) -> io::Result<Vec<u8>> {
    let start = length.saturating_sub(want);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(length - start).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The metadata length a footer at the end of `tail` names.
fn footer_metadata_length(tail: &[u8]) -> io::Result<usize> {
    let Some((_, footer)) = tail.split_last_chunk::<FOOTER>() else {
        return Err(damaged("shorter than a footer"));
    };
    if !footer.ends_with(MAGIC) {
        return Err(damaged("no footer"));
    }
    let length = u32::from_le_bytes([footer[0], footer[1], footer[2], footer[3]]) as usize;
    if length > MAX_METADATA_BYTES { Err(damaged("metadata too long")) } else { Ok(length) }
}

fn seal(bytes: &[u8]) -> [u8; 8] {
    let mut seal = [0; 8];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut seal);
    seal
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("object file is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn info(size: u64) -> ObjectInfo {
        ObjectInfo {
            key: "segments/desk/1".into(),
            size,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            modified_ms: 1_700_000_000_123,
            checksums: BTreeMap::from([("crc32".into(), "AAAAAA==".into())]),
            headers: Headers { content_type: Some("image/webp".into()), ..Headers::default() },
        }
    }

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn object(data: &[u8], info: &ObjectInfo) -> Vec<u8> {
        [data, &trailer(info).unwrap()].concat()
    }

    #[test]
    fn what_was_written_is_read() {
        for size in [0, 1, 3000] {
            let info = info(size);
            let data = vec![7; usize::try_from(size).unwrap()];
            assert_eq!(read_info(&mut file_of(&object(&data, &info))).unwrap(), info);
        }
    }

    #[test]
    fn metadata_longer_than_the_first_read_is_found() {
        let mut info = info(10);
        info.headers.user.insert("note".into(), "n".repeat(2000));
        assert_eq!(read_info(&mut file_of(&object(&[0; 10], &info))).unwrap(), info);
    }

    #[test]
    fn every_truncation_is_noticed() {
        let whole = object(b"some data", &info(9));
        for length in 0..whole.len() {
            let error = read_info(&mut file_of(&whole[..length])).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "at {length}");
        }
    }

    #[test]
    fn every_flipped_byte_of_the_metadata_is_noticed() {
        let whole = object(b"some data", &info(9));
        for at in 9..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert!(read_info(&mut file_of(&broken)).is_err(), "at {at}");
        }
    }
}
