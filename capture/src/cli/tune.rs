//! `deskreel tune`: tile sizes, codecs and seek budgets tried on a person's own screens.

mod plot;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Segment, TileSize};
use serde::Serialize;

use super::common::{DEFAULT_PACK_PIXELS, DEFAULT_TILE, Failure, print, progress};
use crate::agent::LEASE_MS;
use crate::config::parse_duration;
use crate::core::budget::SeekBudget;
use crate::core::known::KnownTiles;
use crate::core::recorder::{Recorder, Settings};
use crate::core::tuning::{Candidate, Day, Figures, SeekLimit, Trial, recommend};
use crate::source::open::{Wanted, open};
use crate::source::replay::ReplaySource;
use crate::source::{ScreenSource, Surface};

/// Tries tile sizes, codecs and seek budgets on your own screens and recommends what suits them
///
/// Takes the PNG screenshots of a folder, or photographs the screen for a while. Nothing is stored
/// and nothing leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel tune screenshots/
  deskreel tune --live 10m --plot tune.svg
  deskreel tune screenshots/ --json | jq .recommendation
  deskreel tune screenshots/ --curve       only seek budgets, for the default tiles and codec

Bytes a day and PUT cost are reckoned for --interval and --upload-every. A short sample of a quiet
screen says little about a busy day: ten minutes of usual work are a good start.")]
pub(crate) struct Args {
    /// Folder of PNG screenshots, taken in the order of their names
    #[arg(required_unless_present = "live", conflicts_with = "live")]
    path: Option<PathBuf>,
    /// Photograph the screen for so long, one screenshot each --interval
    #[arg(long, value_name = "DURATION")]
    live: Option<String>,
    /// X display to photograph [default: that of DISPLAY]
    #[arg(long)]
    display: Option<String>,
    /// Time between screenshots
    #[arg(long, default_value = "10s")]
    interval: String,
    /// Time between uploads, for the PUT cost
    #[arg(long, default_value = "0s")]
    upload_every: String,
    /// US dollars for a thousand PUT requests (S3 Standard in us-east-1: 0.005)
    #[arg(long, default_value_t = 0.005)]
    put_price: f64,
    /// KB that a cold seek may take at the 95th percentile
    #[arg(long, default_value_t = 450)]
    seek_kb: u64,
    /// Requests that a cold seek may take
    #[arg(long, default_value_t = 32)]
    seek_requests: u64,
    /// Only seek budgets, for the default tile size and codec: the trade-off curve
    #[arg(long)]
    curve: bool,
    /// Use at most so many screenshots
    #[arg(long)]
    count: Option<usize>,
    /// Write a plot (SVG) of bytes against cold seeks
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// All that is told, for scripts.
#[derive(Debug, Serialize)]
struct Told {
    screenshots: usize,
    rows: Vec<Figures>,
    recommendation: Option<Recommended>,
}

#[derive(Debug, Serialize)]
struct Recommended {
    /// Number of the row, from 0.
    row: usize,
    reason: String,
    /// The flags of `record` and `import` that say so.
    flags: String,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let duration = |text: &str| match text {
        "0s" => Ok(0),
        text => parse_duration(text).map_err(Failure::usage),
    };
    let interval_ms = duration(&args.interval)?;
    let day = Day {
        interval_ms,
        upload_every_ms: duration(&args.upload_every)?,
        usd_per_1000_puts: args.put_price,
    };
    let (mut source, available) = match (&args.path, &args.live) {
        (Some(folder), _) => {
            let source = ReplaySource::open(folder)?;
            let available = source.len();
            (Box::new(source) as Box<dyn ScreenSource>, available)
        }
        (None, live) => {
            let span = duration(live.as_deref().unwrap_or("10m"))?;
            let source = open(&Wanted { display: args.display.clone(), ..Wanted::default() })?;
            (source, (span / interval_ms.max(1)).max(1) as usize)
        }
    };
    let count = args.count.unwrap_or(available).min(available);
    let pause = args.live.is_some().then(|| Duration::from_millis(interval_ms.into()));
    let tile = TileSize::new(DEFAULT_TILE).map_err(Failure::usage)?;
    let codec = Codec::DEFAULT;
    let mut candidates = if args.curve { Vec::new() } else { Candidate::all(tile, codec) };
    if args.curve {
        let budgets = [SeekBudget::NONE, SeekBudget::default()];
        candidates.extend(budgets.map(|budget| Candidate { tile, codec, budget }));
        candidates.extend(Candidate::curve(tile, codec));
    }
    let trying = move || try_all(candidates, &mut *source, count, interval_ms, pause);
    let trials = tokio::task::spawn_blocking(trying).await.map_err(Failure::failed)??;
    let rows: Vec<Figures> = trials.iter().map(|trial| trial.figures(&day)).collect();
    let limit = SeekLimit { p95_bytes: args.seek_kb * 1_000, requests: args.seek_requests };
    let usual = Candidate { tile, codec, budget: SeekBudget::default() };
    let usual = trials.iter().position(|trial| trial.candidate == usual);
    let best = recommend(&rows, usual, &limit);
    if let Some(path) = &args.plot {
        let svg = plot::svg(&rows, best.as_ref().map(|(row, _)| *row), limit.p95_bytes);
        std::fs::write(path, svg).map_err(|error| {
            Failure::failed(format!("cannot write the plot '{}': {error}", path.display()))
        })?;
    }
    let recommendation = best.map(|(row, reason)| {
        let flags = flags(&trials[row].candidate);
        Recommended { row, reason, flags }
    });
    let told = Told { screenshots: count, rows, recommendation };
    let text = if args.json {
        serde_json::to_string_pretty(&told).map_err(Failure::failed)? + "\n"
    } else {
        table(&told)
    };
    print(&text)?;
    Ok(0)
}

/// Feeds every screenshot to every candidate. Each has a recorder of its own; a screenshot is read
/// once for all of them.
fn try_all(
    candidates: Vec<Candidate>,
    source: &mut dyn ScreenSource,
    count: usize,
    interval_ms: u32,
    pause: Option<Duration>,
) -> Result<Vec<Trial>, Failure> {
    let mut running: Vec<(Recorder, Trial)> = candidates.into_iter().map(begin).collect();
    let bar = progress((count * running.len()) as u64, "trying");
    for shot in 0..count {
        let begun = Instant::now();
        let surfaces = source.grab()?;
        // Any start does: only the distances between moments matter.
        let time_ms = 1_700_000_000_000 + shot as u64 * u64::from(interval_ms.max(1));
        for (recorder, trial) in &mut running {
            one(recorder, trial, time_ms, surfaces.clone())?;
            bar.inc(1);
        }
        if let Some(pause) = pause.filter(|_| shot + 1 < count) {
            let spent = begun.elapsed();
            bar.set_message(format!("{} of {count} screenshots", shot + 1));
            std::thread::sleep(pause.saturating_sub(spent));
        }
    }
    bar.finish_and_clear();
    Ok(running.into_iter().map(|(_, trial)| trial).collect())
}

fn begin(candidate: Candidate) -> (Recorder, Trial) {
    let settings = Settings {
        tile: candidate.tile,
        codec: candidate.codec,
        interval_ms: 10_000,
        domain: DomainKey::new([0; 32]),
        budget: candidate.budget,
        pack_pixels: DEFAULT_PACK_PIXELS,
    };
    let recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let (bytes, seek_bytes, seek_requests) = (Vec::new(), Vec::new(), Vec::new());
    (recorder, Trial { candidate, bytes, seek_bytes, seek_requests, busy_ms: 0.0 })
}

fn one(
    recorder: &mut Recorder,
    trial: &mut Trial,
    time_ms: u64,
    surfaces: Vec<Surface>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    recorder.shoot(time_ms, surfaces, false)?;
    let Some(sealed) = recorder.seal()? else { return Ok(()) };
    trial.busy_ms += begun.elapsed().as_secs_f64() * 1e3;
    trial.bytes.push(sealed.bytes.len() as u64);
    let segment = Segment::decode(&sealed.bytes, &Limits::default())?;
    let cost = segment.seek_cost(0).unwrap_or_default();
    trial.seek_bytes.push(cost.bytes);
    trial.seek_requests.push(cost.requests.into());
    Ok(())
}

fn flags(candidate: &Candidate) -> String {
    let packs = match candidate.budget.packs {
        usize::MAX => 0,
        packs => packs,
    };
    let bytes = candidate.budget.floor_bytes;
    let factor = candidate.budget.factor;
    let bytes = match packs {
        0 => String::new(),
        _ => format!(" --seek-bytes {bytes} --seek-factor {factor}"),
    };
    let (tile, codec) = (candidate.tile.pixels(), candidate.codec.name());
    format!("--tile {tile} --codec {codec} --seek-packs {packs}{bytes}")
}

fn table(told: &Told) -> String {
    let mut text = format!("{} screenshots\n\n", told.screenshots);
    text += "    tile  codec   seek budget           KB/shot  MB/day  PUT $/month  cold seek KB mean    p95  requests max  ms/shot\n";
    let best = told.recommendation.as_ref().map(|best| best.row);
    for (number, row) in told.rows.iter().enumerate() {
        let mark = if best == Some(number) { "*" } else { " " };
        text += &format!(
            "{mark}   {:>4}  {:<6}  {:<20} {:>8.1} {:>7.1} {:>12.2} {:>18.0} {:>6.0} {:>13} {:>8.1}\n",
            row.tile,
            row.codec,
            row.budget,
            row.bytes_per_screenshot / 1e3,
            row.bytes_per_day / 1e6,
            row.put_usd_per_month,
            row.seek_bytes.mean / 1e3,
            row.seek_bytes.p95 as f64 / 1e3,
            row.seek_requests.max,
            row.ms_per_screenshot,
        );
    }
    if let Some(best) = &told.recommendation {
        text += &format!("\n* recommended: {}\n  {}\n", best.flags, best.reason);
    }
    text
}
