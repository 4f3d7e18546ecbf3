//! Measures a recording: bytes a screenshot, cold-seek cost and CPU for one set of settings.
//!
//! `measure DIR TILE CODEC PACKS FLOOR FACTOR LOW PACK_PIXELS [FRAMES]`; PACKS 0 means no budget.

use std::path::PathBuf;
use std::time::Instant;

use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::spread::Spread;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Picture, Segment, TileSize, seek};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: f64| args.get(i).map_or(default, |a| a.parse().expect("a number"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&args[0])
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    files.sort();
    files.truncate(number(8, 1e9) as usize);
    let budget = match number(3, 0.0) as usize {
        0 => SeekBudget::NONE,
        packs => SeekBudget {
            packs,
            floor_bytes: number(4, 600_000.0) as u64,
            factor: number(5, 2.5),
            low_mark: number(6, 0.75),
        },
    };
    let codec = Codec::ALL.into_iter().find(|c| c.name() == args[2]).expect("a codec");
    let settings = Settings {
        tile: TileSize::new(number(1, 16.0) as u32).expect("a tile size"),
        codec,
        interval_ms: 10_000,
        domain: DomainKey::new([0; 32]),
        budget,
        pack_pixels: number(7, 524_288.0) as u32,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(86_400_000));
    let (mut total, mut manifests, mut again) = (0, 0, 0);
    let (mut bytes, mut requests, mut spent) = (Vec::new(), Vec::new(), 0.0);
    for (index, file) in files.iter().enumerate() {
        let image = image::open(file).expect("an image").into_rgb8();
        let (width, height) = image.dimensions();
        let picture = Picture::new(width, height, image.into_raw()).expect("a picture");
        let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
        let time = 1_700_000_000_000 + index as u64 * 10_000;
        let start = Instant::now();
        let shot = recorder.shoot(time, vec![surface], false).expect("a shot");
        let sealed = recorder.seal().expect("a segment").expect("one moment");
        spent += start.elapsed().as_secs_f64();
        total += sealed.bytes.len();
        again += shot.stored_again;
        let segment = Segment::decode(&sealed.bytes, &Limits::default()).expect("a segment");
        manifests += segment.packs_start as usize;
        let packs = segment.manifest.packs;
        let cost = seek::cost(sealed.id, segment.object_len, segment.packs_start, packs);
        bytes.push(cost.bytes);
        requests.push(u64::from(cost.requests));
    }
    let (n, bytes, requests) = (files.len() as f64, Spread::of(bytes), Spread::of(requests));
    println!(
        "{} | {:.2} KB/shot (manifest {:.2}) again {:.0} cells | seek KB mean {:.0} p95 {} max {} | requests mean {:.1} p95 {} max {} | {:.0} ms",
        args[1..].join(" "),
        total as f64 / n / 1e3,
        manifests as f64 / n / 1e3,
        again as f64 / n,
        bytes.mean / 1e3,
        bytes.p95 / 1000,
        bytes.max / 1000,
        requests.mean,
        requests.p95,
        requests.max,
        spent / n * 1e3
    );
}
