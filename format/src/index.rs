//! The index of an hour: its manifests rolled into one object, after a summary of the last 24 hours.
//!
//! The summary stands first and has a checksum of its own, so that one short ranged GET of the
//! newest index lists a day. An index can be rebuilt from segments by anyone.

use crate::manifest::{INDEX_WRITER, read_absences, write_absences};
use crate::segment::{checksum, decode_manifest, encode_manifest, inflate};
use crate::time::{END_OF_TIME_MS, HOUR_MS};
use crate::wire::{Reader, put_varint};
use crate::{Absence, FormatError, Limits, Manifest, MomentSummary, summary};

const MAGIC: [u8; 4] = *b"DRIX";
/// The newest version that is read.
const VERSION: u8 = 2;
/// Bytes of the manifest's checksum.
const CHECKSUM_BYTES: usize = 16;
/// Bytes before the summary.
pub const HEADER_BYTES: usize = 32;

/// The first part of an index: what happened in the 24 hours before its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaySummary {
    /// Starts of the UTC hours whose moments are all in here, ascending.
    pub hours: Vec<u64>,
    /// The moments of those hours.
    pub moments: Vec<MomentSummary>,
    /// The absences of those hours.
    pub absences: Vec<Absence>,
}

/// An hour's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The day's summary.
    pub summary: DaySummary,
    /// The screenshots and absences of the hour, of all segments, as one manifest: its id is (start
    /// of the hour, writer 0), every pack is located from the start of its object, no tail.
    pub manifest: Manifest,
}

impl DaySummary {
    /// How many bytes from the start of an index hold its summary, read from its first 16 bytes.
    ///
    /// # Errors
    /// [`FormatError`] when they are not those of an index.
    pub fn end(bytes: &[u8], limits: &Limits) -> Result<usize, FormatError> {
        let mut reader = Reader::new("index", bytes);
        reader.opening(MAGIC, VERSION)?;
        let summary_len = reader.u32()? as usize;
        crate::error::check_limit(
            "bytes of a summary",
            summary_len as u64,
            limits.manifest_bytes as u64,
        )?;
        Ok(HEADER_BYTES + summary_len)
    }

    /// Decodes the summary from the first bytes of an index.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt or contradict the format.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FormatError> {
        let end = Self::end(bytes, limits)?;
        let Some(packed) = bytes.get(HEADER_BYTES..end) else {
            return Err(FormatError::Truncated { what: "index", at: bytes.len() });
        };
        if bytes[16..HEADER_BYTES] != checksum(&[&bytes[..16], packed]) {
            return Err(FormatError::Checksum { what: "index summary" });
        }
        let body = inflate("index summary", packed, limits.manifest_bytes)?;
        let mut reader = Reader::new("index summary", &body);
        let count = reader.count("hours of a summary", limits.summary)?;
        let mut hours = Vec::new();
        for _ in 0..count {
            let hour = reader.varint()?;
            let before = hours.last().copied().unwrap_or(0);
            let in_range = hour <= (END_OF_TIME_MS - 1) / HOUR_MS;
            let hour_ms = if in_range { hour * HOUR_MS } else { 0 };
            if !in_range || (!hours.is_empty() && hour_ms <= before) {
                return Err(reader.invalid("the hours do not ascend"));
            }
            hours.push(hour_ms);
        }
        let moments = summary::read(&mut reader, limits)?;
        let absences = read_absences(&mut reader, limits)?;
        reader.finish()?;
        Ok(Self { hours, moments, absences })
    }
}

impl Index {
    /// The bytes of the object.
    ///
    /// # Errors
    /// [`FormatError`] when a reader with default [`Limits`] would refuse it; such an hour is left
    /// without an index, and read from its segments.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let mut body = Vec::new();
        put_varint(&mut body, self.summary.hours.len() as u64);
        self.summary.hours.iter().for_each(|h| put_varint(&mut body, h / HOUR_MS));
        summary::write(&self.summary.moments, &mut body);
        write_absences(&self.summary.absences, &mut body);
        let summary = miniz_oxide::deflate::compress_to_vec(&body, 9);
        let manifest = encode_manifest(&self.manifest)?;
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.manifest.version(), 0, 0, 0]);
        out.extend_from_slice(&(summary.len() as u32).to_le_bytes());
        out.extend_from_slice(&(manifest.len() as u32).to_le_bytes());
        let sum = checksum(&[&out, &summary]);
        out.extend_from_slice(&sum);
        out.extend_from_slice(&summary);
        out.extend_from_slice(&checksum(&[&manifest]));
        out.extend_from_slice(&manifest);
        if Self::decode(&out, &Limits::default())? != *self {
            let reason = "it would not be read back as it is";
            return Err(FormatError::Invalid { what: "index", at: 0, reason });
        }
        Ok(out)
    }

    /// How many bytes an index has, read from its first 16 bytes.
    ///
    /// # Errors
    /// [`FormatError`] when they are not those of an index.
    pub fn end(bytes: &[u8], limits: &Limits) -> Result<usize, FormatError> {
        let start = DaySummary::end(bytes, limits)?;
        let manifest_len = Reader::new("index", &bytes[12..]).u32()?;
        let (most, what) = (limits.manifest_bytes as u64, "bytes of an index's manifest");
        crate::error::check_limit(what, manifest_len.into(), most)?;
        Ok(start + CHECKSUM_BYTES + manifest_len as usize)
    }

    /// Decodes a whole index.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt or contradict the format.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FormatError> {
        let summary = DaySummary::decode(bytes, limits)?;
        let start = DaySummary::end(bytes, limits)?;
        let manifest_len = Reader::new("index", &bytes[12..]).u32()? as usize;
        let mut reader = Reader::new("index", &bytes[start..]);
        let sum = reader.array::<16>()?;
        let packed = reader.bytes(manifest_len)?;
        reader.finish()?;
        if sum != checksum(&[packed]) {
            return Err(FormatError::Checksum { what: "index manifest" });
        }
        let manifest = decode_manifest(packed, bytes[4], limits)?;
        let start_ms = manifest.id.first_ms;
        let last_ms = manifest.moments.last().map_or(start_ms, |moment| moment.time_ms);
        let reason = if manifest.id.writer != INDEX_WRITER || start_ms % HOUR_MS != 0 {
            "its id is not that of an hour"
        } else if last_ms - start_ms >= HOUR_MS {
            "a screenshot lies outside its hour"
        } else if !manifest.tail.is_empty() {
            "it has a tail, which only segments have"
        } else {
            return Ok(Self { summary, manifest });
        };
        Err(FormatError::Invalid { what: "index manifest", at: 0, reason })
    }
}
