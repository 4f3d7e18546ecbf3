//! The screen as it was last seen, and which parts of it changed since somebody took note.
//!
//! The camera keeps one and brings it up to date in place; what changed travels to the encoder as a
//! [`Patch`], which brings the encoder's own up to date. So a still screen costs nothing.

use deskreel_format::{Grid, Picture, PictureError};

use super::area::Area;
use crate::source::Surface;

/// Changes are kept for squares of so many pixels.
pub const BLOCK: u32 = 16;

/// Which blocks of a surface changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirty {
    width: u32,
    height: u32,
    cols: u32,
    marks: Vec<bool>,
}

impl Dirty {
    /// Nothing changed on a surface of `width` x `height` pixels.
    pub fn new(width: u32, height: u32) -> Self {
        let (cols, rows) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
        Self { width, height, cols, marks: vec![false; cols as usize * rows as usize] }
    }

    /// Whether anything changed.
    pub fn any(&self) -> bool {
        self.marks.contains(&true)
    }

    /// Everything changed.
    pub fn mark_all(&mut self) {
        self.marks.fill(true);
    }

    /// Nothing changed.
    pub fn clear(&mut self) {
        self.marks.fill(false);
    }

    /// What changed there changed here too; both are of one size.
    pub fn merge(&mut self, other: &Self) {
        self.marks.iter_mut().zip(&other.marks).for_each(|(own, other)| *own |= other);
    }

    /// Whether something changed here that did not there; both are of one size.
    pub fn exceeds(&self, other: &Self) -> bool {
        self.marks.iter().zip(&other.marks).any(|(own, other)| *own && !other)
    }

    /// Whether something changed both here and there; both are of one size.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.marks.iter().zip(&other.marks).any(|(own, other)| *own && *other)
    }

    /// An area changed (pixels of the surface).
    pub fn mark(&mut self, area: Area) {
        if let Some((columns, rows)) = self.blocks(area) {
            for row in rows {
                let first = row as usize * self.cols as usize;
                let range = first + columns.start as usize..first + columns.end as usize;
                self.marks[range].fill(true);
            }
        }
    }

    /// Whether anything in an area changed.
    pub fn touches(&self, area: Area) -> bool {
        self.blocks(area).is_some_and(|(columns, mut rows)| {
            rows.any(|row| {
                let first = row as usize * self.cols as usize;
                self.marks[first + columns.start as usize..first + columns.end as usize]
                    .contains(&true)
            })
        })
    }

    /// The blocks that an area touches.
    fn blocks(&self, area: Area) -> Option<(std::ops::Range<u32>, std::ops::Range<u32>)> {
        let own = Area { x: 0, y: 0, width: self.width, height: self.height };
        let Area { x, y, width, height } = area.intersect(own)?;
        let (x, y) = (x as u32, y as u32);
        let columns = x / BLOCK..(x + width).div_ceil(BLOCK);
        Some((columns, y / BLOCK..(y + height).div_ceil(BLOCK)))
    }

    /// The changed blocks as few rectangles without overlap, in pixels of the surface.
    pub fn areas(&self) -> Vec<Area> {
        let mut areas: Vec<Area> = Vec::new();
        // Rectangles that reach down to the row before, by their left edge.
        let mut growing: Vec<usize> = Vec::new();
        for (row, marks) in self.marks.chunks(self.cols.max(1) as usize).enumerate() {
            let y = row as u32 * BLOCK;
            let height = BLOCK.min(self.height - y);
            let mut next = Vec::new();
            let mut column = 0;
            while column < marks.len() {
                if !marks[column] {
                    column += 1;
                    continue;
                }
                let start = column;
                while column < marks.len() && marks[column] {
                    column += 1;
                }
                let x = start as u32 * BLOCK;
                let width = (column as u32 * BLOCK).min(self.width) - x;
                let same =
                    |&&index: &&usize| areas[index].x == x as i32 && areas[index].width == width;
                match growing.iter().find(same).copied() {
                    Some(index) => {
                        areas[index].height += height;
                        next.push(index);
                    }
                    None => {
                        areas.push(Area { x: x as i32, y: y as i32, width, height });
                        next.push(areas.len() - 1);
                    }
                }
            }
            growing = next;
        }
        areas
    }

    /// Which cells of `grid` changed.
    pub fn cells(&self, grid: &Grid) -> Vec<bool> {
        let side = grid.tile().pixels();
        let cols = grid.cols() as usize;
        let cell = |index: usize| Area {
            x: ((index % cols) as u32 * side) as i32,
            y: ((index / cols) as u32 * side) as i32,
            width: side,
            height: side,
        };
        (0..grid.cells()).map(|index| self.touches(cell(index))).collect()
    }
}

/// All monitors as they were last seen.
///
/// Invariant: a block that is not dirty shows what it showed when [`Screen::settle`] or
/// [`Screen::take_patch`] was last called.
#[derive(Debug, Default)]
pub struct Screen {
    surfaces: Vec<Surface>,
    dirty: Vec<Dirty>,
    /// Number of the screenshot at which the recorder last took note; 0: never.
    pub(super) noted: u64,
}

/// What changed on a screen.
#[derive(Debug)]
pub struct Patch {
    /// Every monitor without its pixels: name, x, y, scale, width, height.
    monitors: Vec<(String, i32, i32, u32, u32, u32)>,
    /// Monitor and rectangle on it.
    areas: Vec<(usize, Area)>,
    /// The rows of all rectangles, one after the other.
    rgb: Vec<u8>,
    /// The rectangles cover everything.
    is_whole: bool,
}

/// Why a patch cannot be applied. The screen stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A monitor has an impossible size.
    #[error("{0}")]
    Size(#[from] PictureError),
    /// The monitors are others than before, and the patch does not say all that they show.
    #[error("a patch for other monitors does not cover them")]
    Partial,
}

impl Patch {
    /// Bytes of changed pixels.
    pub fn len(&self) -> usize {
        self.rgb.len()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rgb.is_empty()
    }
}

impl Screen {
    /// The monitors.
    pub fn surfaces(&self) -> &[Surface] {
        &self.surfaces
    }

    /// What changed on each monitor.
    pub fn dirty(&self) -> &[Dirty] {
        &self.dirty
    }

    /// A monitor's picture and its changes, to be written together.
    pub fn surface_mut(&mut self, index: usize) -> (&mut Picture, &mut Dirty) {
        (&mut self.surfaces[index].picture, &mut self.dirty[index])
    }

    /// Forgets everything: what comes next is all new.
    pub fn forget(&mut self) {
        self.surfaces.clear();
        self.dirty.clear();
    }

    /// Somebody lost track: all of it counts as changed.
    pub fn mark_all(&mut self) {
        self.dirty.iter_mut().for_each(Dirty::mark_all);
    }

    /// Somebody took note of all changes.
    pub fn settle(&mut self) {
        self.dirty.iter_mut().for_each(Dirty::clear);
    }

    /// Whether its monitors are named, placed and sized like these.
    pub fn is_laid_out_as(&self, surfaces: &[Surface]) -> bool {
        let key = |s: &Surface| (s.x, s.y, s.scale_milli, s.picture.width(), s.picture.height());
        self.surfaces.len() == surfaces.len()
            && self.surfaces.iter().zip(surfaces).all(|(a, b)| a.name == b.name && key(a) == key(b))
    }

    /// Shows these monitors from now on; compares whole rows first, because most are equal. Gives
    /// back what it showed before.
    pub fn replace(&mut self, surfaces: Vec<Surface>) -> Vec<Surface> {
        if !self.is_laid_out_as(&surfaces) {
            return self.reset(surfaces);
        }
        let pictures = self.surfaces.iter().zip(&surfaces);
        for ((before, now), dirty) in pictures.zip(&mut self.dirty) {
            compare(&before.picture, &now.picture, dirty);
        }
        std::mem::replace(&mut self.surfaces, surfaces)
    }

    /// Shows these monitors from now on; all of them is new.
    pub fn reset(&mut self, surfaces: Vec<Surface>) -> Vec<Surface> {
        let all = |surface: &Surface| {
            let mut dirty = Dirty::new(surface.picture.width(), surface.picture.height());
            dirty.mark_all();
            dirty
        };
        self.dirty = surfaces.iter().map(all).collect();
        std::mem::replace(&mut self.surfaces, surfaces)
    }

    /// Paints an area of the desktop in one colour, on every monitor that shows a part of it.
    pub fn paint(&mut self, area: Area, colour: [u8; 3]) {
        for (surface, dirty) in self.surfaces.iter_mut().zip(&mut self.dirty) {
            let (width, height) = (surface.picture.width(), surface.picture.height());
            let own = Area { x: surface.x, y: surface.y, width, height };
            let Some(part) = area.intersect(own) else { continue };
            let local = Area { x: part.x - surface.x, y: part.y - surface.y, ..part };
            dirty.mark(local);
            for row in rows_mut(&mut surface.picture, local) {
                row.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&colour));
            }
        }
    }

    /// Takes what changed, and takes note of it.
    pub fn take_patch(&mut self) -> Patch {
        let monitors = self
            .surfaces
            .iter()
            .map(|s| {
                let (width, height) = (s.picture.width(), s.picture.height());
                (s.name.clone(), s.x, s.y, s.scale_milli, width, height)
            })
            .collect();
        let mut areas = Vec::new();
        let mut rgb = Vec::new();
        for (index, (surface, dirty)) in self.surfaces.iter().zip(&self.dirty).enumerate() {
            let (stride, all) = (surface.picture.width() as usize * 3, surface.picture.rgb());
            for area in dirty.areas() {
                let from = area.x as usize * 3;
                for y in area.y as usize..area.y as usize + area.height as usize {
                    let start = y * stride + from;
                    rgb.extend_from_slice(&all[start..start + area.width as usize * 3]);
                }
                areas.push((index, area));
            }
        }
        let is_whole = self.dirty.iter().all(|dirty| !dirty.marks.contains(&false));
        self.settle();
        Patch { monitors, areas, rgb, is_whole }
    }

    /// Brings this screen up to date with the one that `patch` was taken from; patches are applied
    /// in the order in which they were taken, and all of them.
    ///
    /// # Errors
    /// [`PatchError`]; nothing has changed then.
    pub fn apply(&mut self, patch: &Patch) -> Result<(), PatchError> {
        let same = self.surfaces.len() == patch.monitors.len()
            && self.surfaces.iter().zip(&patch.monitors).all(|(s, m)| {
                let (width, height) = (s.picture.width(), s.picture.height());
                s.name == m.0
                    && (s.x, s.y, s.scale_milli, width, height) == (m.1, m.2, m.3, m.4, m.5)
            });
        if !same && !patch.is_whole {
            return Err(PatchError::Partial);
        }
        if !same {
            let surface =
                |(name, x, y, scale_milli, width, height): &(String, i32, i32, u32, u32, u32)| {
                    let picture = Picture::filled(*width, *height, [0; 3])?;
                    Ok(Surface {
                        name: name.clone(),
                        x: *x,
                        y: *y,
                        scale_milli: *scale_milli,
                        picture,
                    })
                };
            let surfaces: Result<Vec<_>, PictureError> =
                patch.monitors.iter().map(surface).collect();
            self.reset(surfaces?);
        }
        let mut rest = &patch.rgb[..];
        for (index, area) in &patch.areas {
            self.dirty[*index].mark(*area);
            for row in rows_mut(&mut self.surfaces[*index].picture, *area) {
                let (own, after) = rest.split_at(row.len());
                row.copy_from_slice(own);
                rest = after;
            }
        }
        Ok(())
    }
}

/// The part of each row of `picture` that lies in `area`.
pub fn rows_mut(picture: &mut Picture, area: Area) -> impl Iterator<Item = &mut [u8]> {
    let stride = picture.width() as usize * 3;
    let (from, to) = (area.x as usize * 3, (area.x as usize + area.width as usize) * 3);
    let rows = picture.rgb_mut().chunks_exact_mut(stride);
    rows.skip(area.y as usize).take(area.height as usize).map(move |row| &mut row[from..to])
}

/// Marks the blocks in which two pictures of one size differ.
fn compare(before: &Picture, now: &Picture, dirty: &mut Dirty) {
    let stride = now.width() as usize * 3;
    let rows = before.rgb().chunks_exact(stride).zip(now.rgb().chunks_exact(stride));
    for (y, (old, new)) in rows.enumerate() {
        if old == new {
            continue;
        }
        let first = y / BLOCK as usize * dirty.cols as usize;
        let parts = old.chunks(BLOCK as usize * 3).zip(new.chunks(BLOCK as usize * 3));
        for (mark, (old, new)) in dirty.marks[first..].iter_mut().zip(parts) {
            *mark = *mark || old != new;
        }
    }
}

/// Writes a row of pixels at `x`, `y` and marks the blocks in which it differs.
pub fn write_row(picture: &mut Picture, dirty: &mut Dirty, x: u32, y: u32, rgb: &[u8]) {
    let start = (y as usize * picture.width() as usize + x as usize) * 3;
    let own = &mut picture.rgb_mut()[start..start + rgb.len()];
    if own == rgb {
        return;
    }
    let row = (y / BLOCK * dirty.cols) as usize;
    let (mut at, mut offset) = (x, 0);
    while offset < rgb.len() {
        let pixels = (BLOCK - at % BLOCK) as usize;
        let end = rgb.len().min(offset + pixels * 3);
        if own[offset..end] != rgb[offset..end] {
            own[offset..end].copy_from_slice(&rgb[offset..end]);
            dirty.marks[row + (at / BLOCK) as usize] = true;
        }
        at += pixels as u32;
        offset = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn surface(name: &str, x: i32, width: u32, height: u32) -> Surface {
        let picture = Picture::filled(width, height, [1, 2, 3]).unwrap();
        Surface { name: name.into(), x, y: 0, scale_milli: 1000, picture }
    }

    proptest! {
        #[test]
        fn a_screen_kept_by_patches_equals_the_one_that_is_changed(
            steps in proptest::collection::vec(
                (-20..120_i32, -20..80_i32, 1..90_u32, 1..90_u32, any::<[u8; 3]>(), 0..8_u32), 1..12
            )
        ) {
            let (mut camera, mut encoder) = (Screen::default(), Screen::default());
            camera.reset(vec![surface("a", 0, 70, 41), surface("b", 70, 33, 50)]);
            for (x, y, width, height, colour, what) in steps {
                match what {
                    0 => drop(camera.reset(vec![surface("a", 0, 50, 60)])),
                    1 => drop(camera.reset(vec![surface("a", 0, 70, 41), surface("b", 70, 33, 50)])),
                    2 => {
                        let mut copies = camera.surfaces().to_vec();
                        let side = copies[0].picture.width();
                        copies[0].picture.rgb_mut()[(x.unsigned_abs() % side) as usize * 3] ^= 1;
                        drop(camera.replace(copies));
                    }
                    _ => camera.paint(Area { x, y, width, height }, colour),
                }
                let patch = camera.take_patch();
                encoder.apply(&patch).unwrap();
                prop_assert!(camera.surfaces() == encoder.surfaces());
                prop_assert!(camera.dirty().iter().all(|dirty| !dirty.any()));
            }
        }

        #[test]
        fn areas_cover_the_marks_exactly_once(
            marks in proptest::collection::vec((0..100_i32, 0..70_i32, 1..60_u32, 1..60_u32), 0..6)
        ) {
            let mut dirty = Dirty::new(100, 70);
            for (x, y, width, height) in marks {
                dirty.mark(Area { x, y, width, height });
            }
            let areas = dirty.areas();
            for (x, y) in (0..70).flat_map(|y| (0..100).map(move |x| (x, y))) {
                let pixel = Area { x, y, width: 1, height: 1 };
                let count = areas.iter().filter(|area| area.intersect(pixel).is_some()).count();
                prop_assert_eq!(count, usize::from(dirty.touches(pixel)));
            }
        }
    }

    #[test]
    fn a_row_written_marks_only_the_blocks_that_differ() {
        let mut screen = Screen::default();
        screen.reset(vec![surface("a", 0, 70, 40)]);
        screen.settle();
        let mut row = [1, 2, 3].repeat(50);
        row[48 * 3] = 9;
        let (picture, dirty) = screen.surface_mut(0);
        write_row(picture, dirty, 10, 17, &row);
        assert_eq!(dirty.areas(), [Area { x: 48, y: 16, width: 16, height: 16 }]);
        assert_eq!(picture.rgb()[(17 * 70 + 58) * 3], 9);
    }
}
