//! Hours of a desktop on a virtual clock: the scheduler, a recorded screen, the encoder, without
//! waiting. Tells CPU and memory of each hour.
//!
//! `cargo run --release -p deskreel-capture --example day -- FOLDER HOURS [fresh]`; with `fresh` every
//! hour shows tiles that were never seen before.

use std::path::Path;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::cli::common::{DEFAULT_PACK_PIXELS, DEFAULT_TILE};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sampling::{Input, Next, Now, Pace, Plan, Sampler};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::source::Surface;
use deskreel_capture::source::replay::ReplaySource;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Segment, TileSize};

const HOUR_MS: u64 = 3_600_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, hours, more @ ..] = &arguments[..] else {
        panic!("usage: day FOLDER HOURS [fresh]")
    };
    let hours: u64 = hours.parse().expect("a number of hours");
    let is_fresh = more.iter().any(|word| word == "fresh");
    let replay = ReplaySource::open(Path::new(folder)).expect("a folder of pictures");
    let pace = Pace { interval_ms: 10_000, idle_after_ms: None, idle_interval_ms: 60_000 };
    let settings = Settings {
        tile: TileSize::new(DEFAULT_TILE).expect("a tile size"),
        codec: Codec::DEFAULT,
        interval_ms: pace.interval_ms,
        domain: DomainKey::new([0; 32]),
        budget: SeekBudget::default(),
        pack_pixels: DEFAULT_PACK_PIXELS,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let (mut camera, mut encoder) = (Screen::default(), Screen::default());
    let start = 1_763_900_000_000;
    let mut now = Now { wall_ms: start, mono_ms: 0, boot_ms: 0 };
    let mut sampler = Sampler::new(pace, now, None);
    let (mut shots, mut bytes, mut spent) = (0_usize, 0, 0.0);
    println!("hour,screenshots,missed,cpu_ms_per_screenshot,kb_per_screenshot,known_tiles,rss_mb");
    while now.mono_ms < hours * HOUR_MS {
        match sampler.next(now) {
            Next::Wait(ms) => {
                now = Now {
                    wall_ms: now.wall_ms + ms,
                    mono_ms: now.mono_ms + ms,
                    boot_ms: now.boot_ms + ms,
                };
            }
            Next::Look => {
                let Plan::Shoot { idle, .. } = sampler.plan(now, Some(0)) else { continue };
                let mut picture = replay.picture(shots).expect("a picture");
                if is_fresh {
                    // Another low bit pattern for each round through the folder.
                    let round = (shots / replay.len()) as u8;
                    picture.rgb_mut().iter_mut().for_each(|byte| *byte ^= round);
                }
                let surface =
                    Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
                let before = cpu_ms();
                camera.replace(vec![surface]);
                encoder.apply(&camera.take_patch()).expect("a patch");
                recorder.shoot_screen(now.wall_ms, &mut encoder, idle).expect("a screenshot");
                let sealed = recorder.seal().expect("a segment").expect("one moment");
                spent += cpu_ms() - before;
                sampler.handle(now, Input::Shot { time_ms: now.wall_ms });
                let segment = Segment::decode(&sealed.bytes, &Limits::default()).expect("readable");
                assert_eq!(segment.manifest.moments[0].time_ms, start + shots as u64 * 10_000);
                bytes += sealed.bytes.len();
                shots += 1;
                if shots.is_multiple_of(360) {
                    recorder.expire(now.wall_ms);
                    println!(
                        "{},{shots},{},{:.2},{:.1},{},{:.1}",
                        shots / 360,
                        sampler.missed(),
                        spent / 360.0,
                        bytes as f64 / 360.0 / 1e3,
                        recorder.known().len(),
                        resident_mb()
                    );
                    (spent, bytes) = (0.0, 0);
                }
            }
        }
    }
    assert_eq!(shots as u64, hours * 360, "every slot has its screenshot");
}

/// CPU time of this thread, milliseconds.
#[cfg(target_os = "linux")]
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Resident memory, MB of 1,000,000 bytes.
#[cfg(target_os = "linux")]
fn resident_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) * 1.024e-3
}

#[cfg(not(target_os = "linux"))]
fn cpu_ms() -> f64 {
    f64::NAN
}

#[cfg(not(target_os = "linux"))]
fn resident_mb() -> f64 {
    f64::NAN
}
