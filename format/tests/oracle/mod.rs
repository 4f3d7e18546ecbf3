//! What must hold for any bytes whatever: the oracles of the fuzz targets (`format/fuzz`) and of the
//! tests that need no fuzzer. Each takes raw bytes, panics when a promise is broken, and else tells
//! how many decoders took them.
//!
//! They live beside the tests and not in the library, so that nothing but the format is shipped.
//! Besides the bytes as they are, each oracle tries them as the inside of an object whose lengths and
//! checksums are right, so that the layers below the checksums are reached.

#![allow(dead_code, reason = "each user calls a part of it")]

use deskreel_format::sharing::{Candidates, CommonsIndex};
use deskreel_format::{
    DaySummary, DomainKey, FormatError, Index, Limits, Manifest, Pack, Segment, SegmentHeader,
    SegmentId, StreamName,
};

/// Small enough that the largest allowed answer is quick, so that a fuzzer finds excess.
pub(crate) fn limits() -> Limits {
    Limits {
        manifest_bytes: 1 << 18,
        moments: 64,
        surfaces: 8,
        layouts: 16,
        packs: 256,
        cells: 1 << 13,
        runs: 1 << 13,
        changes: 1 << 17,
        same: 1 << 13,
        pack_pixels: 1 << 18,
        pack_bytes: 1 << 30,
        summary: 1 << 12,
        absences: 256,
    }
}

/// A list of candidates or an index of the commons; or the body of one, sealed.
pub(crate) fn sharing(bytes: &[u8]) -> usize {
    let key = DomainKey::new([7; 32]);
    let mut taken = 0;
    for magic in [*b"DRCL", *b"DRCI"] {
        let mut opening = magic.to_vec();
        opening.extend_from_slice(&[1, 0, 0, 0]);
        let sealed = [&opening[..], &key.seal(&[&opening, bytes]), bytes].concat();
        for object in [bytes, &sealed] {
            if let Ok(list) = said(Candidates::decode(object, &key)) {
                assert_eq!(list.encode(&key).as_deref(), Ok(object));
                taken += 1;
            }
            if let Ok(index) = said(CommonsIndex::decode(object, &key)) {
                assert_eq!(index.encode(&key).as_deref(), Ok(object));
                taken += 1;
            }
        }
    }
    taken
}

/// A segment, or the body of its manifest.
pub(crate) fn segment(bytes: &[u8]) -> usize {
    let header = SegmentHeader::decode(bytes, &limits());
    if let Ok(header) = said(header) {
        assert!(header.manifest_end <= header.object_len);
    }
    let mut taken = 0;
    for object in [bytes, &seal_segment(1, bytes), &seal_segment(2, bytes)] {
        if let Ok(segment) = said(Segment::decode(object, &limits())) {
            check_segment(&segment);
            taken += 1;
        }
    }
    taken
}

/// An index; or two bytes of length, the body of a summary so long, the body of a manifest.
pub(crate) fn index(bytes: &[u8]) -> usize {
    let (summary, manifest) = match bytes {
        [low, high, rest @ ..] => {
            rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()))
        }
        _ => (bytes, bytes),
    };
    let [old, new] = [1, 2].map(|version| seal_index(version, summary, manifest));
    let mut taken = 0;
    for object in [bytes, &old, &new] {
        let whole = said(DaySummary::decode(object, &limits()));
        if let Ok(summary) = &whole {
            let end = DaySummary::end(object, &limits()).expect("it was decoded");
            let alone = DaySummary::decode(&object[..end], &limits());
            assert_eq!(alone.as_ref(), Ok(summary), "what follows it does not count");
        }
        if let Ok(index) = said(Index::decode(object, &limits())) {
            assert_eq!(whole.as_ref(), Ok(&index.summary));
            check_replay(&index.manifest);
            let again = index.encode().expect("what was read can be written");
            assert_eq!(Index::decode(&again, &limits()).expect("and read again"), index);
            taken += 1;
        }
    }
    taken
}

/// A pack; or its first eight header bytes (codec, size, reserved, tiles) and its payload.
pub(crate) fn pack(bytes: &[u8]) -> usize {
    let mut taken = 0;
    for object in [bytes, &seal_pack(bytes)] {
        if let Ok(pack) = said(Pack::decode(object, &limits())) {
            assert!(pack.tiles() > 0);
            let full = pack.tile_size().tile_bytes();
            assert!((0..pack.tiles()).all(|slot| pack.tile(slot).is_some_and(|t| t.len() == full)));
            assert!(pack.tile(pack.tiles()).is_none() && pack.tile(u32::MAX).is_none());
            taken += 1;
        }
    }
    taken
}

/// A stream name, a key or an id.
pub(crate) fn key(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let name = said(StreamName::parse(&text)).ok();
    if let Some(name) = &name {
        assert_eq!(name.as_str(), text);
        let id = SegmentId { first_ms: 1_709_251_200_000, writer: 1 };
        assert_eq!(SegmentId::from_key(&name.segment_key(id)), Ok(id));
    }
    let key = said(SegmentId::from_key(&text)).ok();
    if let Some(id) = key {
        let stream = text.split('/').nth(1).expect("a key has a stream");
        assert_eq!(StreamName::parse(stream).expect("a valid one").segment_key(id), text);
    }
    let id = said(text.parse::<SegmentId>()).ok();
    if let Some(id) = id {
        assert_eq!(id.to_string(), text);
    }
    [name.is_some(), key.is_some(), id.is_some()].into_iter().filter(|taken| *taken).count()
}

/// A segment without packs around the body of a manifest; lengths and checksum are right.
pub(crate) fn seal_segment(version: u8, body: &[u8]) -> Vec<u8> {
    let packed = deflate(body);
    let mut out = [&b"DRSG"[..], &[version, 0, 0, 0]].concat();
    out.extend((packed.len() as u32).to_le_bytes());
    // As if packs of 1 GiB followed: own packs may lie anywhere in there.
    out.extend((packed.len() as u32 + 32 + (1 << 30)).to_le_bytes());
    let sum = checksum(&[&out, &packed]);
    [out, sum, packed].concat()
}

/// An index around the body of a summary and that of a manifest.
pub(crate) fn seal_index(version: u8, summary: &[u8], manifest: &[u8]) -> Vec<u8> {
    let (summary, manifest) = (deflate(summary), deflate(manifest));
    let mut out = [&b"DRIX"[..], &[version, 0, 0, 0]].concat();
    out.extend((summary.len() as u32).to_le_bytes());
    out.extend((manifest.len() as u32).to_le_bytes());
    let sum = checksum(&[&out, &summary]);
    let manifest_sum = checksum(&[&manifest]);
    [out, sum, summary, manifest_sum, manifest].concat()
}

/// A pack out of eight header bytes and a payload.
pub(crate) fn seal_pack(bytes: &[u8]) -> Vec<u8> {
    let (header, payload) = bytes.split_at(bytes.len().min(8));
    let mut out = header.to_vec();
    out.resize(8, 0);
    out.extend((payload.len() as u32).to_le_bytes());
    let sum = checksum(&[&out, payload]);
    [out, sum, payload.to_vec()].concat()
}

/// DEFLATE, fast rather than small.
pub(crate) fn deflate(body: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(body, 1)
}

fn checksum(parts: &[&[u8]]) -> Vec<u8> {
    blake3::hash(&parts.concat()).as_bytes()[..16].to_vec()
}

/// An error says what is wrong, in few words.
fn said<T>(result: Result<T, FormatError>) -> Result<T, FormatError> {
    if let Err(error) = &result {
        let text = error.to_string();
        let named = match error {
            FormatError::Truncated { what, .. }
            | FormatError::Magic { what }
            | FormatError::Version { what, .. }
            | FormatError::Checksum { what }
            | FormatError::Invalid { what, .. }
            | FormatError::Limit { what, .. }
            | FormatError::Name { what, .. } => *what,
            FormatError::Payload(_) => "pack",
            _ => "",
        };
        assert!(!named.is_empty() && text.contains(named), "{text}");
    }
    result
}

fn check_segment(segment: &Segment) {
    let (manifest, end) = (&segment.manifest, segment.object_len);
    assert!(segment.packs_start <= end && manifest.id.writer != 0);
    for pack in manifest.packs.iter().filter(|pack| pack.segment == manifest.id) {
        assert!(pack.offset >= segment.packs_start);
        assert!(pack.offset.checked_add(pack.len).is_some_and(|pack_end| pack_end <= end));
    }
    check_replay(manifest);
    // Written again as a segment that owns none of the packs: a writer that nobody has.
    let mut foreign = manifest.clone();
    let taken = |writer| manifest.packs.iter().any(|pack| pack.segment.writer == writer);
    foreign.id.writer = (1..).find(|writer| !taken(*writer)).expect("few are taken");
    let again = Segment::encode(&foreign, &[]).expect("what was read can be written");
    assert_eq!(Segment::decode(&again, &limits()).expect("and read again").manifest, foreign);
}

fn check_replay(manifest: &Manifest) {
    let cells: Vec<usize> = manifest
        .layouts
        .iter()
        .map(|layout| layout.cells(manifest.tile, &limits()).expect("checked by the decoder"))
        .collect();
    let mut screen: Option<deskreel_format::Screen> = None;
    for moment in &manifest.moments {
        assert_eq!(moment.changes.len(), moment.changes.iter().count());
        match &mut screen {
            Some(screen) => screen.apply(moment),
            None => screen = Some(deskreel_format::Screen::of(moment)),
        }
        let screen = screen.as_ref().expect("set above");
        assert_eq!(screen.cells.len(), cells[screen.layout as usize]);
        assert!(screen.cells.iter().all(|cell| {
            manifest.packs.get(cell.pack as usize).is_some_and(|pack| cell.slot < pack.tiles)
        }));
    }
    for (from, to) in manifest.links.pairs() {
        for tile in [from, to] {
            assert!(tile.slot < manifest.packs[tile.pack as usize].tiles);
        }
    }
    let breaks = manifest.links.chain.iter().flat_map(|chain| &chain.breaks);
    assert!(breaks.clone().all(|number| *number as usize <= manifest.moments.len()));
    assert!(manifest.moments.windows(2).all(|pair| pair[0].time_ms < pair[1].time_ms));
}
