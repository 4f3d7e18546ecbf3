//! Lossless WebP: the tiles row-major in an atlas that is as square as possible.

use crate::{FormatError, TileSize};

fn invalid(reason: &'static str) -> FormatError {
    FormatError::Invalid { what: "WebP pack", at: 0, reason }
}

/// Builds without the feature `decode-all` cannot read it.
#[cfg(not(feature = "decode-all"))]
pub(crate) fn decode(_: &[u8], _: TileSize, _: usize) -> Result<Vec<u8>, FormatError> {
    Err(invalid("this build cannot read WebP"))
}

/// Columns and rows of the atlas of `tiles` tiles.
#[cfg(feature = "decode-all")]
fn atlas(tiles: usize) -> (usize, usize) {
    let root = tiles.isqrt();
    let cols = if root * root < tiles { root + 1 } else { root }.max(1);
    (cols, tiles.div_ceil(cols))
}

/// Copies between the slot order and the atlas: calls `row(slot_byte, atlas_byte, bytes)` for each
/// row of pixels of each tile.
#[cfg(feature = "decode-all")]
fn rows(tile: TileSize, tiles: usize, cols: usize, mut row: impl FnMut(usize, usize, usize)) {
    let side = tile.pixels() as usize;
    for slot in 0..tiles {
        let (left, top) = (slot % cols * side, slot / cols * side);
        for y in 0..side {
            let atlas_byte = ((top + y) * cols * side + left) * 3;
            row(slot * tile.tile_bytes() + y * side * 3, atlas_byte, side * 3);
        }
    }
}

/// Codes with libwebp, method 4 (higher methods were measured to gain nothing).
#[cfg(feature = "encode-webp")]
pub(crate) fn encode(tile: TileSize, tiles: usize, rgb: &[u8]) -> Result<Vec<u8>, FormatError> {
    let (cols, lines) = atlas(tiles);
    let side = tile.pixels() as usize;
    if cols * side > 16_383 || lines * side > 16_383 {
        return Err(invalid("more tiles than a WebP picture can hold"));
    }
    let mut picture = vec![0; cols * lines * tile.tile_bytes()];
    rows(tile, tiles, cols, |from, to, bytes| {
        picture[to..to + bytes].copy_from_slice(&rgb[from..from + bytes]);
    });
    let mut config = webp::WebPConfig::new().map_err(|()| invalid("libwebp does not start"))?;
    (config.lossless, config.method, config.quality, config.exact) = (1, 4, 75.0, 1);
    let (width, height) = ((cols * side) as u32, (lines * side) as u32);
    let encoder = webp::Encoder::from_rgb(&picture, width, height);
    let coded = encoder.encode_advanced(&config).map_err(|_| invalid("libwebp refused it"))?;
    Ok(coded.to_vec())
}

/// Builds without libwebp can only read.
#[cfg(not(feature = "encode-webp"))]
pub(crate) fn encode(_: TileSize, _: usize, _: &[u8]) -> Result<Vec<u8>, FormatError> {
    Err(invalid("this build cannot write WebP"))
}

/// Decodes in pure Rust.
#[cfg(feature = "decode-all")]
pub(crate) fn decode(payload: &[u8], tile: TileSize, tiles: usize) -> Result<Vec<u8>, FormatError> {
    let (cols, lines) = atlas(tiles);
    let side = tile.pixels() as usize;
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(payload))
        .map_err(|_| invalid("its WebP header is damaged"))?;
    let size = ((cols * side) as u32, (lines * side) as u32);
    if decoder.dimensions() != size
        || decoder.has_alpha()
        || decoder.is_animated()
        || decoder.is_lossy()
    {
        return Err(invalid("its WebP picture has another size or kind"));
    }
    let mut picture = vec![0; cols * lines * tile.tile_bytes()];
    decoder.read_image(&mut picture).map_err(|_| invalid("its WebP picture is damaged"))?;
    let mut rgb = vec![0; tiles * tile.tile_bytes()];
    rows(tile, tiles, cols, |to, from, bytes| {
        rgb[to..to + bytes].copy_from_slice(&picture[from..from + bytes]);
    });
    Ok(rgb)
}
