//! A segment: one object, written by one PUT, that holds a manifest and then its packs.

use std::collections::HashSet;

use crate::error::check_limit;
use crate::manifest::{COMMONS_WRITER, INDEX_WRITER};
use crate::seek::{self, SeekCost};
use crate::wire::Reader;
use crate::{FormatError, Limits, Manifest};

const MAGIC: [u8; 4] = *b"DRSG";
/// The newest version that is read.
const VERSION: u8 = 2;

/// Bytes before the manifest: magic, version, 3 zero bytes, manifest length, object length (both
/// 32-bit little endian), 16 bytes of BLAKE3 over those and the manifest.
pub const HEADER_BYTES: usize = 32;

/// From the first to the last moment of a segment at most so many milliseconds pass: readers look no
/// further back for segments that may hold a moment.
pub const MAX_SPAN_MS: u64 = 600_000;

/// The start of a segment: its manifest, with own packs located from the start of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The manifest.
    pub manifest: Manifest,
    /// Where the packs start.
    pub packs_start: u32,
    /// Bytes of the whole object.
    pub object_len: u32,
}

/// What the first bytes of a segment tell a reader that fetched only some of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Bytes needed from the start to decode the manifest.
    pub manifest_end: u32,
    /// Bytes of the whole object.
    pub object_len: u32,
}

impl SegmentHeader {
    /// Reads the first [`HEADER_BYTES`] bytes.
    ///
    /// # Errors
    /// [`FormatError`] when they are not those of a segment this build understands.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FormatError> {
        let mut reader = Reader::new("segment", bytes);
        reader.opening(MAGIC, VERSION)?;
        let (manifest_len, object_len) = (reader.u32()?, reader.u32()?);
        check_limit("bytes of a manifest", manifest_len.into(), limits.manifest_bytes as u64)?;
        let manifest_end = (HEADER_BYTES as u32).checked_add(manifest_len);
        let manifest_end = manifest_end
            .filter(|end| *end <= object_len)
            .ok_or_else(|| reader.invalid("its manifest would end after the object"))?;
        Ok(Self { manifest_end, object_len })
    }
}

impl Segment {
    /// Decodes the start of a segment: at least [`SegmentHeader::manifest_end`] bytes, more is fine.
    ///
    /// # Errors
    /// [`FormatError`] when bytes are missing, corrupt or contradict the format.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FormatError> {
        let header = SegmentHeader::decode(bytes, limits)?;
        let packs_start = header.manifest_end;
        let Some(packed) = bytes.get(HEADER_BYTES..packs_start as usize) else {
            return Err(FormatError::Truncated { what: "segment", at: bytes.len() });
        };
        if bytes[16..HEADER_BYTES] != checksum(&[&bytes[..16], packed]) {
            return Err(FormatError::Checksum { what: "manifest" });
        }
        let mut manifest = decode_manifest(packed, bytes[4], limits)?;
        check_writer(&manifest)?;
        for pack in manifest.packs.iter_mut().filter(|pack| pack.segment == manifest.id) {
            let offset = pack.offset.checked_add(packs_start);
            let end = offset.and_then(|offset| offset.checked_add(pack.len));
            let Some(offset) = offset.filter(|_| end.is_some_and(|end| end <= header.object_len))
            else {
                let reason = "a pack lies outside its object";
                return Err(FormatError::Invalid { what: "manifest", at: 0, reason });
            };
            pack.offset = offset;
        }
        Ok(Self { manifest, packs_start, object_len: header.object_len })
    }

    /// What it costs to show moment `index` with nothing cached; `None` if there is no such moment. Packs
    /// that only links name are not fetched for it.
    pub fn seek_cost(&self, index: usize) -> Option<SeekCost> {
        let screen = self.manifest.screen(index)?;
        let mut used: Vec<u32> = screen.cells.iter().map(|cell| cell.pack).collect();
        used.sort_unstable();
        used.dedup();
        let packs = used.iter().filter_map(|pack| self.manifest.packs.get(*pack as usize).copied());
        Some(seek::cost(self.manifest.id, self.object_len, self.packs_start, packs))
    }

    /// Builds the object: `manifest` (own packs located from 0) and then `packs` back to back.
    ///
    /// # Errors
    /// [`FormatError`] when a reader with default [`Limits`] would refuse the manifest, when an own
    /// pack of its table is not one of `packs`, or when the object would not fit 4 GiB.
    pub fn encode(manifest: &Manifest, packs: &[Vec<u8>]) -> Result<Vec<u8>, FormatError> {
        check_writer(manifest)?;
        check_own_packs(manifest, packs)?;
        let packed = encode_manifest(manifest)?;
        let total = packs.iter().map(Vec::len).sum::<usize>() + HEADER_BYTES + packed.len();
        check_limit("bytes of a segment", total as u64, u32::MAX.into())?;
        let mut out = Vec::with_capacity(total);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[manifest.version(), 0, 0, 0]);
        out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        out.extend_from_slice(&(total as u32).to_le_bytes());
        let checksum = checksum(&[&out, &packed]);
        out.extend_from_slice(&checksum);
        out.extend_from_slice(&packed);
        packs.iter().for_each(|pack| out.extend_from_slice(pack));
        Ok(out)
    }
}

fn check_writer(manifest: &Manifest) -> Result<(), FormatError> {
    if manifest.id.writer == INDEX_WRITER {
        let reason = "writer 0 is that of indexes";
        return Err(FormatError::Invalid { what: "manifest", at: 0, reason });
    }
    if manifest.id.writer == COMMONS_WRITER && !manifest.moments.is_empty() {
        let reason = "an object of the commons holds a screenshot";
        return Err(FormatError::Invalid { what: "manifest", at: 0, reason });
    }
    Ok(())
}

fn check_own_packs(manifest: &Manifest, packs: &[Vec<u8>]) -> Result<(), FormatError> {
    let mut start = 0;
    let mut places = HashSet::new();
    for pack in packs {
        places.insert((start, pack.len()));
        start += pack.len();
    }
    let mut own = manifest.packs.iter().filter(|pack| pack.segment == manifest.id);
    if !own.all(|pack| places.contains(&(pack.offset as usize, pack.len as usize))) {
        let reason = "an own pack is not where the packs are";
        return Err(FormatError::Invalid { what: "manifest", at: 0, reason });
    }
    Ok(())
}

pub(crate) fn encode_manifest(manifest: &Manifest) -> Result<Vec<u8>, FormatError> {
    Ok(miniz_oxide::deflate::compress_to_vec(&manifest.to_bytes()?, 9))
}

pub(crate) fn decode_manifest(
    packed: &[u8],
    version: u8,
    limits: &Limits,
) -> Result<Manifest, FormatError> {
    Manifest::read(&inflate("manifest", packed, limits.manifest_bytes)?, version, limits)
}

pub(crate) fn inflate(
    what: &'static str,
    packed: &[u8],
    limit: usize,
) -> Result<Vec<u8>, FormatError> {
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};
    decompress_to_vec_with_limit(packed, limit).map_err(|error| match error.status {
        TINFLStatus::HasMoreOutput => {
            FormatError::Limit { what, value: limit as u64 + 1, limit: limit as u64 }
        }
        _ => FormatError::Invalid { what, at: 0, reason: "its compressed bytes are damaged" },
    })
}

/// The first 16 bytes of BLAKE3 over all `parts`.
pub(crate) fn checksum(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}
