//! How long it takes to say when a rectangle changed on a whole day, once its manifests are here:
//! 8,640 screenshots of one or several monitors of 1920 x 1080 pixels in 24 hours' indexes.
//! `cargo run --release -p deskreel-player --example regions -- --monitors 3` makes such a day up, about
//! as large as that of a busy desktop; `... -- FILES` takes the indexes in files.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use deskreel_format::grid::Rect;
use deskreel_format::time::{DAY_MS, HOUR_MS};
use deskreel_format::{
    CellChange, Chain, Digest, Index, Layout, Limits, Links, Manifest, Moment, PackRef, SegmentId,
    SurfaceInfo, TileRef, TileSize,
};
use deskreel_player::core::regions::{Answer, Question, Region};
use deskreel_player::core::sheet::Sheet;

const START: u64 = 1_763_856_000_000;
const STEP: u64 = 10_000;
/// Of a monitor: columns, rows.
const GRID: (u32, u32) = (120, 68);
const CELLS: u32 = GRID.0 * GRID.1;
/// Stretches of tiles that each screenshot stores again, a monitor.
const AGAIN: u32 = 31;

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// A tile: its pack, and slot.
type Place = (PackRef, u32);

/// A day in which most screenshots change a few cells of each monitor, many a window and some nearly
/// all, and in which some tiles are stored again each time.
struct Day {
    dice: Dice,
    /// What each cell shows, monitor after monitor.
    screen: Vec<Place>,
    last_ms: Option<u64>,
}

/// The table of packs of an hour.
#[derive(Default)]
struct Table {
    packs: Vec<PackRef>,
    numbers: HashMap<PackRef, u32>,
}

impl Table {
    fn tile(&mut self, (pack, slot): Place) -> TileRef {
        let pack = *self.numbers.entry(pack).or_insert_with(|| {
            self.packs.push(pack);
            self.packs.len() as u32 - 1
        });
        TileRef { pack, slot }
    }
}

impl Day {
    fn new(monitors: u32) -> Self {
        let segment = SegmentId { first_ms: START - 1, writer: 7 };
        let tiles = CELLS * monitors;
        let all = PackRef { segment, offset: 100, len: 400_000, tiles };
        let screen = (0..tiles).map(|slot| (all, slot)).collect();
        Self { dice: Dice(1), screen, last_ms: None }
    }

    fn monitors(&self) -> u32 {
        self.screen.len() as u32 / CELLS
    }

    /// One monitor at a time: a pack of its new tiles, and of some that are stored again, which go to
    /// `pairs`.
    fn change(&mut self, monitor: u32, time_ms: u64, pairs: &mut Vec<(Place, Place)>) {
        let (cols, rows) = match self.dice.below(20) {
            0 => GRID,
            1..=8 => (45, 45),
            _ => (10, 7),
        };
        let left = self.dice.below(GRID.0 - cols + 1);
        let top = self.dice.below(GRID.1 - rows + 1);
        let window = (top..top + rows)
            .flat_map(|row| (left..left + cols).map(move |col| row * GRID.0 + col))
            .filter(|_| self.dice.below(8) > 0);
        let new: Vec<u32> = window.collect();
        let again: Vec<u32> = (0..AGAIN)
            .flat_map(|_| {
                let first = self.dice.below(CELLS - 3);
                first..first + 1 + self.dice.below(3)
            })
            .collect();
        let segment = SegmentId { first_ms: time_ms, writer: 7 };
        let tiles = (new.len() + again.len()) as u32;
        let pack = PackRef { segment, offset: 100 + monitor * 20_000, len: 20_000, tiles };
        let mut slots = 0_u32..;
        for (cell, slot) in again.into_iter().zip(&mut slots) {
            let shown = &mut self.screen[(monitor * CELLS + cell) as usize];
            pairs.push((std::mem::replace(shown, (pack, slot)), (pack, slot)));
        }
        for (cell, slot) in new.into_iter().zip(&mut slots) {
            self.screen[(monitor * CELLS + cell) as usize] = (pack, slot);
        }
    }

    fn hour(&mut self, hour_ms: u64) -> Manifest {
        let (mut table, mut moments, mut pairs) = (Table::default(), Vec::new(), Vec::new());
        let after_ms = self.last_ms;
        for time_ms in (hour_ms..hour_ms + HOUR_MS).step_by(STEP as usize) {
            let before = self.screen.clone();
            (0..self.monitors()).for_each(|monitor| self.change(monitor, time_ms, &mut pairs));
            let is_first = moments.is_empty();
            let cells = (0_u32..).zip(self.screen.iter().zip(&before));
            let changes = cells
                .filter(|(_, (new, old))| is_first || new != old)
                .map(|(cell, (new, _))| CellChange { cell, to: table.tile(*new) })
                .collect();
            let digest = |monitor: u128| Digest((u128::from(time_ms) << 8 | monitor).to_le_bytes());
            let digests = (0..self.monitors().into()).map(digest).collect();
            moments.push(Moment { time_ms, layout: 0, idle: false, digests, changes });
            self.last_ms = Some(time_ms);
        }
        let same = pairs.into_iter().map(|(from, to)| (table.tile(from), table.tile(to)));
        let same = Links::same_of(same.collect::<Vec<_>>());
        let surface = |monitor: u32| SurfaceInfo {
            name: format!("screen {monitor}"),
            x: monitor as i32 * 1920,
            y: 0,
            scale_milli: 1000,
            width: 1920,
            height: 1080,
        };
        let chain = Some(Chain { after_ms, breaks: Vec::new() });
        Manifest {
            id: SegmentId { first_ms: hour_ms, writer: 0 },
            tile: TileSize::ALL[1],
            interval_ms: STEP as u32,
            layouts: vec![Layout { surfaces: (0..self.monitors()).map(surface).collect() }],
            packs: table.packs,
            moments,
            absences: Vec::new(),
            tail: Vec::new(),
            links: Links { same, chain },
        }
    }
}

/// The least of several runs, and how many times or ends were found.
fn ask(sheets: &[Sheet], question: Question, surface: usize, rect: Rect) -> (Duration, String) {
    let mut best = (Duration::MAX, String::new());
    for _ in 0..20 {
        let began = Instant::now();
        let mut region = Region::new(question, surface, rect);
        sheets.iter().for_each(|sheet| region.take(sheet));
        let found = match region.answer(0, STEP) {
            Answer::Times(times) => format!("{} times", times.len()),
            Answer::Compare(pairs) => format!("{} pairs to compare", pairs.len()),
        };
        let took = began.elapsed();
        if took < best.0 {
            best = (took, found);
        }
    }
    best
}

/// A day that is made up.
fn made_up(monitors: u32) -> Vec<Manifest> {
    let mut day = Day::new(monitors);
    let hours = (START..START + DAY_MS).step_by(HOUR_MS as usize);
    hours.map(|hour| day.hour(hour)).collect()
}

/// Indexes as they are stored.
fn stored(files: &[String]) -> Result<Vec<Manifest>, Box<dyn std::error::Error>> {
    let read =
        |file: &String| Ok(Index::decode(&std::fs::read(file)?, &Limits::default())?.manifest);
    files.iter().map(read).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let manifests = match arguments.as_slice() {
        [] => made_up(1),
        [option, monitors] if option == "--monitors" => made_up(monitors.parse()?),
        files => stored(files)?,
    };
    let surfaces =
        manifests.iter().flat_map(|m| &m.layouts).map(|l| l.surfaces.len()).max().unwrap_or(1);
    let moments: Vec<&Moment> = manifests.iter().flat_map(|m| &m.moments).collect();
    let changes: usize = moments.iter().map(|m| m.changes.len()).sum();
    println!("{} screenshots, {changes} changed cells", moments.len());
    let noon = moments.iter().map(|m| m.time_ms).min().unwrap_or(START) + DAY_MS / 2;
    let links: usize = manifests.iter().map(|m| m.links.same.len()).sum();
    let packs: usize = manifests.iter().map(|m| m.packs.len()).sum();
    println!("{links} runs of equal tiles, {packs} packs in the tables");
    let began = Instant::now();
    let sheets: Vec<Sheet> = manifests.into_iter().map(Sheet::new).collect();
    let bytes: usize = sheets.iter().map(Sheet::bytes).sum();
    let took = began.elapsed().as_secs_f64() * 1e3;
    println!("{:.1} MB of memory, made in {took:.0} ms", bytes as f64 / 1e6);
    let small = Rect { x: 860, y: 490, width: 200, height: 100 };
    let all = Rect { x: 0, y: 0, width: 1920, height: 1080 };
    let mut surfaces = vec![0, surfaces.saturating_sub(1)];
    surfaces.dedup();
    for surface in surfaces {
        for (name, rect) in [("200 x 100", small), ("all", all)] {
            for (what, question) in [("changes", Question::History), ("seen", Question::Seen(noon))]
            {
                let (took, found) = ask(&sheets, question, surface, rect);
                let took = took.as_secs_f64() * 1e3;
                println!("{name} of surface {surface}, {what}: {took:.1} ms, {found}");
            }
        }
    }
    Ok(())
}
