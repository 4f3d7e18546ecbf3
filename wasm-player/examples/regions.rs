//! How long it takes to say when a rectangle changed on a whole day, once its manifests are here:
//! 8,640 screenshots of 1920 x 1080 pixels in 24 hours' indexes. `cargo run --release --example regions`
//! makes such a day up; `... regions FILES` takes the indexes in files, of a surface of that size.

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
const CELLS: u32 = 120 * 68;

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// A day in which most screenshots change a few cells, some a window, and a few tiles are stored again
/// each time.
struct Day {
    dice: Dice,
    screen: Vec<(PackRef, u32)>,
    last_ms: Option<u64>,
}

impl Day {
    fn hour(&mut self, hour_ms: u64) -> Manifest {
        let (mut packs, mut moments, mut pairs): (Vec<PackRef>, Vec<Moment>, Vec<_>) =
            (Vec::new(), Vec::new(), Vec::new());
        let after_ms = self.last_ms;
        for time_ms in (hour_ms..hour_ms + HOUR_MS).step_by(STEP as usize) {
            let before = self.screen.clone();
            let count = match self.dice.below(20) {
                0 => 3_000,
                1..=5 => 400,
                _ => 30,
            };
            let first = self.dice.below(CELLS - count);
            let segment = SegmentId { first_ms: time_ms, writer: 7 };
            let pack = PackRef { segment, offset: 100, len: 20_000, tiles: count + 16 };
            let mut again = Vec::new();
            for slot in 0..16 {
                let cell = self.dice.below(CELLS) as usize;
                again.push((self.screen[cell], (pack, count + slot)));
                self.screen[cell] = (pack, count + slot);
            }
            for slot in 0..count {
                self.screen[(first + slot) as usize] = (pack, slot);
            }
            let mut number = |pack: PackRef| -> u32 {
                match packs.iter().rposition(|other| *other == pack) {
                    Some(number) => number as u32,
                    None => {
                        packs.push(pack);
                        packs.len() as u32 - 1
                    }
                }
            };
            let is_first = moments.is_empty();
            let changes = (0..CELLS).zip(self.screen.iter().zip(&before));
            let changes = changes.filter(|(_, (new, old))| is_first || new != old).map(
                |(cell, ((pack, slot), _))| CellChange {
                    cell,
                    to: TileRef { pack: number(*pack), slot: *slot },
                },
            );
            let digests = vec![Digest(u128::from(time_ms).to_le_bytes())];
            let changes = changes.collect();
            moments.push(Moment { time_ms, layout: 0, idle: false, digests, changes });
            pairs.extend(again.into_iter().map(|(from, to)| {
                let mut tile = |(pack, slot)| TileRef { pack: number(pack), slot };
                (tile(from), tile(to))
            }));
            self.last_ms = Some(time_ms);
        }
        let info = SurfaceInfo {
            name: "screen".into(),
            x: 0,
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
            layouts: vec![Layout { surfaces: vec![info] }],
            packs,
            moments,
            absences: Vec::new(),
            tail: Vec::new(),
            links: Links { same: Links::same_of(pairs), chain },
        }
    }
}

/// The least of several runs, and how many times or ends were found.
fn ask(sheets: &[Sheet], question: Question, rect: Rect) -> (Duration, String) {
    let mut best = (Duration::MAX, String::new());
    for _ in 0..5 {
        let began = Instant::now();
        let mut region = Region::new(question, 0, rect);
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
fn made_up() -> Vec<Sheet> {
    let segment = SegmentId { first_ms: START - 1, writer: 7 };
    let all = PackRef { segment, offset: 100, len: 400_000, tiles: CELLS };
    let screen = (0..CELLS).map(|slot| (all, slot)).collect();
    let mut day = Day { dice: Dice(1), screen, last_ms: None };
    let hours = (START..START + DAY_MS).step_by(HOUR_MS as usize);
    hours.map(|hour| Sheet::new(day.hour(hour))).collect()
}

/// Indexes as they are stored.
fn stored(files: &[String]) -> Result<Vec<Sheet>, Box<dyn std::error::Error>> {
    let sheet = |file: &String| {
        let index = Index::decode(&std::fs::read(file)?, &Limits::default())?;
        Ok(Sheet::new(index.manifest))
    };
    files.iter().map(sheet).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let began = Instant::now();
    let sheets = if files.is_empty() { made_up() } else { stored(&files)? };
    println!("made or read in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let moments = sheets.iter().map(|sheet| sheet.manifest.moments.len()).sum::<usize>();
    let changes: usize =
        sheets.iter().flat_map(|s| &s.manifest.moments).map(|m| m.changes.len()).sum();
    println!("{moments} screenshots, {changes} changed cells");
    let bytes: usize = sheets.iter().map(Sheet::bytes).sum();
    let links: usize = sheets.iter().map(|s| s.manifest.links.same.len()).sum();
    println!("{:.1} MB of memory, {links} runs of equal tiles", bytes as f64 / 1e6);
    let first_ms = sheets.iter().flat_map(|s| &s.manifest.moments).map(|m| m.time_ms).min();
    let noon = first_ms.unwrap_or(START) + DAY_MS / 2;
    for (name, rect) in [
        ("200 x 100", Rect { x: 860, y: 490, width: 200, height: 100 }),
        ("the whole screen", Rect { x: 0, y: 0, width: 1920, height: 1080 }),
    ] {
        for (what, question) in [("changes", Question::History), ("seen", Question::Seen(noon))] {
            let (took, found) = ask(&sheets, question, rect);
            println!("{name}, {what}: {:.1} ms, {found}", took.as_secs_f64() * 1e3);
        }
    }
    Ok(())
}
