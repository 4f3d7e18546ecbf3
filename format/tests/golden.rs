//! Bytes written by version 1 stay readable, and their uncompressed parts are still written alike.
//!
//! The files in `tests/golden` were written once by `examples/write_golden.rs` and are **never
//! written again**: a test that fails here says that old recordings became unreadable. What DEFLATE
//! and WebP make of the same input may change with their libraries, so compressed bytes are only
//! read, and bodies are compared after inflating.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

#[path = "golden/v1.rs"]
mod v1;
#[path = "golden/v2.rs"]
mod v2;

use deskreel_format::{
    Digest, DomainKey, Index, Limits, Pack, PackRef, Picture, Segment, SegmentHeader, TileHash,
    TileSize,
};

const PACK: &[u8] = include_bytes!("golden/v1-pack-webp.bin");
const SEGMENT: &[u8] = include_bytes!("golden/v1-segment.bin");
const INDEX: &[u8] = include_bytes!("golden/v1-index.bin");
/// Of version 2, with the pack of version 1.
const SEGMENT_2: &[u8] = include_bytes!("golden/v2-segment.bin");
const INDEX_2: &[u8] = include_bytes!("golden/v2-index.bin");

fn packs_start() -> u32 {
    (SEGMENT.len() - PACK.len()) as u32
}

fn inflated(object: &[u8], start: usize, len: usize) -> Vec<u8> {
    miniz_oxide::inflate::decompress_to_vec(&object[start..start + len]).unwrap()
}

fn number(object: &[u8], at: usize) -> usize {
    u32::from_le_bytes(object[at..at + 4].try_into().unwrap()) as usize
}

/// The bodies of an index: summary and manifest.
fn bodies(index: &[u8]) -> [Vec<u8>; 2] {
    let (summary, manifest) = (number(index, 8), number(index, 12));
    assert_eq!(index.len(), 32 + summary + 16 + manifest);
    [inflated(index, 32, summary), inflated(index, 32 + summary + 16, manifest)]
}

#[test]
fn the_segment_of_version_1_reads_as_it_was_written() {
    let segment = Segment::decode(SEGMENT, &Limits::default()).unwrap();
    assert_eq!(segment.manifest, v1::manifest(packs_start(), PACK.len() as u32));
    let header = SegmentHeader::decode(&SEGMENT[..32], &Limits::default()).unwrap();
    assert_eq!((header.manifest_end, header.object_len), (packs_start(), SEGMENT.len() as u32));
    assert_eq!(&SEGMENT[packs_start() as usize..], PACK);
}

#[test]
fn the_same_manifest_still_has_the_same_body() {
    let manifest = v1::manifest(0, PACK.len() as u32);
    let again = Segment::encode(&manifest, &[PACK.to_vec()]).unwrap();
    assert_eq!(again[..8], SEGMENT[..8]);
    assert_eq!(inflated(&again, 32, number(&again, 8)), inflated(SEGMENT, 32, number(SEGMENT, 8)));
    let index = v1::index(packs_start(), PACK.len() as u32).encode().unwrap();
    assert_eq!(index[..8], INDEX[..8]);
    assert_eq!(bodies(&index), bodies(INDEX));
}

#[test]
fn the_index_of_version_1_reads_as_it_was_written() {
    let index = Index::decode(INDEX, &Limits::default()).unwrap();
    assert_eq!(index, v1::index(packs_start(), PACK.len() as u32));
}

#[test]
fn version_2_reads_as_it_was_written_and_is_still_written_alike() {
    let start = (SEGMENT_2.len() - PACK.len()) as u32;
    let len = PACK.len() as u32;
    let segment = Segment::decode(SEGMENT_2, &Limits::default()).unwrap();
    assert_eq!(segment.manifest, v2::manifest(start, len));
    assert_eq!((SEGMENT_2[4], INDEX_2[4]), (2, 2));
    let again = Segment::encode(&v2::manifest(0, len), &[PACK.to_vec()]).unwrap();
    let body = |object: &[u8]| inflated(object, 32, number(object, 8));
    assert_eq!(body(&again), body(SEGMENT_2));
    assert_eq!(Index::decode(INDEX_2, &Limits::default()).unwrap(), v2::index(start, len));
    assert_eq!(bodies(&v2::index(start, len).encode().unwrap()), bodies(INDEX_2));
    // Version 1 has no commons and nothing after its tail.
    for object in [SEGMENT_2, INDEX_2] {
        let mut old = object.to_vec();
        old[4] = 1;
        assert!(Segment::decode(&old, &Limits::default()).is_err());
        assert!(Index::decode(&old, &Limits::default()).is_err());
    }
}

#[test]
fn the_first_screenshot_of_version_1_is_drawn_from_its_pack_and_proven_by_its_digests() {
    let segment = Segment::decode(SEGMENT, &Limits::default()).unwrap().manifest;
    let place = segment.packs[0];
    let bytes = &SEGMENT[place.offset as usize..][..place.len as usize];
    let pack = Pack::decode_at(&place, segment.tile, bytes, &Limits::default()).unwrap();
    let layout = &segment.layouts[0];
    let cells = segment.screen(0).unwrap().cells;
    let mut cells = cells.iter();
    for (number, grid) in layout.grids(segment.tile).unwrap().iter().enumerate() {
        let info = &layout.surfaces[number];
        let mut picture = Picture::filled(info.width, info.height, [0; 3]).unwrap();
        for cell in 0..grid.cells() {
            let tile = pack.tile(cells.next().unwrap().slot).unwrap();
            grid.paste(tile, cell, picture.rgb_mut());
        }
        assert!(picture == v1::pictures()[number]);
        assert_eq!(Digest::of(&picture), segment.moments[0].digests[number]);
    }
}

#[test]
fn a_pack_that_the_manifest_describes_otherwise_is_refused() {
    let place = v1::manifest(0, PACK.len() as u32).packs[0];
    let decode = |place: PackRef, tile| Pack::decode_at(&place, tile, PACK, &Limits::default());
    assert_eq!(decode(place, v1::tile()).unwrap().tiles(), 10);
    for (wrong, tile) in [
        (PackRef { tiles: 11, ..place }, v1::tile()),
        (PackRef { tiles: 9, ..place }, v1::tile()),
        (PackRef { len: place.len + 1, ..place }, v1::tile()),
        (place, TileSize::ALL[1]),
    ] {
        let error = decode(wrong, tile).unwrap_err().to_string();
        assert!(error.contains("not the pack that the manifest describes"), "{error}");
    }
}

#[test]
fn packs_written_today_hold_the_same_tiles() {
    let today = Pack::decode(&v1::webp_pack(), &Limits::default()).unwrap();
    assert!(today == Pack::decode(PACK, &Limits::default()).unwrap());
}

#[test]
fn hashes_of_version_1_have_not_changed() {
    let picture = &v1::pictures()[0];
    assert_eq!(Digest::of(picture).to_string(), "d0ca60e8e196e0a45b4ceac3b327c356");
    let grid = v1::layouts()[0].grids(v1::tile()).unwrap()[0];
    let key = DomainKey::new(*b"0123456789abcdef0123456789abcdef");
    let hash = |cell| TileHash::of_cell(&key, &grid, picture.rgb(), 20, cell).0;
    let hex = |hash: [u8; 16]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(hash(0)), "d6bec842fb9eb960bf6d819cc2b31777");
    assert_eq!(hex(hash(5)), "9e790c6dd8dc04f0bcb34b9b0213044b");
}

#[test]
fn each_damaged_byte_of_a_golden_file_is_noticed() {
    let limits = Limits::default();
    for at in 0..SEGMENT.len() {
        let mut bytes = SEGMENT.to_vec();
        bytes[at] ^= 0x10;
        let start_is_read = at < packs_start() as usize;
        assert_eq!(Segment::decode(&bytes, &limits).is_err(), start_is_read, "byte {at}");
        let pack = Pack::decode(&bytes[packs_start() as usize..], &limits);
        assert_eq!(pack.is_err(), !start_is_read, "byte {at}");
    }
    for at in 0..INDEX.len() {
        let mut bytes = INDEX.to_vec();
        bytes[at] ^= 0x10;
        assert!(Index::decode(&bytes, &limits).is_err(), "byte {at}");
        assert!(Index::decode(&INDEX[..at], &limits).is_err(), "cut at {at}");
    }
}
