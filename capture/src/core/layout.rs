//! Where cells lie on the monitors, and what a manifest says of those.

use deskreel_format::codec::TilePos;
use deskreel_format::{Grid, Layout, SurfaceInfo};

use crate::source::Surface;

/// The layout of some surfaces; names are cut to what the format takes.
pub(super) fn layout_of(surfaces: &[Surface]) -> Layout {
    let info = |s: &Surface| SurfaceInfo {
        name: s.name.chars().take(60).collect(),
        x: s.x,
        y: s.y,
        scale_milli: s.scale_milli,
        width: s.picture.width(),
        height: s.picture.height(),
    };
    Layout { surfaces: surfaces.iter().map(info).collect() }
}

/// Surface and cell of a global cell number.
pub(super) fn locate(grids: &[Grid], cell: usize) -> (usize, usize) {
    let mut local = cell;
    for (surface, grid) in grids.iter().enumerate() {
        if local < grid.cells() {
            return (surface, local);
        }
        local -= grid.cells();
    }
    (grids.len() - 1, 0)
}

/// Where a cell lies when the surfaces stand one below the other.
pub(super) fn position(grids: &[Grid], cell: usize) -> TilePos {
    let (surface, local) = locate(grids, cell);
    let above: u32 = grids[..surface].iter().map(Grid::rows).sum();
    let cols = grids[surface].cols() as usize;
    TilePos { row: above + (local / cols) as u32, col: (local % cols) as u32 }
}
