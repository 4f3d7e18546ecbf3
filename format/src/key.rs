//! Names and object keys. Keys sort by time under one prefix per kind, so that they can be listed
//! from a moment on and expire by prefix.

use crate::FormatError;
use crate::time::{END_OF_TIME_MS, hour_path};

/// The name of one desktop's recording.
///
/// Invariants: 1 to 64 characters out of `a-z 0-9 . _ -`, the first one a letter or digit. So it is
/// one path segment, safe in URLs, policies and file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(String);

impl StreamName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`FormatError::Name`] that says which rule it breaks.
    pub fn parse(name: &str) -> Result<Self, FormatError> {
        let invalid = |reason| FormatError::Name { what: "stream name", value: name.into(), reason };
        if name.is_empty() || name.len() > 64 {
            return Err(invalid("it must have 1 to 64 characters"));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        if !name.chars().all(allowed) {
            return Err(invalid("use only a-z, 0-9, dot, dash and underscore"));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(invalid("it must start with a letter or a digit"));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Prefix of all segments of this stream, with its final slash.
    pub fn segments_prefix(&self) -> String {
        format!("segments/{}/", self.0)
    }

    /// Prefix of all indexes of this stream, with its final slash.
    pub fn index_prefix(&self) -> String {
        format!("index/{}/", self.0)
    }

    /// Key of a segment of this stream.
    pub fn segment_key(&self, id: SegmentId) -> String {
        let (hour, time, writer) = (hour_path(id.first_ms), id.first_ms, id.writer);
        format!("segments/{}/{hour}/{time:013}-{writer:08x}.seg", self.0)
    }

    /// Key of the index of the UTC hour that `time_ms` lies in.
    pub fn index_key(&self, time_ms: u64) -> String {
        format!("index/{}/{}.idx", self.0, hour_path(time_ms))
    }

    /// The key after which segments from `time_ms` on are listed (an exclusive lower bound).
    pub fn segments_from(&self, time_ms: u64) -> String {
        format!("segments/{}/{}/{time_ms:013}", self.0, hour_path(time_ms))
    }
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for StreamName {
    type Err = FormatError;
    fn from_str(name: &str) -> Result<Self, FormatError> {
        Self::parse(name)
    }
}

/// Which segment of a stream: its first moment and who wrote it.
///
/// A writer is one run of an agent; it never writes two segments with one `first_ms`, so the pair
/// is unique even when clocks jump back or two agents share a name by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// Time of the first entry, UTC milliseconds, below [`END_OF_TIME_MS`].
    pub first_ms: u64,
    /// Random number of the writing run.
    pub writer: u32,
}

impl SegmentId {
    /// Reads the id out of a key made by [`StreamName::segment_key`].
    ///
    /// # Errors
    /// [`FormatError::Name`] for any other key.
    pub fn from_key(key: &str) -> Result<Self, FormatError> {
        let invalid = |reason| FormatError::Name { what: "segment key", value: key.into(), reason };
        let file = key.rsplit('/').next().unwrap_or_default();
        let parts = file.strip_suffix(".seg").and_then(|stem| stem.split_once('-'));
        let (time, writer) = parts.ok_or_else(|| invalid("it is not TIME-WRITER.seg"))?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        if time.len() != 13 || writer.len() != 8 || !digits(time) || !digits(writer) {
            return Err(invalid("it is not 13 digits, a dash and 8 hexadecimal digits"));
        }
        let first_ms = time.parse().map_err(|_| invalid("its time is not a number"))?;
        let writer =
            u32::from_str_radix(writer, 16).map_err(|_| invalid("its writer is not a number"))?;
        debug_assert!(first_ms < END_OF_TIME_MS);
        Ok(Self { first_ms, writer })
    }
}

impl std::fmt::Display for SegmentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:013}-{:08x}", self.first_ms, self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_their_segment() {
        let stream = StreamName::parse("desk-1").unwrap();
        let id = SegmentId { first_ms: 1_709_251_200_000, writer: 0xab };
        let key = stream.segment_key(id);
        assert_eq!(key, "segments/desk-1/2024-03-01/00/1709251200000-000000ab.seg");
        assert_eq!(SegmentId::from_key(&key).unwrap(), id);
        assert!(stream.segments_from(id.first_ms) < key);
        assert!(stream.segments_from(id.first_ms + 1) > key);
    }

    #[test]
    fn bad_names_are_refused_with_a_reason() {
        for name in ["", "A", "a/b", "..", "-x", "é", &"x".repeat(65)] {
            assert!(StreamName::parse(name).is_err(), "{name:?}");
        }
        for key in ["", "x.seg", "segments/a/+709251200000-000000ab.seg", "1709251200000-+00000ab.seg"] {
            assert!(SegmentId::from_key(key).is_err(), "{key:?}");
        }
    }
}
