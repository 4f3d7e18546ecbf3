//! Manifests and indexes of every shape that the format allows, sensible or not.

use deskreel_format::{
    Absence, AbsenceKind, CellChange, Chain, Changes, DaySummary, Digest, Index, Layout, Links,
    Manifest, Moment, MomentSummary, PackRef, SegmentId, SurfaceInfo, TileRef, TileSize,
    manifest::COMMONS_WRITER,
    time::{DAY_MS, HOUR_MS},
};

use super::Dice;

const HOUR: u64 = 474_791 * HOUR_MS;
const KINDS: [AbsenceKind; 5] = [
    AbsenceKind::Paused,
    AbsenceKind::Locked,
    AbsenceKind::Excluded,
    AbsenceKind::Offline,
    AbsenceKind::NotRunning,
];

/// A manifest without own packs, whose moments lie within an hour of `id.first_ms`.
pub(crate) fn manifest(dice: &mut Dice, id: SegmentId) -> Manifest {
    let tile = TileSize::ALL[dice.below(5) as usize];
    let layouts: Vec<Layout> = (0..1 + dice.below(3)).map(|_| layout(dice)).collect();
    let packs: Vec<PackRef> = (0..1 + dice.below(6)).map(|_| pack(dice, id)).collect();
    let mut moments: Vec<Moment> = Vec::new();
    let mut time_ms = id.first_ms + dice.below(2) * dice.below(1_000);
    for _ in 0..dice.below(6) {
        let layout = dice.below(layouts.len() as u64) as u32;
        let cells: usize =
            layouts[layout as usize].grids(tile).unwrap().iter().map(|grid| grid.cells()).sum();
        let full = moments.last().is_none_or(|last| last.layout != layout);
        let digest = |_: &SurfaceInfo| Digest((u128::from(dice.bits()) << 60).to_le_bytes());
        let digests = layouts[layout as usize].surfaces.iter().map(digest).collect();
        let changes = changes(dice, cells, &packs, full);
        moments.push(Moment { time_ms, layout, idle: dice.one_in(2), digests, changes });
        time_ms += 1 + dice.below(600_000);
    }
    let interval_ms = 1 + dice.below(u64::from(u32::MAX)) as u32;
    let absences = (0..dice.below(4)).map(|_| absence(dice)).collect();
    let tail = summary(dice);
    let links = links(dice, &moments, &packs);
    Manifest { id, tile, interval_ms, layouts, packs, moments, absences, tail, links }
}

/// Half of all have none, as in version 1.
fn links(dice: &mut Dice, moments: &[Moment], packs: &[PackRef]) -> Links {
    let mut links = Links::default();
    if dice.one_in(2) {
        return links;
    }
    if let Some(first) = moments.first()
        && dice.one_in(2)
    {
        let after_ms = dice.one_in(2).then(|| first.time_ms - 1 - dice.below(DAY_MS));
        let numbers = 1..=moments.len() as u32;
        let breaks = numbers.filter(|_| dice.one_in(3)).collect();
        links.chain = Some(Chain { after_ms, breaks });
    }
    let tile = |dice: &mut Dice| {
        let pack = dice.below(packs.len() as u64) as u32;
        TileRef { pack, slot: dice.below(packs[pack as usize].tiles.into()) as u32 }
    };
    links.same = Links::same_of((0..dice.below(20)).map(|_| (tile(dice), tile(dice))));
    links
}

/// Who a segment is.
pub(crate) fn segment_id(dice: &mut Dice) -> SegmentId {
    SegmentId { first_ms: HOUR + dice.below(DAY_MS), writer: (dice.bits() as u32 >> 1) | 1 }
}

/// An index.
pub(crate) fn index(dice: &mut Dice) -> Index {
    let hour = HOUR + dice.below(48) * HOUR_MS;
    let manifest = manifest(dice, SegmentId { first_ms: hour, writer: 0 });
    let mut hours: Vec<u64> =
        (0..dice.below(25)).map(|_| dice.below(2_777_778) * HOUR_MS).collect();
    hours.sort_unstable();
    hours.dedup();
    let moments = summary(dice);
    let absences = (0..dice.below(4)).map(|_| absence(dice)).collect();
    let manifest = Manifest { tail: Vec::new(), ..manifest };
    Index { summary: DaySummary { hours, moments, absences }, manifest }
}

fn layout(dice: &mut Dice) -> Layout {
    let surface = |dice: &mut Dice| SurfaceInfo {
        name: ["", "eDP-1", "\u{e9}\u{4e16}\u{1f5a5}"][dice.below(3) as usize].into(),
        x: dice.bits() as i32,
        y: dice.bits() as i32,
        scale_milli: dice.bits() as u32,
        width: 1 + dice.below(120) as u32,
        height: 1 + dice.below(120) as u32,
    };
    Layout { surfaces: (0..1 + dice.below(3)).map(|_| surface(dice)).collect() }
}

fn pack(dice: &mut Dice, own: SegmentId) -> PackRef {
    let mut segment = segment_id(dice);
    if dice.one_in(6) {
        segment.writer = COMMONS_WRITER;
    }
    if dice.one_in(3) && own.writer != 0 {
        segment = SegmentId { first_ms: segment.first_ms + 2 * DAY_MS, writer: own.writer };
    }
    let (offset, len) = (dice.below(1 << 31) as u32, dice.below(1 << 30) as u32);
    PackRef { segment, offset, len, tiles: 1 + dice.below(5_000) as u32 }
}

fn changes(dice: &mut Dice, cells: usize, packs: &[PackRef], full: bool) -> Changes {
    let mut at = TileRef { pack: 0, slot: 0 };
    let (keep, move_on) = (1 + dice.below(4), 1 + dice.below(20));
    (0..cells)
        .filter_map(|cell| {
            if dice.one_in(move_on) {
                at.pack = dice.below(packs.len() as u64) as u32;
                at.slot = dice.below(packs[at.pack as usize].tiles.into()) as u32;
            } else if dice.one_in(3) {
                at.slot = (at.slot + 1) % packs[at.pack as usize].tiles;
            }
            (full || dice.one_in(keep)).then_some(CellChange { cell: cell as u32, to: at })
        })
        .collect()
}

fn absence(dice: &mut Dice) -> Absence {
    let from_ms = HOUR + dice.below(DAY_MS);
    let kind = KINDS[dice.below(5) as usize];
    Absence { from_ms, to_ms: from_ms + 1 + dice.below(DAY_MS), kind }
}

fn summary(dice: &mut Dice) -> Vec<MomentSummary> {
    let mut time_ms = dice.below(2) * HOUR;
    (0..dice.below(30))
        .map(|_| {
            time_ms += 1 + dice.below(20_000);
            MomentSummary { time_ms, changed: dice.below(128) as u8, idle: dice.one_in(2) }
        })
        .collect()
}
