//! The picture: puts tiles where they belong, touches only what changed, and proves the result.

use std::ops::Range;

use deskreel_format::grid::Rect;
use deskreel_format::manifest::Screen;
use deskreel_format::pixels::{is_same, rgb_to_rgba, rgba_to_rgb};
use deskreel_format::{
    Digest, FormatError, Grid, Layout, Manifest, Pack, SurfaceInfo, TileRef, TileSize,
};

use super::proofs::Proofs;
use super::sheet::PackKey;

/// A decoded pack and the number it got when it was decoded, as [`Compositor::show`] wants it.
pub type Numbered<'a> = (u64, &'a Pack);

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Tile(PackKey, u32),
    Hole,
}

/// The pixels of one surface.
pub struct Surface {
    /// Name, place on the desktop, size.
    pub info: SurfaceInfo,
    /// Where it is drawn: from the upper left corner of all surfaces.
    pub x: u32,
    /// See `x`.
    pub y: u32,
    grid: Grid,
    cells: Vec<Shown>,
    /// `height` rows of `width` pixels of red, green, blue, 255.
    rgba: Vec<u8>,
    /// The digest that the moment shown must have; none while tiles are missing.
    expected: Option<Digest>,
    /// The digest that the present pixels have, where it is known.
    found: Option<Digest>,
    /// On the way to `found`: what has hashed the first bytes of `rgba`, and how many.
    hashing: Option<(blake3::Hasher, usize)>,
    proofs: Proofs,
}

/// What showing a moment did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The surfaces are others than before.
    pub resized: bool,
    /// Per surface that changed: the pixels that did.
    pub dirty: Vec<(usize, Vec<Rect>)>,
    /// Cells whose tile is missing, filled with a hatch.
    pub holes: usize,
}

/// The surfaces as they are shown.
#[derive(Default)]
pub struct Compositor {
    layout: Option<(Layout, TileSize)>,
    surfaces: Vec<Surface>,
    size: (u32, u32),
    /// The manifest shown last by its number, and the tile of it that each cell shows; [`NO_TILE`] for
    /// those with a hole. Most cells show what they showed before.
    last: (u64, Vec<TileRef>),
}

/// Stands for no tile: no pack has so many.
const NO_TILE: TileRef = TileRef { pack: u32::MAX, slot: u32::MAX };

/// A moment to be shown.
pub struct Wanted<'a> {
    /// What lists it.
    pub manifest: &'a Manifest,
    /// The number of that manifest: not 0, and never that of another one.
    pub number: u64,
    /// Which moment of it.
    pub index: usize,
    /// The screen then.
    pub screen: &'a Screen,
}

/// The longest side of a picture that browsers draw, pixels.
const MAX_EXTENT: u32 = 16_384;

impl Compositor {
    /// The surfaces, in the order of the layout.
    pub fn surfaces(&self) -> &[Surface] {
        &self.surfaces
    }

    /// Width and height of the whole desktop, pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Makes surfaces of this layout, black, unless those that there are have it; whether it did. That
    /// takes time for large ones, which waiting for their tiles leaves.
    ///
    /// # Errors
    /// [`FormatError`] when a surface has an impossible size.
    pub fn prepare(&mut self, layout: &Layout, tile: TileSize) -> Result<bool, FormatError> {
        let is_same = self.layout.as_ref().is_some_and(|(l, t)| l == layout && *t == tile);
        if !is_same {
            self.lay_out(layout, tile)?;
        }
        Ok(!is_same)
    }

    /// Shows a moment. Tiles of packs that `packs` does not know become holes. A pack comes with a number
    /// that is not 0 and that no other decoded pack ever had.
    ///
    /// # Errors
    /// [`FormatError`] when a surface has an impossible size.
    pub fn show<'a>(
        &mut self,
        wanted: &Wanted<'_>,
        packs: impl Fn(PackKey) -> Option<Numbered<'a>>,
    ) -> Result<Frame, FormatError> {
        let mut frame = Frame::default();
        let Wanted { manifest, number, index, screen } = wanted;
        let (Some(moment), Some(layout)) =
            (manifest.moments.get(*index), manifest.layouts.get(screen.layout as usize))
        else {
            return Ok(frame);
        };
        frame.resized = self.prepare(layout, manifest.tile)?;
        let (last_number, mut last) = std::mem::take(&mut self.last);
        if last_number != *number || last.len() != screen.cells.len() {
            last.clear();
            last.resize(screen.cells.len(), NO_TILE);
        }
        let mut found = Found { manifest, packs, known: vec![None; manifest.packs.len()] };
        let mut cells = screen.cells.iter().zip(&mut last);
        for (number, surface) in self.surfaces.iter_mut().enumerate() {
            let mut dirty = Vec::new();
            let mut holes = 0;
            for cell in 0..surface.cells.len() {
                let Some((tile, last)) = cells.next() else { break };
                if tile == last {
                    continue;
                }
                match surface.show(cell, *tile, &mut found) {
                    Change::None => *last = *tile,
                    Change::Drawn => {
                        *last = *tile;
                        dirty.push(cell);
                    }
                    Change::Hole { is_new } => {
                        *last = NO_TILE;
                        holes += 1;
                        dirty.extend(is_new.then_some(cell));
                    }
                }
            }
            if !dirty.is_empty() {
                (surface.found, surface.hashing) = (surface.proofs.changed(), None);
                frame.dirty.push((number, rectangles(&surface.grid, &dirty)));
            }
            surface.expected = moment.digests.get(number).copied().filter(|_| holes == 0);
            frame.holes += holes;
        }
        self.last = (*number, last);
        Ok(frame)
    }

    /// Bytes of pixels that must still be hashed to know whether they are what was captured.
    pub fn unproved(&self) -> usize {
        self.surfaces.iter().map(Surface::unproved).sum()
    }

    /// Hashes about `bytes` bytes of pixels more.
    pub fn prove(&mut self, mut bytes: usize) {
        for surface in &mut self.surfaces {
            let unproved = surface.unproved();
            surface.hash(bytes);
            bytes = bytes.saturating_sub(unproved);
            if bytes == 0 {
                break;
            }
        }
    }

    /// Every surface was proved to be what was captured.
    pub fn is_exact(&self) -> bool {
        self.surfaces.iter().all(|s| s.expected.is_some() && s.found == s.expected)
    }

    /// Surfaces whose pixels are not those of the manifest's digest, although no tile is missing.
    pub fn wrong(&self) -> Vec<usize> {
        let is_wrong = |s: &Surface| {
            s.expected.is_some() && s.found.is_some_and(|found| Some(found) != s.expected)
        };
        let surfaces = self.surfaces.iter().enumerate();
        surfaces.filter(|(_, surface)| is_wrong(surface)).map(|(number, _)| number).collect()
    }

    fn lay_out(&mut self, layout: &Layout, tile: TileSize) -> Result<(), FormatError> {
        let grids = layout.grids(tile)?;
        let (places, size) = places(layout);
        let surfaces = layout.surfaces.iter().zip(grids).zip(places);
        self.surfaces = surfaces
            .map(|((info, grid), (x, y))| Surface {
                info: info.clone(),
                x,
                y,
                grid,
                cells: vec![Shown::Nothing; grid.cells()],
                rgba: vec![0; info.width as usize * info.height as usize * 4],
                expected: None,
                found: None,
                hashing: None,
                proofs: Proofs::new(grid.cells()),
            })
            .collect();
        self.layout = Some((layout.clone(), tile));
        self.size = size;
        self.last = Default::default();
        Ok(())
    }
}

/// What showing a tile in a cell did.
enum Change {
    /// The cell's pixels were those already.
    None,
    Drawn,
    /// The tile is missing; `is_new`: the cell did not tell so before.
    Hole {
        is_new: bool,
    },
}

/// The decoded packs of a manifest, each looked up once and only if a cell asks for it.
struct Found<'a, 'm, F> {
    manifest: &'m Manifest,
    packs: F,
    known: Vec<Option<Option<Numbered<'a>>>>,
}

impl<'a, F: Fn(PackKey) -> Option<Numbered<'a>>> Found<'a, '_, F> {
    /// The key of the pack of a tile, and the pack's number and the tile's pixels if they are here.
    fn tile(&mut self, tile: TileRef) -> (PackKey, Option<(u64, &'a [u8])>) {
        let pack = tile.pack as usize;
        let key = PackKey::from(&self.manifest.packs[pack]);
        let found = *self.known[pack].get_or_insert_with(|| (self.packs)(key));
        (key, found.and_then(|(number, pack)| Some((number, pack.tile(tile.slot)?))))
    }
}

/// Pixels of all surfaces of a layout.
pub fn pixels(layout: &Layout) -> u64 {
    layout.surfaces.iter().map(|s| u64::from(s.width) * u64::from(s.height)).sum()
}

/// Where each surface is drawn and how large the whole is. Surfaces lie as on the desktop; if that
/// is wider than browsers draw (or nonsense), one beside the other.
pub(super) fn places(layout: &Layout) -> (Vec<(u32, u32)>, (u32, u32)) {
    layout.placed(MAX_EXTENT)
}

impl Surface {
    /// All pixels: `height` rows of `width` pixels of red, green, blue, 255.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// Bytes of `rgba` that are not hashed yet and have to be.
    fn unproved(&self) -> usize {
        if self.expected.is_none() || self.found.is_some() {
            return 0;
        }
        self.rgba.len() - self.hashing.as_ref().map_or(0, |(_, done)| *done)
    }

    /// Hashes up to `bytes` bytes of `rgba` more, on the way to the digest that [`Digest::of`] a
    /// picture of the pixels has.
    fn hash(&mut self, bytes: usize) {
        // Enough at a time to hash many lanes at once, little enough to stay in the cache.
        const BAND: usize = 65_536 * 4;
        // With the eight bytes of the header these 680 pixels fill two of BLAKE3's chunks of 1,024 bytes,
        // as each band fills its own: none is hashed in parts, one block after the other.
        const FIRST: usize = 680 * 4;
        if self.unproved() == 0 {
            return;
        }
        let (mut hasher, done) = self.hashing.take().unwrap_or_else(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.info.width.to_le_bytes());
            hasher.update(&self.info.height.to_le_bytes());
            (hasher, 0)
        });
        let start = done.max(FIRST);
        let whole = bytes.div_ceil(BAND).saturating_mul(BAND);
        let end = start.saturating_add(whole).min(self.rgba.len());
        let (first, bands) = self.rgba[done..end].split_at(start.min(end) - done);
        let mut rgb = vec![0; BAND / 4 * 3];
        for band in std::iter::once(first).chain(bands.chunks(BAND)) {
            let rgb = &mut rgb[..band.len() / 4 * 3];
            rgba_to_rgb(band, rgb);
            hasher.update(rgb);
        }
        if end < self.rgba.len() {
            self.hashing = Some((hasher, end));
            return;
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        self.found = Some(Digest(digest));
        self.proofs.found(Digest(digest));
    }

    /// Shows a tile in a cell, or that it is missing.
    fn show<'a, F: Fn(PackKey) -> Option<Numbered<'a>>>(
        &mut self,
        cell: usize,
        tile: TileRef,
        found: &mut Found<'a, '_, F>,
    ) -> Change {
        let (key, pixels) = found.tile(tile);
        let wanted = Shown::Tile(key, tile.slot);
        // What is shown already needs no pack.
        if self.cells[cell] == wanted {
            return Change::None;
        }
        let Some((number, pixels)) = pixels else {
            let is_new = std::mem::replace(&mut self.cells[cell], Shown::Hole) != Shown::Hole;
            if is_new {
                self.hatch(cell);
                self.proofs.clear(cell);
            }
            return Change::Hole { is_new };
        };
        let before = std::mem::replace(&mut self.cells[cell], wanted);
        self.proofs.put(cell, number, tile.slot);
        // Stored again, as it was: neither drawn nor proved anew.
        if before != Shown::Nothing && self.shows(cell, pixels) {
            return Change::None;
        }
        self.put(cell, pixels);
        Change::Drawn
    }

    /// Copies a tile (padded, RGB) into a cell.
    fn put(&mut self, cell: usize, tile: &[u8]) {
        let side = self.grid.tile().pixels() as usize;
        let rect = self.grid.rect(cell);
        for y in 0..rect.height as usize {
            let from = &tile[y * side * 3..(y * side + rect.width as usize) * 3];
            rgb_to_rgba(from, self.row(rect, y));
        }
    }

    /// Whether the pixels of a cell are those of a tile (padded, RGB).
    fn shows(&self, cell: usize, tile: &[u8]) -> bool {
        let side = self.grid.tile().pixels() as usize;
        let rect = self.grid.rect(cell);
        (0..rect.height as usize).all(|y| {
            let row = &tile[y * side * 3..(y * side + rect.width as usize) * 3];
            is_same(row, &self.rgba[self.row_range(rect, y)])
        })
    }

    /// Fills a cell with diagonal stripes that no desktop has.
    fn hatch(&mut self, cell: usize) {
        let rect = self.grid.rect(cell);
        for y in 0..rect.height as usize {
            for (x, pixel) in self.row(rect, y).chunks_exact_mut(4).enumerate() {
                let diagonal = rect.x as usize + x + rect.y as usize + y;
                let is_bright = diagonal % 8 < 4;
                let colour = if is_bright { [255, 0, 170, 255] } else { [20, 20, 20, 255] };
                pixel.copy_from_slice(&colour);
            }
        }
    }

    fn row(&mut self, rect: Rect, y: usize) -> &mut [u8] {
        let range = self.row_range(rect, y);
        &mut self.rgba[range]
    }

    fn row_range(&self, rect: Rect, y: usize) -> Range<usize> {
        let width = self.info.width as usize;
        let from = ((rect.y as usize + y) * width + rect.x as usize) * 4;
        from..from + rect.width as usize * 4
    }
}

/// Covers cells (ascending) with few rectangles: runs of a row, joined with equal runs above.
fn rectangles(grid: &Grid, cells: &[usize]) -> Vec<Rect> {
    let cols = grid.cols() as usize;
    let mut rects: Vec<Rect> = Vec::new();
    // Rectangles that end with the row above, and those of this row.
    let (mut above, mut here): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut row = usize::MAX;
    let mut rest = cells;
    while let Some(&first) = rest.first() {
        let last_of_row = (first / cols + 1) * cols;
        let run = (1..rest.len())
            .find(|i| rest[*i] != first + i || first + i >= last_of_row)
            .unwrap_or(rest.len());
        rest = &rest[run..];
        if first / cols != row {
            let follows = first / cols == row.wrapping_add(1);
            above = if follows { std::mem::take(&mut here) } else { Vec::new() };
            here.clear();
            row = first / cols;
        }
        let (start, end) = (grid.rect(first), grid.rect(first + run - 1));
        let rect = Rect { width: end.x + end.width - start.x, ..start };
        let joined = above
            .iter()
            .copied()
            .find(|index| rects[*index].x == rect.x && rects[*index].width == rect.width);
        if let Some(index) = joined {
            rects[index].height += rect.height;
            here.push(index);
        } else {
            here.push(rects.len());
            rects.push(rect);
        }
    }
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(x: i32, y: i32, width: u32, height: u32) -> SurfaceInfo {
        SurfaceInfo { name: String::new(), x, y, scale_milli: 1000, width, height }
    }

    #[test]
    fn rectangles_cover_the_cells_and_nothing_else() {
        let grid = Grid::new(75, 60, TileSize::new(16).unwrap()).unwrap();
        for pattern in 0_u32..4096 {
            let cells: Vec<usize> =
                (0..grid.cells()).filter(|c| pattern >> (c % 12) & 1 == 1).collect();
            let mut covered = vec![0; 75 * 60];
            for rect in rectangles(&grid, &cells) {
                for y in rect.y..rect.y + rect.height {
                    for x in rect.x..rect.x + rect.width {
                        covered[(y * 75 + x) as usize] += 1;
                    }
                }
            }
            for cell in 0..grid.cells() {
                let rect = grid.rect(cell);
                let is_in = i32::from(cells.contains(&cell));
                assert_eq!(covered[(rect.y * 75 + rect.x) as usize], is_in, "{pattern:b} {cell}");
            }
            assert!(covered.iter().all(|count| *count < 2));
        }
        let all: Vec<usize> = (0..grid.cells()).collect();
        assert_eq!(rectangles(&grid, &all), [Rect { x: 0, y: 0, width: 75, height: 60 }]);
    }

    #[test]
    fn surfaces_lie_as_on_the_desktop() {
        let layout = Layout { surfaces: vec![surface(-100, 50, 100, 40), surface(0, 0, 200, 100)] };
        assert_eq!(places(&layout), (vec![(0, 50), (100, 0)], (300, 100)));
    }

    #[test]
    fn a_desktop_too_wide_to_draw_is_moved_together() {
        let layout =
            Layout { surfaces: vec![surface(i32::MIN, 0, 10, 40), surface(i32::MAX, 0, 20, 10)] };
        assert_eq!(places(&layout), (vec![(0, 0), (10, 0)], (30, 40)));
    }
}
