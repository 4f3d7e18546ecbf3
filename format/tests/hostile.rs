//! Decoders meet bytes that somebody made up: they refuse, and take no more memory than allowed.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod oracle;
mod simulated;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{DaySummary, FormatError, Limits, Pack, Segment, TileSize};
use simulated::recording::Recording;
use simulated::{Dice, anything};

/// Counts what each thread has allocated, and the most it had at once.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(now.get())));
    });
}

#[allow(unsafe_code, reason = "an allocator can only be wrapped so; it passes everything on")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) };
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist at once.
        count(size as isize);
        let moved = unsafe { System.realloc(pointer, layout, size) };
        count(-(layout.size() as isize));
        moved
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `work` held at once.
fn most_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    MOST.set(before);
    let result = work();
    (result, (MOST.get() - before) as usize)
}

/// Changes bytes as attackers and broken disks do.
fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.bits() as u8),
            2 => {
                let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x01];
                let len = 1 + dice.below(10) as usize;
                bytes.splice(at..at, huge[10 - len..].iter().copied());
            }
            3 => {
                let end = (at + dice.below(9) as usize).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => drop(bytes.drain(at..(at + dice.below(4) as usize).min(bytes.len()))),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte =
                        byte.wrapping_add([1, 255, 128, dice.bits() as u8][dice.below(4) as usize]);
                }
            }
        }
    }
}

/// Tries `count` spoilt copies of what `base` makes, and demands that some were taken and some not,
/// and that none took more than `most` bytes of memory.
fn attack(
    count: usize,
    most: usize,
    base: impl Fn(&mut Dice) -> Vec<u8>,
    oracle: impl Fn(&[u8]) -> usize,
) {
    let mut dice = Dice::new(count as u64);
    let mut bytes = base(&mut dice);
    let mut taken = 0;
    for round in 0..count {
        if round % 20 == 0 {
            bytes = base(&mut dice);
        }
        let mut spoilt = bytes.clone();
        spoil(&mut spoilt, &mut dice);
        let (accepted, held) = most_bytes(|| oracle(&spoilt));
        taken += usize::from(accepted > 0);
        assert!(held <= most, "{held} bytes held for {spoilt:?}");
    }
    assert!(taken > count / 20 && taken < count * 19 / 20, "{taken} of {count} were taken");
}

fn manifest_body(object: &[u8]) -> Vec<u8> {
    let len = u32::from_le_bytes(object[8..12].try_into().unwrap()) as usize;
    miniz_oxide::inflate::decompress_to_vec(&object[32..32 + len]).unwrap()
}

fn random_segment(dice: &mut Dice) -> Vec<u8> {
    loop {
        let id = anything::segment_id(dice);
        let object = Segment::encode(&anything::manifest(dice, id), &[]).unwrap();
        if Segment::decode(&object, &oracle::limits()).is_ok() {
            return object;
        }
    }
}

fn random_index_bodies(dice: &mut Dice) -> Vec<u8> {
    let object = anything::index(dice).encode().unwrap();
    let len = |at: usize| u32::from_le_bytes(object[at..at + 4].try_into().unwrap()) as usize;
    let (summary, manifest) = (32..32 + len(8), 32 + len(8) + 16..object.len());
    let inflate = |part: &[u8]| miniz_oxide::inflate::decompress_to_vec(part).unwrap();
    let summary = inflate(&object[summary]);
    let mut bytes = (summary.len() as u16).to_le_bytes().to_vec();
    bytes.extend(summary);
    bytes.extend(inflate(&object[manifest]));
    bytes
}

fn random_pack(codec: Codec, dice: &mut Dice) -> Vec<u8> {
    let tile = TileSize::ALL[dice.below(3) as usize];
    let tiles = 1 + dice.below(6) as u32;
    let positions: Vec<TilePos> = (0..tiles).map(|col| TilePos { row: 0, col }).collect();
    let colours = 1 + dice.below(250);
    let rgb: Vec<u8> =
        (0..tiles as usize * tile.tile_bytes()).map(|_| dice.below(colours) as u8).collect();
    let pack = Pack::encode(codec, tile, &positions, &rgb).unwrap();
    // What the oracle seals again: the first eight header bytes and the payload.
    [&pack[..8], &pack[28..]].concat()
}

const MIB: usize = 1 << 20;

#[test]
fn spoilt_manifests_in_intact_segments_are_refused_or_hold_every_promise() {
    attack(40_000, 4 * MIB, |dice| manifest_body(&random_segment(dice)), oracle::segment);
}

#[test]
fn spoilt_segments_are_refused() {
    attack(20_000, 4 * MIB, random_segment, oracle::segment);
}

#[test]
fn spoilt_bodies_in_intact_indexes_are_refused_or_hold_every_promise() {
    attack(30_000, 4 * MIB, random_index_bodies, oracle::index);
}

#[test]
fn spoilt_payloads_in_intact_packs_are_refused_or_are_tiles() {
    for codec in Codec::ALL {
        attack(10_000, 8 * MIB, |dice| random_pack(codec, dice), oracle::pack);
    }
}

#[test]
fn spoilt_keys_are_refused_or_come_back() {
    let base = |dice: &mut Dice| {
        let id = anything::segment_id(dice);
        let stream = deskreel_format::StreamName::parse("desk-1").unwrap();
        let texts = [stream.segment_key(id), id.to_string(), stream.to_string()];
        texts[dice.below(3) as usize].clone().into_bytes()
    };
    attack(20_000, 4 * MIB, base, oracle::key);
}

#[test]
fn an_own_pack_must_end_inside_its_object() {
    let recording = Recording::of_random_desktop(5, TileSize::ALL[1], 3, 3);
    let mut object = recording.objects[0].1.clone();
    let full = recording.segment(0).object_len;
    let manifest_end = recording.segment(0).packs_start as usize;
    let last = recording.segment(0).manifest.packs.iter().map(|p| p.offset + p.len).max();
    assert_eq!(last, Some(full));
    let mut decode_with_len = |len: u32| {
        object[12..16].copy_from_slice(&len.to_le_bytes());
        let sum = blake3::hash(&[&object[..16], &object[32..manifest_end]].concat());
        object[16..32].copy_from_slice(&sum.as_bytes()[..16]);
        Segment::decode(&object, &Limits::default())
    };
    assert!(decode_with_len(full).is_ok());
    let error = decode_with_len(full - 1).unwrap_err();
    assert!(error.to_string().contains("outside its object"), "{error}");
}

#[test]
fn noise_is_refused_by_every_decoder() {
    let mut dice = Dice::new(9);
    for _ in 0..5_000 {
        let noise: Vec<u8> = (0..dice.below(200)).map(|_| dice.bits() as u8).collect();
        for oracle in [oracle::segment, oracle::index, oracle::pack] {
            assert_eq!(oracle(&noise), 0, "{noise:?}");
        }
    }
}

#[test]
fn a_deflate_bomb_is_stopped_at_the_limit() {
    let bomb = oracle::deflate(&vec![0; 300 << 20]);
    assert!(bomb.len() < 4 * MIB);
    let sealed = |packed: &[u8]| {
        let mut out = b"DRSG\x01\0\0\0".to_vec();
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend((packed.len() as u32 + 32).to_le_bytes());
        let sum = blake3::hash(&[&out, packed].concat());
        [&out, &sum.as_bytes()[..16], packed].concat()
    };
    let object = sealed(&bomb);
    let limits = Limits { manifest_bytes: 8 * MIB, ..Limits::default() };
    let (result, held) = most_bytes(|| Segment::decode(&object, &limits));
    assert!(matches!(result, Err(FormatError::Limit { what: "manifest", .. })), "{result:?}");
    assert!(held < 20 * MIB, "{held}");
}

#[test]
fn counts_that_lie_reserve_nothing() {
    // A summary of 200,000 moments, of which none is there.
    let object = oracle::seal_index(1, &[0, 0xc0, 0x9a, 0x0c], &[]);
    let (result, held) = most_bytes(|| DaySummary::decode(&object, &Limits::default()));
    assert!(matches!(result, Err(FormatError::Truncated { .. })), "{result:?}");
    assert!(held < MIB, "{held}");
    // A pack of 2^28 pixels, of which none is there.
    let pack = oracle::seal_pack(&[1, 4, 0, 0, 0, 0, 16, 0]);
    let (result, held) = most_bytes(|| Pack::decode(&pack, &Limits::default()));
    assert!(result.is_err());
    assert!(held < MIB, "{held}");
}
