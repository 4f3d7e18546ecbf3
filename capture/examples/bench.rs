//! Compares ways to keep a recording, on the same screenshots in one run: bytes, CPU, cold seeks.
//!
//! `cargo xtask bench [FOLDER]` runs it and writes the table into docs/MEASUREMENTS.md.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::spread::Spread;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, Limits, Picture, Segment, TileSize};

/// One way, measured.
struct Row {
    name: String,
    bytes: u64,
    /// Wall milliseconds of encoding a screenshot.
    encode_ms: f64,
    seek: String,
}

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: bench FOLDER"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    files.sort();
    let mut rows = vec![per_picture("PNG, one file a screenshot", &files, png)];
    rows.push(per_picture("lossless WebP, one file a screenshot", &files, webp_picture));
    rows.extend(x264(&folder, &files));
    for (codec, tile, budget) in [
        (Codec::Webp, 32, SeekBudget::NONE),
        (Codec::Webp, 16, SeekBudget::NONE),
        (Codec::Webp, 16, SeekBudget::default()),
        (Codec::Screen, 32, SeekBudget::NONE),
        (Codec::Screen, 32, SeekBudget::default()),
        (Codec::Screen, 16, SeekBudget::NONE),
        (Codec::Screen, 16, SeekBudget::default()),
        (Codec::Quick, 16, SeekBudget::NONE),
        (Codec::Quick, 16, SeekBudget::default()),
    ] {
        rows.push(deskreel(codec, tile, budget, &files));
    }
    let count = files.len() as f64;
    let png_bytes = rows[0].bytes as f64;
    println!(
        "{} screenshots of '{}'\n",
        files.len(),
        folder.file_name().map_or("".into(), |n| n.to_string_lossy())
    );
    println!("| way to store | KB a screenshot | of PNG | ms a screenshot | cold seek |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let (kb, share) = (row.bytes as f64 / count / 1e3, row.bytes as f64 / png_bytes * 100.0);
        println!("| {} | {kb:.1} | {share:.1} % | {:.0} | {} |", row.name, row.encode_ms, row.seek);
    }
}

fn open(path: &Path) -> Picture {
    let image = image::open(path).expect("a picture").into_rgb8();
    let (width, height) = image.dimensions();
    Picture::new(width, height, image.into_raw()).expect("a picture")
}

fn per_picture(name: &str, files: &[PathBuf], encode: impl Fn(&Picture) -> u64) -> Row {
    let (mut bytes, mut spent, mut largest) = (0, 0.0, 0);
    for file in files {
        let picture = open(file);
        let start = Instant::now();
        let size = encode(&picture);
        spent += start.elapsed().as_secs_f64();
        bytes += size;
        largest = largest.max(size);
    }
    let mean = bytes as f64 / files.len() as f64 / 1e3;
    let seek = format!("{mean:.0} KB mean, {} KB max, 1 request", largest / 1_000);
    Row { name: name.into(), bytes, encode_ms: spent * 1e3 / files.len() as f64, seek }
}

fn png(picture: &Picture) -> u64 {
    use image::ImageEncoder;
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    let mut out = Vec::new();
    PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive)
        .write_image(
            picture.rgb(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .expect("a PNG");
    out.len() as u64
}

fn webp_picture(picture: &Picture) -> u64 {
    let encoder = webp::Encoder::from_rgb(picture.rgb(), picture.width(), picture.height());
    let mut config = webp::WebPConfig::new().expect("libwebp");
    (config.lossless, config.method, config.quality) = (1, 4, 75.0);
    encoder.encode_advanced(&config).expect("a WebP").len() as u64
}

/// Lossless video with a keyframe every 5 minutes (30) and with x264's default of 250, where an ffmpeg is on PATH. A cold seek
/// must fetch from the keyframe on: on average half of what lies between two.
fn x264(folder: &Path, files: &[PathBuf]) -> Vec<Row> {
    let scratch = std::env::temp_dir().join(format!("deskreel-bench-{}.mkv", std::process::id()));
    let mut rows = Vec::new();
    for keyframe in [30, 250] {
        let start = Instant::now();
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-pattern_type", "glob", "-framerate", "1", "-i"])
            .arg(folder.join("*.png"))
            .args(["-c:v", "libx264rgb", "-qp", "0", "-g", &keyframe.to_string()])
            .arg(&scratch)
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("no ffmpeg with libx264 on PATH: its rows are left out");
            break;
        }
        let bytes = std::fs::metadata(&scratch).expect("the video is there").len();
        let encode_ms = start.elapsed().as_secs_f64() * 1e3 / files.len() as f64;
        let group = bytes as f64 / files.len() as f64 * f64::from(keyframe.min(files.len() as u32));
        let seek = format!("about {:.0} KB mean (half a group of pictures)", group / 2e3);
        let name = format!("x264 lossless RGB, keyframe every {keyframe}");
        rows.push(Row { name, bytes, encode_ms, seek });
        std::fs::remove_file(&scratch).expect("the video can be removed");
    }
    rows
}

fn deskreel(codec: Codec, tile: u32, budget: SeekBudget, files: &[PathBuf]) -> Row {
    let settings = Settings {
        tile: TileSize::new(tile).expect("a tile size"),
        codec,
        interval_ms: 10_000,
        domain: DomainKey::new([0; 32]),
        budget,
        pack_pixels: deskreel_capture::cli::common::DEFAULT_PACK_PIXELS,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(86_400_000));
    let (mut total, mut spent) = (0, 0.0);
    let (mut bytes, mut requests) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        let picture = open(file);
        let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
        let time = 1_700_000_000_000 + index as u64 * 10_000;
        let start = Instant::now();
        recorder.shoot(time, vec![surface], false).expect("a shot");
        let sealed = recorder.seal().expect("a segment").expect("one moment");
        spent += start.elapsed().as_secs_f64();
        total += sealed.bytes.len() as u64;
        let segment = Segment::decode(&sealed.bytes, &Limits::default()).expect("a segment");
        let cost = segment.seek_cost(0).expect("its moment");
        bytes.push(cost.bytes);
        requests.push(u64::from(cost.requests));
    }
    let (bytes, requests) = (Spread::of(bytes), Spread::of(requests));
    let bound = if budget == SeekBudget::NONE { "no seek budget" } else { "seek budget" };
    let seek = format!(
        "{:.0} KB mean, {} KB p95, {:.0} requests mean, {} max",
        bytes.mean / 1e3,
        bytes.p95 / 1_000,
        requests.mean,
        requests.max
    );
    Row {
        name: format!("Deskreel, codec {}, {tile} px, {bound}", codec.name()),
        bytes: total,
        encode_ms: spent * 1e3 / files.len() as f64,
        seek,
    }
}
