//! Codes the new tiles of a screenshot as packs, side by side.

use std::thread::{self, ScopedJoinHandle};

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{FormatError, Pack, TileSize};

/// One pack for each of `chunks`, lists of cells with their places on the screen, in their order.
/// `cut` copies the tile of a cell, `tile.tile_bytes()` bytes.
///
/// Packs know nothing of each other, so the several packs of a busy screen are coded on as many
/// threads; one pack, the usual case, needs none of its own.
///
/// # Errors
/// Of each pack its own [`FormatError`], when the codec refuses it.
pub(super) fn code(
    codec: Codec,
    tile: TileSize,
    chunks: &[&[(usize, TilePos)]],
    cut: impl Fn(usize, &mut [u8]) + Sync,
) -> Vec<Result<Vec<u8>, FormatError>> {
    let one = |chunk: &[(usize, TilePos)]| {
        let mut rgb = vec![0; chunk.len() * tile.tile_bytes()];
        for ((cell, _), out) in chunk.iter().zip(rgb.chunks_exact_mut(tile.tile_bytes())) {
            cut(*cell, out);
        }
        let positions: Vec<TilePos> = chunk.iter().map(|(_, position)| *position).collect();
        Pack::encode(codec, tile, &positions, &rgb)
    };
    match chunks {
        [] => Vec::new(),
        [chunk] => vec![one(chunk)],
        several => thread::scope(|scope| {
            let running: Vec<_> = several.iter().map(|chunk| scope.spawn(|| one(chunk))).collect();
            running.into_iter().map(joined).collect()
        }),
    }
}

/// A panic goes on where it would have without the thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
