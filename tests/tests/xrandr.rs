//! Monitors that the real xrandr adds, removes, moves, turns and resizes during a recording: every
//! moment is exact in the bucket and in the player's core, and laid out as the X server had it.
#![cfg(target_os = "linux")]

#[path = "../../wasm-player/tests/player/bucket.rs"]
mod bucket;
#[path = "xrandr/servers.rs"]
mod servers;
#[path = "xrandr/viewer.rs"]
mod viewer;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use deskreel_capture::agent::{LEASE_MS, Uploader};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::screen::Screen;
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::ScreenSource;
use deskreel_capture::source::x11::X11Source;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, StreamName, TileSize};
use deskreel_store::{MemoryStore, ObjectStore};
use deskreel_tests::product::not_run;

use bucket::Bucket;
use servers::{Painter, Server};
use viewer::Viewer;

const START: u64 = 1_763_900_000_000;

/// Name, x, y, width, height.
type Place = (&'static str, i32, i32, u32, u32);

/// What xrandr is told, and the monitors that are there from then on.
type Step = (&'static [&'static str], &'static [Place]);

const TURNING: [Step; 8] = [
    (&["--output", "default", "--mode", "800x600"], &[("default", 0, 0, 800, 600)]),
    (&["--output", "default", "--rotate", "left"], &[("default", 0, 0, 600, 800)]),
    (&["--output", "default", "--rotate", "inverted"], &[("default", 0, 0, 800, 600)]),
    (
        &["--output", "default", "--mode", "640x480", "--rotate", "right"],
        &[("default", 0, 0, 480, 640)],
    ),
    (
        &["--output", "default", "--mode", "1024x768", "--rotate", "normal"],
        &[("default", 0, 0, 1024, 768)],
    ),
    // A part of the screen as a monitor of its own, and no longer.
    (&["--setmonitor", "half", "400/100x768/200+624+0", "default"], &[("half", 624, 0, 400, 768)]),
    (&["--delmonitor", "half"], &[("default", 0, 0, 1024, 768)]),
    (&["--output", "default", "--mode", "320x240"], &[("default", 0, 0, 320, 240)]),
];

const OUTPUTS: [Step; 9] = [
    (&["--output", "DUMMY0", "--mode", "800x600"], &[("DUMMY0", 0, 0, 800, 600)]),
    // A second one is plugged in.
    (
        &["--output", "DUMMY1", "--mode", "640x480", "--right-of", "DUMMY0"],
        &[("DUMMY0", 0, 0, 800, 600), ("DUMMY1", 800, 0, 640, 480)],
    ),
    // It moves below.
    (
        &["--output", "DUMMY1", "--below", "DUMMY0"],
        &[("DUMMY0", 0, 0, 800, 600), ("DUMMY1", 0, 600, 640, 480)],
    ),
    // The first one gets another resolution.
    (
        &["--output", "DUMMY0", "--mode", "1024x768", "--output", "DUMMY1", "--pos", "100x768"],
        &[("DUMMY0", 0, 0, 1024, 768), ("DUMMY1", 100, 768, 640, 480)],
    ),
    // A third one, on the left of all.
    (
        &["--output", "DUMMY2", "--mode", "640x480", "--left-of", "DUMMY0"],
        &[
            ("DUMMY0", 640, 0, 1024, 768),
            ("DUMMY1", 740, 768, 640, 480),
            ("DUMMY2", 0, 0, 640, 480),
        ],
    ),
    // One shows what another shows.
    (
        &["--output", "DUMMY1", "--same-as", "DUMMY2"],
        &[("DUMMY0", 640, 0, 1024, 768), ("DUMMY1", 0, 0, 640, 480), ("DUMMY2", 0, 0, 640, 480)],
    ),
    // They are pulled one by one.
    (
        &["--output", "DUMMY2", "--off"],
        &[("DUMMY0", 640, 0, 1024, 768), ("DUMMY1", 0, 0, 640, 480)],
    ),
    (&["--output", "DUMMY0", "--off"], &[("DUMMY1", 0, 0, 640, 480)]),
    (
        &["--output", "DUMMY0", "--mode", "800x600", "--output", "DUMMY1", "--off"],
        &[("DUMMY0", 0, 0, 800, 600)],
    ),
];

fn recorder() -> Result<Recorder> {
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: 10_000,
        domain: DomainKey::new([1; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    Ok(Recorder::new(settings, 1, KnownTiles::new(LEASE_MS)))
}

/// A moment as the X server had it: the monitors, and the pixels it sends for each.
struct Moment {
    time_ms: u64,
    monitors: Vec<(Place, Vec<u8>)>,
}

/// Records three moments after each step, then reads all of them back.
async fn record(server: &Server, steps: &[Step]) -> Result<()> {
    let painter = Painter::open(&server.display)?;
    let mut source = X11Source::open(Some(&server.display))?;
    ensure!(source.knows_damage(), "this server is to tell what changes");
    let (mut camera, mut encoder) = (Screen::default(), Screen::default());
    let mut recorder = recorder()?;
    let store = Arc::new(MemoryStore::new());
    let stream = StreamName::parse("desk")?;
    let uploader = Uploader::new(store.clone(), stream.clone());
    let mut moments = Vec::new();
    for (arguments, places) in steps {
        server.xrandr(arguments)?;
        for _ in 0..3 {
            let number = moments.len() as u32;
            painter.paint(number)?;
            source.refresh(&mut camera)?;
            encoder.apply(&camera.take_patch())?;
            let time_ms = START + u64::from(number) * 10_000;
            recorder.shoot_screen(time_ms, &mut encoder, false)?;
            // Two moments a segment: layouts change within segments and between them.
            if number % 2 == 1 {
                let sealed = recorder.seal()?.context("there are moments")?;
                uploader.upload(&sealed).await?;
            }
            let read = |place: &Place| {
                let (_, x, y, width, height) = *place;
                Ok((*place, painter.read(x, y, width, height)?))
            };
            let monitors = places.iter().map(read).collect::<Result<Vec<_>>>()?;
            moments.push(Moment { time_ms, monitors });
        }
    }
    if let Some(sealed) = recorder.seal()? {
        uploader.upload(&sealed).await?;
    }
    ensure!(source.knows_damage(), "all that changed was told");
    let mut bucket = Bucket::new();
    for object in store.list_all("").await? {
        bucket.put(&object.key, store.get(&object.key, None).await?.bytes.to_vec());
    }
    let reader = StreamReader::new(store, stream.clone());
    let mut viewer = Viewer::open(bucket, stream, START + 3_600_000);
    for moment in moments.iter().rev() {
        let (found, surfaces) = reader.frame(moment.time_ms).await?;
        ensure!(found == moment.time_ms, "{found} was found");
        let stored = surfaces.into_iter().map(|surface| {
            let (width, height) = (surface.picture.width(), surface.picture.height());
            let place = (surface.name, surface.x, surface.y, width, height);
            (place, surface.picture.into_rgb())
        });
        same(moment, "in the bucket", stored.collect())?;
        let (shown, surfaces) = viewer.seek(moment.time_ms).context("nothing proved is shown")?;
        ensure!(shown == moment.time_ms, "{shown} is shown");
        same(moment, "in the player", surfaces)?;
    }
    Ok(())
}

fn same(moment: &Moment, what: &str, surfaces: Vec<viewer::Shown>) -> Result<()> {
    let time_ms = moment.time_ms - START;
    let places: Vec<_> = surfaces.iter().map(|(place, _)| place.clone()).collect();
    let expected: Vec<_> = moment
        .monitors
        .iter()
        .map(|((name, x, y, width, height), _)| ((*name).to_owned(), *x, *y, *width, *height))
        .collect();
    ensure!(places == expected, "{what} at {time_ms}: {places:?}, not {expected:?}");
    for ((place, rgb), (_, expected)) in surfaces.iter().zip(&moment.monitors) {
        ensure!(rgb == expected, "{what} at {time_ms}: the pixels of {place:?} differ");
    }
    Ok(())
}

#[tokio::test]
async fn a_screen_that_xrandr_turns_and_resizes_is_exact_at_every_moment() -> Result<()> {
    match Server::that_turns() {
        Ok(server) => record(&server, &TURNING).await,
        Err(error) => {
            not_run("xrandr", &format!("{error:#}"));
            Ok(())
        }
    }
}

#[tokio::test]
async fn outputs_that_xrandr_adds_moves_and_removes_are_exact_at_every_moment() -> Result<()> {
    match Server::with_outputs() {
        Ok(server) => {
            for output in ["DUMMY1", "DUMMY2"] {
                server.xrandr(&["--addmode", output, "640x480"])?;
            }
            record(&server, &OUTPUTS).await
        }
        Err(error) => {
            not_run("xrandr", &format!("{error:#}"));
            Ok(())
        }
    }
}
