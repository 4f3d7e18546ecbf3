//! The fixed contents of the golden files of version 1. Never change them: see `tests/golden.rs`.

use deskreel_format::codec::{Codec, TilePos};
use deskreel_format::{
    Absence, AbsenceKind, CellChange, Changes, DaySummary, Digest, Index, Layout, Links, Manifest,
    Moment, MomentSummary, Pack, PackRef, Picture, SegmentId, SurfaceInfo, TileRef, TileSize,
};

/// 2024-03-01T00:00:00Z.
pub(crate) const HOUR_MS: u64 = 1_709_251_200_000;
pub(crate) const ID: SegmentId = SegmentId { first_ms: HOUR_MS + 1_234, writer: 0x00c0_ffee };

pub(crate) fn tile() -> TileSize {
    TileSize::ALL[0]
}

/// Two monitors; the first one later alone and turned.
pub(crate) fn layouts() -> Vec<Layout> {
    let surface = |name: &str, x, y, scale_milli, width, height| SurfaceInfo {
        name: name.to_owned(),
        x,
        y,
        scale_milli,
        width,
        height,
    };
    vec![
        Layout {
            surfaces: vec![
                surface("eDP-1", 0, 0, 1_000, 20, 10),
                surface("Caf\u{e9}", -9, 300, 1_750, 9, 9),
            ],
        },
        Layout { surfaces: vec![surface("eDP-1", 0, 0, 1_000, 10, 20)] },
    ]
}

/// The pixels of both monitors at the first moment.
pub(crate) fn pictures() -> Vec<Picture> {
    let colour = |surface: u32, at: u32, width: u32| {
        let (x, y) = (at % width, at / width);
        [x * 5 + y, y * 11 + surface, 200 + x * y].map(|value| value as u8)
    };
    let sizes = [(0, 20, 10), (1, 9, 9)];
    let picture = |(surface, width, height)| {
        let rgb = (0..width * height).flat_map(|at| colour(surface, at, width)).collect();
        Picture::new(width, height, rgb)
    };
    sizes.into_iter().map(picture).collect::<Result<_, _>>().expect("sizes match")
}

/// The ten tiles of [`pictures`], in order, as one pack.
pub(crate) fn webp_pack() -> Vec<u8> {
    let (mut rgb, mut positions, mut row) = (Vec::new(), Vec::new(), 0);
    let grids = layouts()[0].grids(tile()).expect("sizes fit");
    for (grid, picture) in grids.iter().zip(pictures()) {
        for cell in 0..grid.cells() as u32 {
            let from = rgb.len();
            rgb.resize(from + tile().tile_bytes(), 0);
            grid.cut(picture.rgb(), cell as usize, &mut rgb[from..]);
            positions.push(TilePos { row: row + cell / grid.cols(), col: cell % grid.cols() });
        }
        row += grid.rows();
    }
    Pack::encode(Codec::Webp, tile(), &positions, &rgb).expect("it can be coded")
}

/// The segment's manifest, its own pack of `pack_len` bytes located `offset` bytes on.
pub(crate) fn manifest(offset: u32, pack_len: u32) -> Manifest {
    let (yesterday, other) = (HOUR_MS - 80_000_000, SegmentId { first_ms: HOUR_MS, writer: 7 });
    let packs = vec![
        PackRef { segment: ID, offset, len: pack_len, tiles: 10 },
        PackRef {
            segment: SegmentId { first_ms: yesterday, ..ID },
            offset: 900,
            len: 77,
            tiles: 3,
        },
        PackRef { segment: other, offset: 70_000, len: 1_000_000, tiles: 5_000 },
    ];
    let changes = |list: &[(u32, u32, u32)]| -> Changes {
        list.iter().map(|(cell, pack, slot)| change(*cell, *pack, *slot)).collect()
    };
    let turned = [(0, 2, 4_990), (1, 2, 4_991), (2, 1, 0), (3, 1, 0), (4, 1, 0), (5, 0, 9)];
    let moment = |after: u64, layout, idle, digests, changes| Moment {
        time_ms: ID.first_ms + after,
        layout,
        idle,
        digests,
        changes,
    };
    let kinds = [
        AbsenceKind::Paused,
        AbsenceKind::Locked,
        AbsenceKind::Excluded,
        AbsenceKind::Offline,
        AbsenceKind::NotRunning,
    ];
    let absence = |(number, kind): (u64, AbsenceKind)| Absence {
        from_ms: HOUR_MS - 500_000 + number * 90_000,
        to_ms: HOUR_MS - 450_000 + number * 90_000,
        kind,
    };
    let first: Changes = (0..10).map(|cell| change(cell, 0, cell)).collect();
    let true_digests = pictures().iter().map(Digest::of).collect();
    Manifest {
        id: ID,
        tile: tile(),
        interval_ms: 10_000,
        layouts: layouts(),
        packs,
        moments: vec![
            moment(0, 0, false, true_digests, first),
            moment(10_003, 0, true, vec![Digest([2; 16]), Digest([3; 16])], Changes::default()),
            moment(
                20_000,
                0,
                false,
                vec![Digest([4; 16]), Digest([5; 16])],
                changes(&[(1, 1, 2), (2, 0, 0), (7, 2, 4_999), (8, 2, 4_999), (9, 2, 4_999)]),
            ),
            moment(30_000, 1, false, vec![Digest([6; 16])], changes(&turned)),
        ],
        absences: (0..).zip(kinds).map(absence).collect(),
        tail: summary(HOUR_MS),
        links: Links::default(),
    }
}

/// The hour's index: of the segment above.
pub(crate) fn index(offset: u32, pack_len: u32) -> Index {
    let id = SegmentId { first_ms: HOUR_MS, writer: 0 };
    let manifest = Manifest { id, tail: Vec::new(), ..manifest(offset, pack_len) };
    let summary = DaySummary {
        hours: vec![HOUR_MS - 7_200_000, HOUR_MS],
        moments: summary(HOUR_MS - 7_200_000),
        absences: manifest.absences[..2].to_vec(),
    };
    Index { summary, manifest }
}

fn change(cell: u32, pack: u32, slot: u32) -> CellChange {
    CellChange { cell, to: TileRef { pack, slot } }
}

fn summary(from_ms: u64) -> Vec<MomentSummary> {
    let entry = |(after, changed, idle)| MomentSummary { time_ms: from_ms + after, changed, idle };
    [(0, 127, false), (400, 0, true), (10_400, 1, false), (20_400, 64, true)].map(entry).to_vec()
}
