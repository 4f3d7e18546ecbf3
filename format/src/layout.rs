//! How the surfaces (monitors) of a desktop lie beside each other.

use crate::codec::TilePos;
use crate::error::check_limit;
use crate::wire::{Reader, put_varint, zigzag};
use crate::{FormatError, Grid, Limits, TileSize};

/// One monitor of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SurfaceInfo {
    /// The output's name, at most 255 bytes of UTF-8.
    pub name: String,
    /// Left edge on the desktop, pixels.
    pub x: i32,
    /// Top edge on the desktop, pixels.
    pub y: i32,
    /// Pixels per logical pixel in thousandths.
    pub scale_milli: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// All monitors at one time, in the order in which their cells follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    /// At least one surface.
    pub surfaces: Vec<SurfaceInfo>,
}

impl Layout {
    /// The grid of each surface, in order.
    ///
    /// # Errors
    /// [`FormatError::Limit`] when a surface has an impossible size.
    pub fn grids(&self, tile: TileSize) -> Result<Vec<Grid>, FormatError> {
        self.surfaces.iter().map(|s| Grid::new(s.width, s.height, tile)).collect()
    }

    /// Cells of all surfaces together.
    ///
    /// # Errors
    /// [`FormatError::Limit`] when a surface has an impossible size or there are too many cells.
    pub fn cells(&self, tile: TileSize, limits: &Limits) -> Result<usize, FormatError> {
        let cells = self.grids(tile)?.iter().map(Grid::cells).sum::<usize>();
        check_limit(
            "cells of a screenshot (larger tiles make fewer)",
            cells as u64,
            limits.cells as u64,
        )?;
        Ok(cells)
    }

    /// Where each surface's top left corner lies in a picture of the whole desktop, and that picture's
    /// width and height, all in pixels. Surfaces so far apart that a side would exceed `most` stand
    /// side by side.
    pub fn placed(&self, most: u32) -> (Vec<(u32, u32)>, (u32, u32)) {
        let surfaces = &self.surfaces;
        let left = surfaces.iter().map(|s| i64::from(s.x)).min().unwrap_or(0);
        let top = surfaces.iter().map(|s| i64::from(s.y)).min().unwrap_or(0);
        let right = surfaces.iter().map(|s| i64::from(s.x) + i64::from(s.width)).max().unwrap_or(0);
        let bottom =
            surfaces.iter().map(|s| i64::from(s.y) + i64::from(s.height)).max().unwrap_or(0);
        let (width, height) = (right - left, bottom - top);
        if width <= i64::from(most) && height <= i64::from(most) {
            let place =
                |s: &SurfaceInfo| ((i64::from(s.x) - left) as u32, (i64::from(s.y) - top) as u32);
            return (surfaces.iter().map(place).collect(), (width as u32, height as u32));
        }
        let mut x: u32 = 0;
        let mut places = Vec::new();
        for surface in surfaces {
            places.push((x, 0));
            x = x.saturating_add(surface.width);
        }
        (places, (x, surfaces.iter().map(|s| s.height).max().unwrap_or(0)))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.surfaces.len() as u64);
        for surface in &self.surfaces {
            put_varint(out, surface.name.len() as u64);
            out.extend_from_slice(surface.name.as_bytes());
            put_varint(out, zigzag(surface.x.into()));
            put_varint(out, zigzag(surface.y.into()));
            put_varint(out, surface.scale_milli.into());
            put_varint(out, surface.width.into());
            put_varint(out, surface.height.into());
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, FormatError> {
        let count = reader.count("surfaces of a layout", limits.surfaces)?;
        if count == 0 {
            return Err(reader.invalid("a layout has no surface"));
        }
        let mut surfaces = Vec::with_capacity(count);
        for _ in 0..count {
            let length = reader.count("bytes of a surface's name", 255)?;
            let name = std::str::from_utf8(reader.bytes(length)?)
                .map_err(|_| reader.invalid("a surface's name is not UTF-8"))?
                .to_owned();
            let coordinate = |reader: &mut Reader<'_>| {
                i32::try_from(reader.signed()?)
                    .map_err(|_| reader.invalid("a surface's position is out of range"))
            };
            surfaces.push(SurfaceInfo {
                name,
                x: coordinate(reader)?,
                y: coordinate(reader)?,
                scale_milli: reader.narrow_u32("a surface's scale is out of range")?,
                width: reader.narrow_u32("a surface's width is out of range")?,
                height: reader.narrow_u32("a surface's height is out of range")?,
            });
        }
        Ok(Self { surfaces })
    }
}

/// Surface and local cell of a cell of the whole screen.
pub fn locate(grids: &[Grid], cell: usize) -> (usize, usize) {
    let mut local = cell;
    for (surface, grid) in grids.iter().enumerate() {
        if local < grid.cells() {
            return (surface, local);
        }
        local -= grid.cells();
    }
    (grids.len().saturating_sub(1), 0)
}

/// Where a cell lies when the surfaces stand one below the other.
pub fn position(grids: &[Grid], cell: usize) -> TilePos {
    let (surface, local) = locate(grids, cell);
    let above: u32 = grids[..surface].iter().map(Grid::rows).sum();
    let cols = grids.get(surface).map_or(1, |grid| grid.cols() as usize);
    TilePos { row: above + (local / cols) as u32, col: (local % cols) as u32 }
}
