//! A moment drawn small, from tiles that are here.

use deskreel_format::{Grid, Manifest, Pack};

use super::compositor::places;
use super::sheet::PackKey;

/// A small picture of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The moment, UTC milliseconds.
    pub time_ms: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `height` rows of `width` pixels of red, green, blue, alpha; clear where there is no surface.
    pub rgba: Vec<u8>,
}

/// So many pixels a side are averaged into one, at most.
const SAMPLES: u32 = 3;

/// Draws moment `index` of a manifest no larger than `most` x `most` pixels. Tiles that are not here
/// stay clear; `None` if there is no such moment or nothing to draw.
pub fn draw<'a>(
    manifest: &Manifest,
    index: usize,
    most: u32,
    packs: impl Fn(PackKey) -> Option<&'a Pack>,
) -> Option<Preview> {
    let (screen, moment) = (manifest.screen(index)?, manifest.moments.get(index)?);
    let layout = manifest.layouts.get(screen.layout as usize)?;
    let grids = layout.grids(manifest.tile).ok()?;
    let (places, (full_width, full_height)) = places(layout);
    let step = f64::from(full_width.max(full_height)) / f64::from(most.max(1));
    let step = step.max(1.0);
    let small = |pixels: u32| (f64::from(pixels) / step).round().max(1.0) as u32;
    let (width, height) = (small(full_width), small(full_height));
    let found: Vec<Option<&Pack>> =
        manifest.packs.iter().map(|pack| packs(PackKey::from(pack))).collect();
    let mut rgba = vec![0; width as usize * height as usize * 4];
    let mut first = 0;
    for ((surface, grid), (left, top)) in layout.surfaces.iter().zip(&grids).zip(places) {
        let tiles = screen.cells.get(first..first + grid.cells())?;
        first += grid.cells();
        let tile = |cell: usize| {
            let tile = tiles[cell];
            found.get(tile.pack as usize).copied().flatten().and_then(|pack| pack.tile(tile.slot))
        };
        let size = (surface.width, surface.height);
        let (right, bottom) = (left + size.0, top + size.1);
        for y in small_range(top, bottom, step, height) {
            for x in small_range(left, right, step, width) {
                let centre = |at: u32| (f64::from(at) * step) as u32;
                let pixel = (centre(x).saturating_sub(left), centre(y).saturating_sub(top));
                if let Some(colour) = average(grid, size, pixel, step, &tile) {
                    let at = (y as usize * width as usize + x as usize) * 4;
                    rgba[at..at + 3].copy_from_slice(&colour);
                    rgba[at + 3] = 255;
                }
            }
        }
    }
    Some(Preview { time_ms: moment.time_ms, width, height, rgba })
}

/// The pixels of the small picture that lie between two of the large one.
fn small_range(from: u32, to: u32, step: f64, most: u32) -> std::ops::Range<u32> {
    let small = |at: u32| ((f64::from(at) / step).round() as u32).min(most);
    small(from)..small(to)
}

/// The mean colour of a surface's pixels from `(x, y)` on, a few of each `step` x `step`.
fn average<'a>(
    grid: &Grid,
    (width, height): (u32, u32),
    (x, y): (u32, u32),
    step: f64,
    tile: &impl Fn(usize) -> Option<&'a [u8]>,
) -> Option<[u8; 3]> {
    let side = grid.tile().pixels();
    let samples = (step.ceil() as u32).min(SAMPLES);
    let at = |from: u32, sample: u32, end: u32| {
        let offset = (f64::from(sample) * step / f64::from(samples)) as u32;
        (from + offset).min(end - 1)
    };
    let (mut sums, mut count) = ([0_u32; 3], 0);
    for row in 0..samples {
        for col in 0..samples {
            let (x, y) = (at(x, col, width), at(y, row, height));
            let cell = (y / side * grid.cols() + x / side) as usize;
            let Some(pixels) = tile(cell) else { continue };
            let from = ((y % side * side + x % side) * 3) as usize;
            let Some(colour) = pixels.get(from..from + 3) else { continue };
            sums.iter_mut().zip(colour).for_each(|(sum, value)| *sum += u32::from(*value));
            count += 1;
        }
    }
    (count > 0).then(|| sums.map(|sum| (sum / count) as u8))
}
