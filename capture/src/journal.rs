//! The known-tile index on disk: an append-only file of what the bucket acknowledged.
//!
//! It is a cache. A torn or corrupt end is cut off, and what is missing is read from the bucket
//! again; so it needs no fsync.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use deskreel_format::{DomainKey, PackRef, SegmentId, TileHash, TileSize};

use crate::core::known::PackTiles;

const MAGIC: &[u8; 8] = b"DRKNOWN1";
/// No record is larger: the tiles of one segment.
const MAX_RECORD: usize = 1 << 28;

/// The open file, positioned at its end; none while the disk is full.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// Its bytes, up to the last whole record.
    good: u64,
    /// The last write failed, which was told.
    failed: bool,
}

/// What a journal remembers of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSegment {
    /// Which segment.
    pub id: SegmentId,
    /// Its own packs.
    pub packs: Vec<PackTiles>,
}

impl Journal {
    /// Opens or creates the journal at `path` and reads what it knows. `tile` and `domain` must be
    /// those with which the hashes were made, or the file is begun anew. On a full disk it remembers
    /// nothing.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn open(
        path: &Path,
        tile: TileSize,
        domain: &DomainKey,
    ) -> io::Result<(Self, Vec<KnownSegment>)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let start = header(tile, domain);
        let (segments, good) = match bytes.strip_prefix(start.as_slice()) {
            Some(records) => {
                let (segments, good) = parse(records);
                (segments, start.len() + good)
            }
            None => (Vec::new(), 0),
        };
        let mut journal =
            Self { path: path.to_owned(), file: None, good: good as u64, failed: false };
        match journal.begin(&start) {
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, path = %path.display(), "known tiles will not be remembered");
            }
            begun => begun?,
        }
        Ok((journal, segments))
    }

    /// Cuts off what is torn, and writes the header where there is none.
    fn begin(&mut self, header: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.set_len(self.good)?;
        if self.good == 0 {
            file.write_all(header)?;
            self.good = header.len() as u64;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Remembers a segment that the bucket acknowledged. When that fails the log tells it once; the
    /// index in memory stays right, and the next start reads from the bucket what is missing.
    pub fn append(&mut self, segment: &KnownSegment) {
        let Some(file) = &mut self.file else { return };
        let record = record(segment);
        // A torn record would hide all that follow.
        let written =
            file.write_all(&record).or_else(|error| file.set_len(self.good).and(Err(error)));
        match written {
            Ok(()) => (self.good, self.failed) = (self.good + record.len() as u64, false),
            Err(error) if !self.failed => {
                let path = self.path.display();
                tracing::warn!(%error, %path, "known tiles are not remembered");
                self.failed = true;
            }
            Err(_) => {}
        }
    }

    /// Replaces the whole journal by `segments`, atomically.
    ///
    /// # Errors
    /// What the file system answered; the old journal is still there then.
    pub fn rewrite(
        &mut self,
        tile: TileSize,
        domain: &DomainKey,
        segments: &[KnownSegment],
    ) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        let mut bytes = header(tile, domain);
        segments.iter().for_each(|segment| bytes.extend(record(segment)));
        fresh.write_all(&bytes)?;
        fresh.persist(&self.path).map_err(|error| error.error)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.good = bytes.len() as u64;
        Ok(())
    }
}

/// Whether there is no room on the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Hashes made with another tile size or key say nothing: the header holds a trace of both.
fn header(tile: TileSize, domain: &DomainKey) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&tile.pixels().to_le_bytes());
    header.extend_from_slice(&domain.fingerprint());
    header
}

fn checksum(body: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(body).as_bytes()[..8]);
    sum
}

fn record(segment: &KnownSegment) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&segment.id.first_ms.to_le_bytes());
    body.extend_from_slice(&segment.id.writer.to_le_bytes());
    for PackTiles { pack, hashes } in &segment.packs {
        for number in [pack.offset, pack.len, hashes.len() as u32] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        hashes.iter().for_each(|hash| body.extend_from_slice(&hash.0));
    }
    let mut record = (body.len() as u32).to_le_bytes().to_vec();
    record.extend_from_slice(&checksum(&body));
    record.extend_from_slice(&body);
    record
}

/// Reads records up to the first that is torn or damaged; returns how many bytes were good.
fn parse(bytes: &[u8]) -> (Vec<KnownSegment>, usize) {
    let mut segments = Vec::new();
    let mut good = 0;
    while let Some((segment, length)) = parse_record(&bytes[good..]) {
        segments.push(segment);
        good += length;
    }
    (segments, good)
}

fn parse_record(bytes: &[u8]) -> Option<(KnownSegment, usize)> {
    let length = u32::from_le_bytes(bytes.first_chunk().copied()?) as usize;
    let sum = bytes.get(4..12)?;
    let body = bytes.get(12..12_usize.checked_add(length)?).filter(|_| length <= MAX_RECORD)?;
    if sum != checksum(body) {
        return None;
    }
    let (first_ms, mut rest) = body.split_first_chunk::<8>()?;
    let writer = take_u32(&mut rest)?;
    let id = SegmentId { first_ms: u64::from_le_bytes(*first_ms), writer };
    let mut packs = Vec::new();
    while !rest.is_empty() {
        let (offset, len, tiles) =
            (take_u32(&mut rest)?, take_u32(&mut rest)?, take_u32(&mut rest)?);
        let (hashes, after) = rest.split_at_checked((tiles as usize).checked_mul(16)?)?;
        rest = after;
        let hashes = hashes.as_chunks::<16>().0.iter().map(|hash| TileHash(*hash)).collect();
        packs.push(PackTiles { pack: PackRef { segment: id, offset, len, tiles }, hashes });
    }
    Some((KnownSegment { id, packs }, 12 + length))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(first_ms: u64, tiles: u8) -> KnownSegment {
        let id = SegmentId { first_ms, writer: 9 };
        let hashes: Vec<_> = (0..tiles).map(|byte| TileHash([byte; 16])).collect();
        let pack = PackRef { segment: id, offset: 5, len: 7, tiles: tiles.into() };
        KnownSegment { id, packs: vec![PackTiles { pack, hashes }] }
    }

    #[test]
    fn what_was_appended_is_there_after_a_restart_and_a_torn_end_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/known");
        let (tile, key) = (TileSize::new(16).unwrap(), DomainKey::new([1; 32]));
        let (mut journal, known) = Journal::open(&path, tile, &key).unwrap();
        assert!(known.is_empty());
        let segments = [segment(1, 3), segment(2, 0), segment(3, 200)];
        segments.iter().for_each(|segment| journal.append(segment));
        let (_, known) = Journal::open(&path, tile, &key).unwrap();
        assert_eq!(known, segments);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let (mut journal, known) = Journal::open(&path, tile, &key).unwrap();
        assert_eq!(known, segments[..2]);
        journal.append(&segments[2]);
        assert_eq!(Journal::open(&path, tile, &key).unwrap().1, segments);
        journal.rewrite(tile, &key, &segments[1..]).unwrap();
        journal.append(&segments[0]);
        assert_eq!(Journal::open(&path, tile, &key).unwrap().1.len(), 3);
    }

    #[test]
    fn another_key_or_tile_size_begins_anew_and_garbage_is_no_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let (tile, key) = (TileSize::new(16).unwrap(), DomainKey::new([1; 32]));
        Journal::open(&path, tile, &key).unwrap().0.append(&segment(1, 3));
        let other = TileSize::new(32).unwrap();
        assert!(Journal::open(&path, other, &key).unwrap().1.is_empty());
        assert!(Journal::open(&path, tile, &key).unwrap().1.is_empty());
        std::fs::write(&path, [0xff; 500]).unwrap();
        assert!(Journal::open(&path, tile, &key).unwrap().1.is_empty());
    }
}
