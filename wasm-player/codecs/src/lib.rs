//! Decodes packs of every codec but the usual one, which few streams have: a module of its own, so that a first visit does
//! not pay for a decoder that it does not need.

#![cfg(target_arch = "wasm32")]
#![allow(unreachable_pub, reason = "wasm-bindgen exports only what is public")]

use deskreel_format::{Limits, Pack, PackRef, SegmentId, TileSize};
use wasm_bindgen::prelude::*;

/// The pixels of a pack of `tiles` tiles of `tile` pixels a side, as the player's own `decodePack` gives
/// them.
///
/// # Errors
/// A text that says what is wrong with the pack.
#[wasm_bindgen(js_name = decodePack)]
pub fn decode_pack(bytes: Vec<u8>, tile: u32, tiles: u32) -> Result<Vec<u8>, JsValue> {
    let tile = TileSize::new(tile).map_err(|error| error.to_string())?;
    // Where it lies tells nothing of its pixels.
    let segment = SegmentId { first_ms: 0, writer: 1 };
    let place = PackRef { segment, offset: 0, len: bytes.len() as u32, tiles };
    let limits = Limits { pack_pixels: 1 << 26, pack_bytes: 1 << 28, ..Limits::default() };
    let pack = Pack::decode_at(&place, tile, &bytes, &limits).map_err(|error| error.to_string())?;
    Ok(pack.into_rgb())
}

/// Memory that this module holds, bytes.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    (core::arch::wasm32::memory_size(0) * 65_536) as f64
}
