//! Where on the screen each tile of a manifest's packs is shown.

use crate::codec::TilePos;
use crate::layout::{locate, position};
use crate::{Grid, Manifest};

/// A cell that shows a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownCell {
    /// Grid of the cell's surface.
    pub grid: Grid,
    /// The cell in that grid.
    pub cell: usize,
    /// Where it lies when the surfaces stand one below the other.
    pub position: TilePos,
}

/// For each pack of the table and each of its slots the first cell that shows that tile; `None` for a
/// tile that no cell shows. A tile's hash covers its real size, which only such a cell tells.
pub fn shown_cells(manifest: &Manifest) -> Vec<Vec<Option<ShownCell>>> {
    let mut shown: Vec<Vec<Option<ShownCell>>> =
        manifest.packs.iter().map(|pack| vec![None; pack.tiles as usize]).collect();
    for moment in &manifest.moments {
        let layout = manifest.layouts.get(moment.layout as usize);
        let Some(Ok(grids)) = layout.map(|layout| layout.grids(manifest.tile)) else { continue };
        for change in moment.changes.iter() {
            let slot = shown
                .get_mut(change.to.pack as usize)
                .and_then(|pack| pack.get_mut(change.to.slot as usize));
            if let Some(slot @ None) = slot {
                let (surface, cell) = locate(&grids, change.cell as usize);
                let position = position(&grids, change.cell as usize);
                *slot = Some(ShownCell { grid: grids[surface], cell, position });
            }
        }
    }
    shown
}
