//! The payload of the codecs that walk the tiles as they lie on the screen: header, arrangement, pixels.
//! What predicts a pixel is the codec's own [`Model`].

#[cfg(test)]
mod tests;

use super::TilePos;
use super::model::{Codes, Ending, Model, Reads, Writes, span};
use super::sheet::Sheet;

/// Tile edges the codec knows, in pixels.
pub const TILE_EDGES: [u32; 5] = [8, 16, 32, 64, 128];

/// First byte of a payload: the tiles lie row by row in a square.
pub(super) const SQUARE: u8 = 0;
/// First byte of a payload: the tiles lie as on the screen; size and presence follow.
const SCREEN: u8 = 1;

/// What kept tiles from being coded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not one of [`TILE_EDGES`].
    #[error("the codec has no tiles of {tile} px; use 8, 16, 32, 64 or 128")]
    TileEdge {
        /// Edge asked for, in pixels.
        tile: u32,
    },
    /// The pixels of that many tiles cannot be addressed.
    #[error("{tiles} tiles of {tile} px are more than memory can address")]
    TooMany {
        /// Edge of a tile, in pixels.
        tile: u32,
        /// Tiles asked for.
        tiles: usize,
    },
    /// The number of bytes does not fit the number of tiles.
    #[error("{expected} bytes of tiles were announced, {found} given")]
    Length {
        /// Bytes the tile count calls for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Positions do not ascend by row, then column.
    #[error("the position of tile {slot} does not come after the one before it")]
    Order {
        /// First tile out of order.
        slot: usize,
    },
    /// The payload does not start as one.
    #[error("the payload has no valid header for {tiles} tiles")]
    Header {
        /// Tiles expected.
        tiles: usize,
    },
    /// The payload's arrangement is not one of that many tiles.
    #[error("the payload does not arrange {tiles} tiles")]
    Arrangement {
        /// Tiles expected.
        tiles: usize,
    },
    /// The payload ended before its last pixel.
    #[error("the payload of {bytes} bytes is cut short")]
    Truncated {
        /// Length of the payload.
        bytes: usize,
    },
    /// The payload goes on after its last pixel, or ends as no encoder ends one.
    #[error("the payload of {bytes} bytes does not end with its last pixel")]
    Trailing {
        /// Length of the payload.
        bytes: usize,
    },
}

/// Codes the tiles of a pack. `positions` ascend strictly by (row, column); `tiles` holds
/// `tile * tile * 3` bytes for each, slot after slot, rows from the top, RGB. No tiles, no bytes.
///
/// # Errors
/// When the tile edge, the order or the length are not as said above.
pub(super) fn encode<M: Model + Codes<<M as Model>::Writer>>(
    tile: u32,
    positions: &[TilePos],
    tiles: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    let count = positions.len();
    let expected = tiles_len(tile, count)?;
    if tiles.len() != expected {
        return Err(PayloadError::Length { expected, found: tiles.len() });
    }
    if let Some(slot) = positions.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(PayloadError::Order { slot: slot + 1 });
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let (sheet, mut writer) = match Sheet::of_screen(positions) {
        Some(sheet) => {
            let mut header = vec![SCREEN];
            put_varint(&mut header, sheet.cols);
            put_varint(&mut header, sheet.rows);
            let mut writer = M::Writer::new(header);
            let mut flags = M::Flags::default();
            sheet.write(|context, held| {
                M::cell(&mut flags, &mut writer, context, held);
            });
            (sheet, writer)
        }
        None => (Sheet::square(count), M::Writer::new(vec![SQUARE])),
    };
    let edge = tile as usize;
    walk(&sheet, edge, count, |model: &mut M, strip| {
        let row = &mut model.rows().row()[strip.from..strip.to];
        for (i, row) in row.chunks_exact_mut(edge).enumerate() {
            let source = tiles[strip.offset(i, edge)..].chunks_exact(3);
            for (pixel, rgb) in row.iter_mut().zip(source) {
                *pixel = u32::from_be_bytes([0, rgb[0], rgb[1], rgb[2]]);
            }
        }
        span(model, &mut writer, strip.from, strip.to);
        true
    });
    Ok(writer.finish())
}

/// Decodes a payload of `count` tiles: `count * tile * tile * 3` bytes, as [`encode`] was given.
///
/// # Errors
/// When the payload is not what [`encode`] makes of that many tiles of that size. Damage inside
/// the pixels is not always seen here; the pack's hash sees it.
pub(super) fn decode<M: Model + for<'a> Codes<<M as Model>::Reader<'a>>>(
    bytes: &[u8],
    tile: u32,
    count: usize,
) -> Result<Vec<u8>, PayloadError> {
    let length = tiles_len(tile, count)?;
    let trailing = PayloadError::Trailing { bytes: bytes.len() };
    if count == 0 {
        return if bytes.is_empty() { Ok(Vec::new()) } else { Err(trailing) };
    }
    let (sheet, mut reader) = read_sheet::<M>(bytes, count)?;
    let edge = tile as usize;
    let mut tiles = vec![0; length];
    walk(&sheet, edge, count, |model: &mut M, strip| {
        span(model, &mut reader, strip.from, strip.to);
        let row = &model.rows().row()[strip.from..strip.to];
        for (i, row) in row.chunks_exact(edge).enumerate() {
            let target = tiles[strip.offset(i, edge)..].chunks_exact_mut(3);
            for (pixel, rgb) in row.iter().zip(target) {
                rgb.copy_from_slice(&pixel.to_be_bytes()[1..]);
            }
        }
        !reader.is_exhausted()
    });
    match reader.ending() {
        Ending::Clean => Ok(tiles),
        Ending::Short => Err(PayloadError::Truncated { bytes: bytes.len() }),
        Ending::Foreign => Err(trailing),
    }
}

/// Bytes of `count` tiles.
fn tiles_len(tile: u32, count: usize) -> Result<usize, PayloadError> {
    if !TILE_EDGES.contains(&tile) {
        return Err(PayloadError::TileEdge { tile });
    }
    (tile as usize * tile as usize * 3)
        .checked_mul(count)
        .filter(|&length| length <= isize::MAX as usize)
        .ok_or(PayloadError::TooMany { tile, tiles: count })
}

/// Reads a payload's header and arrangement.
fn read_sheet<'b, M: Model + Codes<<M as Model>::Reader<'b>>>(
    bytes: &'b [u8],
    count: usize,
) -> Result<(Sheet, M::Reader<'b>), PayloadError> {
    let header = || PayloadError::Header { tiles: count };
    match bytes.split_first() {
        Some((&SQUARE, rest)) => Ok((Sheet::square(count), M::Reader::new(rest))),
        Some((&SCREEN, mut rest)) => {
            let cols = take_varint(&mut rest).ok_or_else(header)?;
            let rows = take_varint(&mut rest).ok_or_else(header)?;
            if !Sheet::fits(cols, rows, count) {
                return Err(header());
            }
            let mut reader = M::Reader::new(rest);
            let mut flags = M::Flags::default();
            let flag = |context| M::cell(&mut flags, &mut reader, context, false);
            let sheet = Sheet::read(cols, rows, count, flag)
                .ok_or(PayloadError::Arrangement { tiles: count })?;
            Ok((sheet, reader))
        }
        _ => Err(header()),
    }
}

/// One pixel row of one span.
struct Strip {
    /// First pixel on the sheet's row.
    from: usize,
    /// One behind the last.
    to: usize,
    /// Slot of the span's first tile.
    slot: usize,
    /// Pixel row within the tiles.
    y: usize,
}

impl Strip {
    /// Where this pixel row of the span's tile `i` starts in the tiles' bytes.
    fn offset(&self, i: usize, edge: usize) -> usize {
        ((self.slot + i) * edge + self.y) * edge * 3
    }
}

/// Goes over the sheet pixel row by pixel row, span by span, until `each` says stop.
fn walk<M: Model>(
    sheet: &Sheet,
    edge: usize,
    count: usize,
    mut each: impl FnMut(&mut M, Strip) -> bool,
) {
    let mut model = M::new(sheet.cols * edge, count * edge * edge);
    for row in sheet.spans.chunk_by(|a, b| a.0 == b.0) {
        for y in 0..edge {
            model.next_row();
            let mut done = 0;
            for (_, span) in row {
                let from = span.col * edge;
                let to = from + span.len * edge;
                model.rows().gap(done, from);
                if !each(&mut model, Strip { from, to, slot: span.slot, y }) {
                    return;
                }
                done = to;
            }
            model.rows().end_row(done);
        }
    }
}

/// Appends a number in groups of seven bits, lowest first, high bit set on all but the last.
fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number below 2^28 written by `put_varint` off the front, if there is a shortest one.
fn take_varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for i in 0..4 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 127) << (7 * i);
        if byte < 128 {
            return (i == 0 || byte > 0).then_some(value);
        }
    }
    None
}
