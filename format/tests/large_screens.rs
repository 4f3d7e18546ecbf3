//! Hours and screens as large as people have them fit the default limits, and what does not fit is
//! refused in words that help.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use deskreel_format::{
    CellChange, DaySummary, Digest, FormatError, Index, Layout, Limits, Links, Manifest, Moment,
    PackRef, SegmentId, SurfaceInfo, TileRef, TileSize,
};

const HOUR_MS: u64 = 474_791 * 3_600_000;

fn monitors(count: i32, width: u32, height: u32) -> Layout {
    let surface = |number: i32| SurfaceInfo {
        name: format!("DP-{number}"),
        x: number * width as i32,
        y: 0,
        scale_milli: 1_000,
        width,
        height,
    };
    Layout { surfaces: (0..count).map(surface).collect() }
}

/// An hour in which `moments` screenshots each change every cell: a film on all monitors, whose new
/// tiles fill packs of at most 2,048 tiles.
fn hour_of_film(layout: Layout, tile: TileSize, moments: u64) -> Index {
    let cells = layout.cells(tile, &Limits::default()).unwrap() as u32;
    let surfaces = layout.surfaces.len();
    let packs_each = cells.div_ceil(2_048);
    let mut manifest = Manifest {
        id: SegmentId { first_ms: HOUR_MS, writer: 0 },
        tile,
        interval_ms: (3_600_000 / moments) as u32,
        layouts: vec![layout],
        packs: Vec::new(),
        moments: Vec::new(),
        absences: Vec::new(),
        tail: Vec::new(),
        links: Links::default(),
    };
    for number in 0..moments {
        let time_ms = HOUR_MS + number * u64::from(manifest.interval_ms);
        let first = manifest.packs.len() as u32;
        let segment = SegmentId { first_ms: time_ms, writer: 9 };
        manifest.packs.extend((0..packs_each).map(|pack| PackRef {
            segment,
            offset: 700 + pack * 500_000,
            len: 500_000,
            tiles: 2_048,
        }));
        let at = |cell: u32| TileRef { pack: first + cell / 2_048, slot: cell % 2_048 };
        let changes = (0..cells).map(|cell| CellChange { cell, to: at(cell) }).collect();
        let digests = vec![Digest([number as u8; 16]); surfaces];
        manifest.moments.push(Moment { time_ms, layout: 0, idle: false, digests, changes });
    }
    Index { summary: DaySummary::default(), manifest }
}

#[test]
fn an_hour_of_film_on_six_4k_monitors_has_an_index() {
    let index = hour_of_film(monitors(6, 3_840, 2_160), TileSize::new(16).unwrap(), 360);
    let changes: usize = index.manifest.moments.iter().map(|m| m.changes.len()).sum();
    assert_eq!(changes, 360 * 194_400);
    let object = index.encode().unwrap();
    assert!(object.len() < 400_000, "{} bytes", object.len());
    let again = Index::decode(&object, &Limits::default()).unwrap();
    let last = again.manifest.screen(359).unwrap();
    assert_eq!(last.cells[194_399].pack, 360 * 95 - 1);
}

#[test]
fn an_hour_of_film_every_second_on_a_full_hd_monitor_has_an_index() {
    let index = hour_of_film(monitors(1, 1_920, 1_080), TileSize::new(16).unwrap(), 3_600);
    let object = index.encode().unwrap();
    assert_eq!(Index::decode(&object, &Limits::default()).unwrap(), index);
}

#[test]
fn screens_that_people_have_fit_and_the_largest_at_the_smallest_tile_does_not() {
    let cells =
        |layout: Layout, tile: u32| layout.cells(TileSize::new(tile).unwrap(), &Limits::default());
    assert_eq!(cells(monitors(6, 3_840, 2_160), 8), Ok(777_600));
    assert_eq!(cells(monitors(6, 7_680, 4_320), 16), Ok(777_600));
    assert_eq!(cells(monitors(1, 16_384, 16_384), 16), Ok(1_048_576));
    let error = cells(monitors(1, 16_384, 16_384), 8).unwrap_err();
    assert!(matches!(error, FormatError::Limit { value: 4_194_304, limit: 1_048_576, .. }));
    assert_eq!(
        error.to_string(),
        "cells of a screenshot (larger tiles make fewer): 4194304, the limit is 1048576"
    );
}
