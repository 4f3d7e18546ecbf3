//! Names and object keys. Keys sort by time under one prefix per kind, so that they can be listed
//! from a moment on and expire by prefix.

use crate::FormatError;
use crate::manifest::{COMMONS_WRITER, INDEX_WRITER};
use crate::time::{END_OF_TIME_MS, hour_path};

/// What the keys of all kinds of objects begin with: each kind expires by its own rule.
pub const KINDS: [&str; 4] = ["segments/", "index/", "storyboards/", "commons/"];

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
        let invalid =
            |reason| FormatError::Name { what: "stream name", value: name.into(), reason };
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

    /// Prefix of all storyboards of this stream, with its final slash.
    pub fn storyboards_prefix(&self) -> String {
        format!("storyboards/{}/", self.0)
    }

    /// Key of a storyboard of this stream: its first moment and the run that made it.
    pub fn storyboard_key(&self, id: SegmentId) -> String {
        format!("storyboards/{}/{}/{id}.sb", self.0, hour_path(id.first_ms))
    }

    /// The key after which storyboards from `time_ms` on are listed (an exclusive lower bound).
    pub fn storyboards_from(&self, time_ms: u64) -> String {
        format!("storyboards/{}/{}/{time_ms:013}", self.0, hour_path(time_ms))
    }

    /// Prefix of all lists of candidates of this stream, with its final slash.
    pub fn candidates_prefix(&self) -> String {
        format!("{CANDIDATES_PREFIX}{}/", self.0)
    }

    /// Key of a list of candidates of this stream: its time and the run that made it.
    pub fn candidates_key(&self, id: SegmentId) -> String {
        format!("{CANDIDATES_PREFIX}{}/{}/{id}.can", self.0, hour_path(id.first_ms))
    }

    /// Key of a segment of this stream; of an object of the commons, which are those of no stream.
    pub fn segment_key(&self, id: SegmentId) -> String {
        if id.writer == COMMONS_WRITER {
            return commons_key(id.first_ms);
        }
        format!("segments/{}/{}/{id}.seg", self.0, hour_path(id.first_ms))
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

/// Prefix of all lists of candidates, with its final slash.
pub const CANDIDATES_PREFIX: &str = "commons/candidates/";

/// Key of the index of the commons.
pub const COMMONS_INDEX: &str = "commons/index";

/// Prefix of all objects that desktops of an organisation share, with its final slash.
pub const COMMONS_PREFIX: &str = "commons/packs/";

/// Key of the object of the commons with this first time, UTC milliseconds.
pub fn commons_key(first_ms: u64) -> String {
    format!("{COMMONS_PREFIX}{}/{first_ms:013}.seg", hour_path(first_ms))
}

/// The id of the object of the commons that [`commons_key`] names.
///
/// # Errors
/// [`FormatError::Name`] for any other key.
pub fn commons_id(key: &str) -> Result<SegmentId, FormatError> {
    let file = key.strip_prefix(COMMONS_PREFIX).and_then(|path| path.rsplit('/').next());
    let time = file.and_then(|file| file.strip_suffix(".seg")).and_then(|time| time.parse().ok());
    let id = time.map(|first_ms| SegmentId { first_ms, writer: COMMONS_WRITER });
    id.filter(|id| id.first_ms < END_OF_TIME_MS && commons_key(id.first_ms) == key).ok_or_else(
        || {
            let reason = "it is not commons/packs/DATE/HOUR/TIME.seg";
            FormatError::Name { what: "commons key", value: key.into(), reason }
        },
    )
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
    /// Random number of the writing run, never 0: indexes have that.
    pub writer: u32,
}

impl SegmentId {
    /// Reads the id out of a key made by [`StreamName::segment_key`].
    ///
    /// # Errors
    /// [`FormatError::Name`] for any other key.
    pub fn from_key(key: &str) -> Result<Self, FormatError> {
        Self::from_path(key, "segment key", "segments/", ".seg", StreamName::segment_key)
    }

    /// Reads the id out of a key made by [`StreamName::storyboard_key`].
    ///
    /// # Errors
    /// [`FormatError::Name`] for any other key.
    pub fn from_storyboard_key(key: &str) -> Result<Self, FormatError> {
        Self::from_path(key, "storyboard key", "storyboards/", ".sb", StreamName::storyboard_key)
    }

    /// Reads stream and id out of a key made by [`StreamName::candidates_key`].
    ///
    /// # Errors
    /// [`FormatError::Name`] for any other key.
    pub fn from_candidates_key(key: &str) -> Result<(StreamName, Self), FormatError> {
        let (what, root) = ("candidates key", CANDIDATES_PREFIX);
        let id = Self::from_path(key, what, root, ".can", StreamName::candidates_key)?;
        let stream = key[root.len()..].split('/').next().unwrap_or_default();
        Ok((StreamName::parse(stream)?, id))
    }

    fn from_path(
        key: &str,
        what: &'static str,
        root: &str,
        extension: &str,
        again: fn(&StreamName, Self) -> String,
    ) -> Result<Self, FormatError> {
        let invalid = |reason| FormatError::Name { what, value: key.into(), reason };
        let path = key.strip_prefix(root).and_then(|rest| rest.split_once('/'));
        let (stream, rest) = path.ok_or_else(|| invalid("it does not start with KIND/NAME/"))?;
        let stream = StreamName::parse(stream)?;
        let file = rest.rsplit('/').next().and_then(|file| file.strip_suffix(extension));
        let id = file.and_then(Self::parse);
        let id = id.ok_or_else(|| invalid("its file is not TIME-WRITER and its extension"))?;
        if again(&stream, id) != key {
            return Err(invalid("its date and hour are not those of its time"));
        }
        Ok(id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (time, writer) = text.split_once('-')?;
        let id =
            Self { first_ms: time.parse().ok()?, writer: u32::from_str_radix(writer, 16).ok()? };
        // One id has one text: no signs, capitals or missing zeros.
        (id.first_ms < END_OF_TIME_MS && id.writer != INDEX_WRITER && id.to_string() == text)
            .then_some(id)
    }
}

/// The inverse of its `Display`: 13 digits, a dash, 8 hexadecimal digits.
impl std::str::FromStr for SegmentId {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::parse(text).ok_or_else(|| FormatError::Name {
            what: "segment id",
            value: text.into(),
            reason: "it is not 13 digits, a dash and 8 hexadecimal digits other than 0",
        })
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
        let board = stream.storyboard_key(id);
        assert_eq!(board, "storyboards/desk-1/2024-03-01/00/1709251200000-000000ab.sb");
        assert_eq!(SegmentId::from_storyboard_key(&board).unwrap(), id);
        assert!(SegmentId::from_storyboard_key(&key).is_err());
        let list = stream.candidates_key(id);
        assert_eq!(list, "commons/candidates/desk-1/2024-03-01/00/1709251200000-000000ab.can");
        assert_eq!(SegmentId::from_candidates_key(&list), Ok((stream.clone(), id)));
        assert!(SegmentId::from_candidates_key(&board).is_err());
        assert!(list.starts_with(&stream.candidates_prefix()));
        assert!(SegmentId::from_key(&board).is_err());
        assert!(stream.storyboards_from(id.first_ms) < board);
        assert!(stream.segments_from(id.first_ms) < key);
        assert!(stream.segments_from(id.first_ms + 1) > key);
    }

    #[test]
    fn an_object_of_the_commons_has_one_key_whatever_the_stream() {
        let id = SegmentId { first_ms: 1_709_251_200_000, writer: COMMONS_WRITER };
        let key = "commons/packs/2024-03-01/00/1709251200000.seg";
        for stream in ["a", "b"] {
            assert_eq!(StreamName::parse(stream).unwrap().segment_key(id), key);
        }
        assert_eq!(commons_id(key), Ok(id));
        for (part, other) in [("/00/", "/01/"), (".seg", ".idx"), ("packs/", ""), ("17", "+17")] {
            assert!(commons_id(&key.replacen(part, other, 1)).is_err(), "{other:?}");
        }
    }

    #[test]
    fn bad_names_are_refused_with_a_reason() {
        for name in ["", "A", "a/b", "..", "-x", "é", &"x".repeat(65)] {
            assert!(StreamName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn only_the_one_key_of_a_segment_is_read() {
        let good = "segments/a/2024-03-01/00/1709251200000-000000ab.seg";
        assert!(SegmentId::from_key(good).is_ok());
        for (part, other) in [
            ("000000ab", "ffffffff"),
            ("segments/", "index/"),
            ("segments/", "/segments/"),
            ("/a/", "/A/"),
            ("/a/", "/"),
            ("/00/", "/01/"),
            ("2024-03-01/", ""),
            ("2024-03-01", "2024-3-1"),
            ("/00/", "/00/00/"),
            ("1709251200000", "+709251200000"),
            ("1709251200000", "01709251200000"),
            ("000000ab", "000000AB"),
            ("000000ab", "+00000ab"),
            ("000000ab", "00000000"),
            (".seg", ""),
            (".seg", ".idx"),
        ] {
            let key = good.replacen(part, other, 1);
            assert!(SegmentId::from_key(&key).is_err(), "{key:?}");
        }
        let id: SegmentId = "1709251200000-000000ab".parse().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("9999999999999-ffffffff".parse::<SegmentId>().is_ok());
        assert!("10000000000000-000000ab".parse::<SegmentId>().is_err());
    }
}
