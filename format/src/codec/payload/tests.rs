//! What was coded comes back; what was not coded is refused; the bytes never change.

use super::*;
use crate::codec::{quick, screen};
use proptest::prelude::*;

type Encode = fn(u32, &[TilePos], &[u8]) -> Result<Vec<u8>, PayloadError>;
type Decode = fn(&[u8], u32, usize) -> Result<Vec<u8>, PayloadError>;

/// Both sides of a codec.
#[derive(Clone, Copy)]
struct Sides {
    encode: Encode,
    decode: Decode,
}

const SCREEN_CODEC: Sides =
    Sides { encode: encode::<screen::Pixels>, decode: decode::<screen::Pixels> };
const QUICK_CODEC: Sides =
    Sides { encode: encode::<quick::Pixels>, decode: decode::<quick::Pixels> };
const CODECS: [Sides; 2] = [SCREEN_CODEC, QUICK_CODEC];

/// A small generator of fixed sequences: the tests must not depend on a crate's version.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        self.0 >> 8
    }
}

/// A drawing: colour of the pixel at (x, y).
type Drawing = fn(u32, u32) -> [u8; 3];

fn flat(_: u32, _: u32) -> [u8; 3] {
    [30, 144, 255]
}

fn gradient(x: u32, y: u32) -> [u8; 3] {
    [(x / 2) as u8, (y / 3) as u8, ((x + y) / 4) as u8]
}

fn noise(x: u32, y: u32) -> [u8; 3] {
    let [a, b, c, _] = Noise(x.wrapping_mul(7919) ^ y << 15).next().to_le_bytes();
    [a, b, c]
}

/// A gentle surface with grain: like a photograph.
fn photo(x: u32, y: u32) -> [u8; 3] {
    let wave = |v: u32| (v * (256 - v % 256) / 128 % 200) as u8;
    let [grain, ..] = noise(x, y);
    [wave(x) / 2 + grain % 3, wave(x + y) / 3 + grain % 5, wave(y) / 2 + grain % 4]
}

/// Glyph-like strokes of few colours on white, repeated along lines.
fn text(x: u32, y: u32) -> [u8; 3] {
    let letter = Noise(((x / 7 % 9) << 4) | (y % 12 / 2)).next();
    if y % 16 > 11 || letter >> (x % 7) & 1 == 0 {
        return [255; 3];
    }
    [[7, 15, 79], [0, 0, 0], [151, 199, 255], [255, 191, 47]][(letter >> 9 & 3) as usize]
}

const DRAWINGS: [Drawing; 5] = [flat, gradient, noise, photo, text];

fn tiles(tile: u32, positions: &[TilePos], drawing: Drawing) -> Vec<u8> {
    let mut out = Vec::new();
    for p in positions {
        for y in 0..tile {
            for x in 0..tile {
                let (x, y) = (p.col.wrapping_mul(tile) + x, p.row.wrapping_mul(tile) + y);
                out.extend(drawing(x % 4096, y % 4096));
            }
        }
    }
    out
}

fn block(rows: u32, cols: u32) -> Vec<TilePos> {
    (0..rows).flat_map(|row| (0..cols).map(move |col| TilePos { row, col })).collect()
}

/// Positions with holes, as typing and scrolling leave them.
fn scattered(rows: u32, cols: u32, seed: u32) -> Vec<TilePos> {
    let mut random = Noise(seed);
    block(rows, cols).into_iter().filter(|_| random.next() % 5 < 2).collect()
}

fn assert_comes_back(codec: Sides, tile: u32, positions: &[TilePos], tiles: &[u8]) -> Vec<u8> {
    let bytes = (codec.encode)(tile, positions, tiles).unwrap();
    let back = (codec.decode)(&bytes, tile, positions.len()).unwrap();
    assert!(back == tiles, "{} tiles of {tile} px came back changed", positions.len());
    bytes
}

#[test]
fn every_drawing_comes_back_at_every_tile_edge() {
    for tile in TILE_EDGES {
        for drawing in DRAWINGS {
            let n = (160 / tile).max(2);
            for positions in [block(1, 1), block(n, n + 1), scattered(n + 2, n, tile)] {
                for codec in CODECS {
                    assert_comes_back(codec, tile, &positions, &tiles(tile, &positions, drawing));
                }
            }
        }
    }
}

#[test]
fn drawings_beside_each_other_come_back() {
    let mixed: Drawing = |x, y| DRAWINGS[((x / 40 + y / 56) % 5) as usize](x, y);
    let positions = scattered(12, 30, 3);
    for codec in CODECS {
        assert_comes_back(codec, 16, &positions, &tiles(16, &positions, mixed));
    }
}

#[test]
fn no_tiles_are_no_bytes() {
    for codec in CODECS {
        assert_eq!((codec.encode)(16, &[], &[]), Ok(Vec::new()));
        assert_eq!((codec.decode)(&[], 16, 0), Ok(Vec::new()));
        assert_eq!((codec.decode)(&[0], 16, 0), Err(PayloadError::Trailing { bytes: 1 }));
    }
}

#[test]
fn positions_may_lie_anywhere() {
    let far = [
        TilePos { row: 0, col: u32::MAX },
        TilePos { row: u32::MAX, col: 0 },
        TilePos { row: u32::MAX, col: u32::MAX },
    ];
    for codec in CODECS {
        assert_comes_back(codec, 8, &far, &tiles(8, &far, text));
    }
}

#[test]
fn tiles_too_scattered_for_a_sheet_lie_in_a_square() {
    let diagonal: Vec<_> = (0..200).map(|i| TilePos { row: i, col: i }).collect();
    for codec in CODECS {
        let bytes = assert_comes_back(codec, 8, &diagonal, &tiles(8, &diagonal, text));
        assert_eq!(bytes[0], SQUARE);
        let bytes = assert_comes_back(codec, 8, &diagonal[..64], &tiles(8, &diagonal[..64], text));
        assert_eq!(bytes[0], SCREEN);
    }
}

#[test]
fn flat_tiles_and_padding_cost_next_to_nothing() {
    for (codec, rows) in [(SCREEN_CODEC, 9), (QUICK_CODEC, 12)] {
        let size = |positions: &[TilePos], drawing: Drawing| {
            assert_comes_back(codec, 16, positions, &tiles(16, positions, drawing)).len()
        };
        let flat = size(&block(68, 120), flat);
        assert!(flat < 160, "a flat screen took {flat} bytes");
        // The lower half of the last row of tiles repeats the last row of pixels.
        let padded: Drawing = |x, y| text(x, y.min(5 * 16 + 8));
        let (with, without) = (size(&block(6, 20), padded), size(&block(5, 20), text));
        let text_rows = without / 80 * rows;
        assert!(with < without + text_rows, "{with} bytes with padding, {without} without its row");
    }
}

#[test]
fn text_takes_a_small_part_of_its_raw_size() {
    let positions = block(20, 40);
    let tiles = tiles(16, &positions, text);
    for (codec, part) in [(SCREEN_CODEC, 100), (QUICK_CODEC, 60)] {
        let bytes = assert_comes_back(codec, 16, &positions, &tiles);
        assert!(bytes.len() * part < tiles.len(), "{} bytes", bytes.len());
    }
}

#[test]
fn noise_grows_by_a_few_percent_at_most() {
    let positions = block(8, 8);
    let tiles = tiles(16, &positions, noise);
    for codec in CODECS {
        let bytes = assert_comes_back(codec, 16, &positions, &tiles);
        assert!(bytes.len() < tiles.len() * 112 / 100, "{} of {}", bytes.len(), tiles.len());
    }
}

#[test]
fn wrong_arguments_are_named() {
    for codec in CODECS {
        let two = block(1, 2);
        let pixels = vec![0; 2 * 16 * 16 * 3];
        assert_eq!((codec.encode)(12, &two, &pixels), Err(PayloadError::TileEdge { tile: 12 }));
        assert_eq!((codec.decode)(&[], 0, 3), Err(PayloadError::TileEdge { tile: 0 }));
        assert_eq!(
            (codec.encode)(16, &two, &pixels[1..]),
            Err(PayloadError::Length { expected: 1536, found: 1535 })
        );
        for wrong in [[two[1], two[0]], [two[0], two[0]]] {
            assert_eq!((codec.encode)(16, &wrong, &pixels), Err(PayloadError::Order { slot: 1 }));
        }
        assert_eq!(
            (codec.decode)(&[SQUARE], 128, usize::MAX / 4),
            Err(PayloadError::TooMany { tile: 128, tiles: usize::MAX / 4 })
        );
    }
}

/// Any bytes are the payload of something, so that now and then a cut one passes; what the pack's
/// hash is for.
#[test]
fn nearly_every_cut_and_every_addition_is_refused() {
    for codec in CODECS {
        let positions = scattered(4, 6, 5);
        let bytes = (codec.encode)(16, &positions, &tiles(16, &positions, photo)).unwrap();
        let passed = (0..bytes.len())
            .filter(|&end| (codec.decode)(&bytes[..end], 16, positions.len()).is_ok())
            .count();
        assert!(passed * 100 < bytes.len(), "{passed} of {} cuts passed", bytes.len());
        for byte in [0, 1, 255] {
            let longer = [bytes.as_slice(), &[byte]].concat();
            assert_eq!(
                (codec.decode)(&longer, 16, positions.len()),
                Err(PayloadError::Trailing { bytes: longer.len() })
            );
        }
        assert_eq!(
            (codec.decode)(&bytes[..bytes.len() / 2], 16, positions.len()),
            Err(PayloadError::Truncated { bytes: bytes.len() / 2 })
        );
        assert!((codec.decode)(&bytes, 16, positions.len() - 1).is_err());
        assert!((codec.decode)(&bytes, 16, positions.len() + 1).is_err());
    }
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    for codec in CODECS {
        let refused = |bytes: &[u8], count: usize| {
            assert!(
                matches!(
                    (codec.decode)(bytes, 8, count),
                    Err(PayloadError::Header { .. } | PayloadError::Arrangement { .. })
                ),
                "{bytes:?} was taken for {count} tiles"
            );
        };
        refused(&[], 1);
        refused(&[2, 1, 1], 1);
        refused(&[SCREEN, 2, 1, 0, 0, 0], 1); // more columns than tiles
        refused(&[SCREEN, 1, 1, 0, 0, 0], 2); // fewer cells than tiles
        refused(&[SCREEN, 0, 0], 1);
        refused(&[SCREEN, 0x81, 0x00, 1, 0], 1); // not the shortest varint
        refused(&[SCREEN, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], 1);
        refused(&[SCREEN, 100, 100, 0, 0], 100); // more cells than 64 for each tile
        refused(&[SCREEN, 2, 2, 0, 0, 0, 0], 3); // all four cells held
    }
}

#[test]
fn damaged_and_random_payloads_end_soon_and_never_panic() {
    for codec in CODECS {
        let samples: Vec<(usize, Vec<u8>)> = DRAWINGS
            .iter()
            .enumerate()
            .map(|(i, &drawing)| {
                let positions = scattered(3, 4, i as u32 + 1);
                (
                    positions.len(),
                    (codec.encode)(8, &positions, &tiles(8, &positions, drawing)).unwrap(),
                )
            })
            .collect();
        let mut random = Noise(1);
        for round in 0..10_000 {
            let (count, bytes) = &samples[round % samples.len()];
            let mut bytes = bytes.clone();
            match round / samples.len() % 4 {
                0 => bytes.truncate(random.next() as usize % bytes.len()),
                1 => {
                    let length = random.next() as usize % 80;
                    bytes = (0..length).map(|_| random.next() as u8).collect();
                }
                2 => bytes.extend((0..random.next() % 9).map(|_| 0x55)),
                _ => {
                    for _ in 0..1 + random.next() % 4 {
                        let at = random.next() as usize % bytes.len();
                        bytes[at] ^= 1 << (random.next() % 8);
                    }
                }
            }
            let count =
                if random.next().is_multiple_of(8) { random.next() as usize % 40 } else { *count };
            if let Ok(tiles) = (codec.decode)(&bytes, 8, count) {
                assert_eq!(tiles.len(), count * 8 * 8 * 3);
            }
        }
    }
}

#[test]
fn a_short_payload_for_many_tiles_ends_soon() {
    for codec in CODECS {
        // A flat screen does fit a few bytes; anything else must stop where the bytes do.
        let mut refused = 0;
        for byte in 0..=255 {
            match (codec.decode)(&[SQUARE, byte, byte, byte], 16, 8160) {
                Ok(tiles) => assert_eq!(tiles.len(), 8160 * 768),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 200, "{refused} of 256 were refused");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_colours_anywhere_come_back(
        edge in 0..2usize,
        cells in prop::collection::btree_set((0..12u32, 0..12u32), 1..24),
        colours in prop::collection::vec(any::<[u8; 3]>(), 1..9),
        seed in any::<u32>(),
        steady in 0..40u32,
    ) {
for codec in CODECS {
let cells = cells.clone();
        let tile = TILE_EDGES[edge];
        let positions: Vec<_> = cells.into_iter().map(|(row, col)| TilePos { row, col }).collect();
        let mut random = Noise(seed);
        let mut colour = colours[0];
        let pixels: Vec<u8> = (0..positions.len() * (tile * tile) as usize)
            .flat_map(|_| {
                if random.next().is_multiple_of(steady + 1) {
                    colour = colours[random.next() as usize % colours.len()];
                }
                colour
            })
            .collect();
        let bytes = (codec.encode)(tile, &positions, &pixels).unwrap();
        prop_assert!((codec.decode)(&bytes, tile, positions.len()).unwrap() == pixels);
    }
}

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 0..12usize) {
for codec in CODECS {
        if let Ok(tiles) = (codec.decode)(&bytes, 8, count) {
            prop_assert_eq!(tiles.len(), count * 192);
        }
    }
}
}

/// The bitstream is frozen: these are never regenerated, a change needs a new codec byte.
#[test]
fn golden_payloads() {
    let cases: [(u32, Vec<TilePos>, Drawing, usize, &str); 6] = [
        (8, block(1, 1), text, 38, "f1495dfb6e09c350cddd249ca13c5fe1"),
        (16, scattered(10, 20, 7), text, 1227, "65354a922aa2e32b40d5381957bde8fb"),
        (16, scattered(6, 9, 8), photo, 3116, "4d0957a4629df0db3ef5ad8b6a359c68"),
        (32, block(3, 4), gradient, 983, "fba5d638438b3ead893f4921306f678a"),
        (64, block(1, 2), noise, 14268, "8a97fa3488cb70995b4d8aa397efc1ea"),
        (
            8,
            (0..200).map(|i| TilePos { row: i, col: i }).collect(),
            text,
            1290,
            "94004e7a5eeb0d53eed2be9bd1acab05",
        ),
    ];
    let quick = [(0, ""), (0, ""), (0, ""), (0, ""), (0, ""), (0, "")];
    for ((tile, positions, drawing, length, hash), quick) in cases.into_iter().zip(quick) {
        for (codec, (length, hash)) in [(SCREEN_CODEC, (length, hash)), (QUICK_CODEC, quick)] {
            let tiles = tiles(tile, &positions, drawing);
            let bytes = assert_comes_back(codec, tile, &positions, &tiles);
            let found = blake3::hash(&bytes).to_hex();
            println!("GOLD ({}, {:?}),", bytes.len(), &found[..32]);
            if length > 0 {
                assert_eq!((bytes.len(), &found[..32]), (length, hash), "{tile} px");
            }
        }
    }
}
