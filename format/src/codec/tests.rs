//! What every codec must keep, on pixels of every kind.

use super::*;
use crate::{Limits, Pack};
use proptest::prelude::*;

/// Tiles of one of several kinds: noise, few colours, flat, gradient.
fn pixels(kind: u8, bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..bytes)
        .map(|i| match kind % 4 {
            0 => next() as u8,
            1 => [0, 128, 255][(next() % 64 / 31) as usize],
            2 => 77,
            _ => (i / 48) as u8,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn packs_come_back_bit_for_bit(kind: u8, seed: u32, tiles in 1_usize..40, size in 0_usize..3) {
        let tile = TileSize::ALL[size];
        let positions: Vec<_> =
            (0..tiles as u32).map(|i| TilePos { row: i / 5, col: i % 5 * 2 }).collect();
        let rgb = pixels(kind, tiles * tile.tile_bytes(), seed);
        for codec in Codec::ALL {
            let bytes = Pack::encode(codec, tile, &positions, &rgb).unwrap();
            let pack = Pack::decode(&bytes, &Limits::default()).unwrap();
            prop_assert_eq!(pack.tiles() as usize, tiles);
            for slot in 0..tiles {
                let part = &rgb[slot * tile.tile_bytes()..][..tile.tile_bytes()];
                prop_assert_eq!(pack.tile(slot as u32).unwrap(), part);
            }
            prop_assert!(pack.tile(tiles as u32).is_none());
        }
    }

    #[test]
    fn damaged_packs_are_refused(seed: u32, at: prop::sample::Index, flip in 1_u8..=255, cut: bool) {
        let tile = TileSize::ALL[1];
        let positions: Vec<_> = (0..4).map(|col| TilePos { row: 0, col }).collect();
        for codec in Codec::ALL {
            let rgb = pixels(1, 4 * tile.tile_bytes(), seed);
            let mut bytes = Pack::encode(codec, tile, &positions, &rgb).unwrap();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
            prop_assert!(Pack::decode(&bytes, &Limits::default()).is_err());
        }
    }

    #[test]
    fn payloads_are_decoded_without_panic_whatever_they_are(
        payload in prop::collection::vec(any::<u8>(), 0..400), tiles in 1_usize..300,
    ) {
        for codec in Codec::ALL {
            let rgb = codec.decode(&payload, TileSize::ALL[1], tiles);
            prop_assert!(rgb.is_err() || rgb.unwrap().len() == tiles * TileSize::ALL[1].tile_bytes());
        }
    }
}

#[test]
fn noise_is_decoded_and_forgotten() {
    for codec in Codec::ALL {
        // More than a worker comes to.
        (0..200).for_each(|seed| codec.rehearse(seed));
    }
}
