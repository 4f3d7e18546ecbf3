//! Where tiles lie on the sheet the pixel model walks.
//!
//! The sheet is the screen without the tile rows and columns that hold no tile, so that text and
//! edges still meet across tiles. Cells without a tile are skipped; which ones hold a tile is coded
//! before the pixels.

use super::TilePos;

/// A sheet may have this many cells for each tile; sparser arrangements are laid out anew.
const CELLS_PER_TILE: usize = 64;

/// Tiles side by side in one row of the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Sheet column of the first tile.
    pub(super) col: usize,
    /// Slot of the first tile; the others follow.
    pub(super) slot: usize,
    /// Number of tiles, at least 1.
    pub(super) len: usize,
}

/// The arrangement of a pack's tiles: every row and every column holds at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Width in tiles.
    pub(super) cols: usize,
    /// Height in tiles.
    pub(super) rows: usize,
    /// Spans of each row from left to right, row after row; slots ascend.
    pub(super) spans: Vec<(usize, Span)>,
}

impl Sheet {
    /// The arrangement on the screen without its empty rows and columns, or `None` if that is too
    /// sparse. `positions` ascend strictly.
    pub(super) fn of_screen(positions: &[TilePos]) -> Option<Self> {
        let mut used: Vec<u32> = positions.iter().map(|p| p.col).collect();
        used.sort_unstable();
        used.dedup();
        let rows = positions.chunk_by(|a, b| a.row == b.row).count();
        Self::fits(used.len(), rows, positions.len()).then(|| {
            let mut sheet = Self { cols: used.len(), rows, spans: Vec::new() };
            for (row, tiles) in positions.chunk_by(|a, b| a.row == b.row).enumerate() {
                for tile in tiles {
                    sheet.add(row, used.partition_point(|&col| col < tile.col));
                }
            }
            sheet
        })
    }

    /// The arrangement that needs no description: rows of ceil(sqrt(count)) tiles, the last one
    /// perhaps shorter.
    pub(super) fn square(count: usize) -> Self {
        let mut cols = count.isqrt();
        cols += usize::from(cols * cols < count);
        let mut sheet = Self { cols, rows: count.div_ceil(cols.max(1)), spans: Vec::new() };
        for slot in 0..count {
            sheet.add(slot / cols, slot % cols);
        }
        sheet
    }

    /// Whether a sheet of this size may be used for `count` tiles.
    pub(super) fn fits(cols: usize, rows: usize, count: usize) -> bool {
        let cells = cols.checked_mul(rows);
        cols <= count
            && rows <= count
            && cells.is_some_and(|cells| cells >= count && cells / CELLS_PER_TILE <= count)
    }

    /// Tells `flag` which cells hold a tile: see [`walk_cells`].
    pub(super) fn write(&self, mut flag: impl FnMut(usize, bool)) {
        let mut cells = vec![false; self.cols * self.rows];
        for (row, span) in &self.spans {
            cells[row * self.cols + span.col..][..span.len].fill(true);
        }
        let mut cells = cells.into_iter();
        let mut told = |context| {
            let held = cells.next().unwrap_or(false);
            flag(context, held);
            held
        };
        walk_cells(self.cols, self.rows, &mut told, |_, _, _| true);
    }

    /// Asks `flag` which cells hold a tile; `None` unless they are `count` and leave no row or column
    /// empty. The caller has checked `fits(cols, rows, count)`.
    pub(super) fn read(
        cols: usize,
        rows: usize,
        count: usize,
        mut flag: impl FnMut(usize) -> bool,
    ) -> Option<Self> {
        let mut sheet = Self { cols, rows, spans: Vec::new() };
        let mut rows_used = vec![false; rows];
        let mut cols_used = vec![false; cols];
        let mut tiles = 0;
        walk_cells(cols, rows, &mut flag, |row, col, held| {
            if held {
                tiles += 1;
                rows_used[row] = true;
                cols_used[col] = true;
                sheet.add(row, col);
            }
            tiles <= count
        });
        (tiles == count && rows_used.iter().chain(&cols_used).all(|&used| used)).then_some(sheet)
    }

    /// Appends the next slot's tile.
    fn add(&mut self, row: usize, col: usize) {
        let slot = self.spans.last().map_or(0, |(_, span)| span.slot + span.len);
        match self.spans.last_mut() {
            Some((last, span)) if *last == row && span.col + span.len == col => span.len += 1,
            _ => self.spans.push((row, Span { col, slot, len: 1 })),
        }
    }
}

/// Goes over the cells row by row: `flag` says of each whether it holds a tile, and is given which of
/// the four cells around it that are known do (left, above, above left, above right: bits 3 to 0).
/// `each` returns whether to go on.
fn walk_cells(
    cols: usize,
    rows: usize,
    flag: &mut impl FnMut(usize) -> bool,
    mut each: impl FnMut(usize, usize, bool) -> bool,
) {
    // One cell of border at either side.
    let mut above = vec![false; cols + 2];
    for row in 0..rows {
        let mut line = vec![false; cols + 2];
        for col in 0..cols {
            let around = [line[col], above[col + 1], above[col], above[col + 2]];
            let context = around.iter().fold(0, |context, &held| context << 1 | usize::from(held));
            let held = flag(context);
            line[col + 1] = held;
            if !each(row, col, held) {
                return;
            }
        }
        above = line;
    }
}
