//! Eight hours of a desktop on a virtual clock, in seconds: no slot is missed, and memory stays flat
//! after the first hour.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[expect(dead_code, reason = "shared with the tests of the X11 source, which use more of it")]
mod xserver;

use std::path::Path;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sampling::{Input, Next, Now, Pace, Plan, Sampler};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::source::replay::ReplaySource;
use deskreel_capture::source::{ScreenSource, SourceError, Surface};
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Picture, Segment, TileSize};
use x11rb::wrapper::ConnectionExt as _;
use xserver::{Painter, Server};

const START: u64 = 1_763_900_000_000;
const HOURS: u64 = 8;
const SLOTS_AN_HOUR: u64 = 360;
/// Memory may grow by so much from the end of the first hour to the end of the last. The tiles that
/// are new all day (below 50,000) account for 3 MB; the rest is for the allocator's moods.
const GROWTH_BYTES: u64 = 24_000_000;

/// The sample recording as somebody uses it: another picture each minute, and in each slot a clock
/// that was never seen before.
struct Used {
    pictures: Vec<Picture>,
    slot: u64,
}

impl ScreenSource for Used {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        let minute = (self.slot / 6) as usize;
        let mut picture = self.pictures[minute % self.pictures.len()].clone();
        for (index, byte) in picture.rgb_mut()[..64 * 3].iter_mut().enumerate() {
            *byte = (self.slot >> (index % 16)) as u8 ^ index as u8;
        }
        self.slot += 1;
        Ok(vec![Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture }])
    }
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Records eight hours; `act` does before each slot what the person does.
fn live(what: &str, source: &mut dyn ScreenSource, mut act: impl FnMut(u64)) {
    let pace = Pace { interval_ms: 10_000, idle_after_ms: None, idle_interval_ms: 60_000 };
    let settings = Settings {
        tile: TileSize::new(16).unwrap(),
        codec: Codec::DEFAULT,
        interval_ms: pace.interval_ms,
        domain: DomainKey::new([0; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let (mut camera, mut encoder) = (Screen::default(), Screen::default());
    let mut now = Now { wall_ms: START, mono_ms: 0, boot_ms: 0 };
    let mut sampler = Sampler::new(pace, now, None);
    let (mut slot, mut after_an_hour) = (0, None);
    while slot < HOURS * SLOTS_AN_HOUR {
        if let Next::Wait(ms) = sampler.next(now) {
            now.wall_ms += ms;
            now.mono_ms += ms;
            now.boot_ms += ms;
            continue;
        }
        let Plan::Shoot { idle, .. } = sampler.plan(now, Some(0)) else { continue };
        act(slot);
        source.refresh(&mut camera).unwrap();
        encoder.apply(&camera.take_patch()).unwrap();
        recorder.shoot_screen(now.wall_ms, &mut encoder, idle).unwrap();
        let sealed = recorder.seal().unwrap().unwrap();
        sampler.handle(now, Input::Shot { time_ms: now.wall_ms });
        let manifest = Segment::decode(&sealed.bytes, &Limits::default()).unwrap().manifest;
        let times: Vec<u64> = manifest.moments.iter().map(|moment| moment.time_ms).collect();
        assert_eq!(times, [START + slot * 10_000], "{what}");
        slot += 1;
        if slot.is_multiple_of(SLOTS_AN_HOUR) {
            recorder.expire(now.wall_ms);
        }
        if slot == SLOTS_AN_HOUR {
            after_an_hour = Some(resident_bytes());
        }
    }
    assert_eq!((sampler.missed(), sampler.take_ended().len()), (0, 0), "{what}");
    let (before, after) = (after_an_hour.unwrap(), resident_bytes());
    println!("{what}: {before} bytes resident after an hour, {after} after {HOURS}");
    assert!(after <= before + GROWTH_BYTES, "{what}: memory grew from {before} to {after} bytes");
}

/// Typing, scrolling, a window that opens, minutes without anything, other resolutions.
fn act(painter: &mut Painter, slot: u64) {
    match slot % 720 {
        0 => painter.resize((800, 600)),
        360 => painter.resize((1024, 768)),
        _ => {}
    }
    match slot % 60 {
        5..15 => painter.fill(slot as u32 * 0x01_0307, (slot % 60 * 9) as i16, 500, 8, 14),
        15..30 => {
            painter.scroll(40, 60, 500, 400);
            painter.fill(slot as u32, 40, 440, 300, 12);
        }
        30 => painter.fill(slot as u32 * 0x03_0507, 100, 80, 400, 300),
        _ => {}
    }
    painter.connection.sync().unwrap();
}

/// One test, so that the memory of no other is counted.
#[test]
fn eight_hours_miss_no_slot_and_keep_their_memory() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/desktop");
    let replay = ReplaySource::open(&sample).unwrap();
    let pictures = (0..replay.len()).map(|number| replay.picture(number).unwrap()).collect();
    live("a recorded desktop", &mut Used { pictures, slot: 0 }, |_| {});
    let Some(server) = Server::start("1024x768x24", &[]) else { return };
    let mut painter = server.painter();
    live("an X server", &mut server.source(), |slot| act(&mut painter, slot));
}
