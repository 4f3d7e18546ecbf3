//! `deskreel stats`: what a stream costs to keep and to seek in, computed from its manifests.

use std::collections::HashMap;

use deskreel_format::PackRef;
use serde::Serialize;

use super::common::{Failure, Place, print, progress};
use crate::config::show_time;
use crate::core::spread::Spread;
use crate::location::Role;
use crate::reader::StreamReader;

/// Prints screenshots, objects, bytes, and the cost of cold seeks of a stream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel stats --stream desk
  deskreel stats --stream desk --json | jq .bytes_per_screenshot")]
pub(crate) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// The figures of a stream.
#[derive(Debug, Serialize)]
struct Stats {
    stream: String,
    screenshots: usize,
    first: Option<String>,
    last: Option<String>,
    objects: usize,
    /// Of all objects, indexes of hours and storyboards included.
    bytes: u64,
    indexes: usize,
    index_bytes: u64,
    storyboards: usize,
    storyboard_bytes: u64,
    bytes_per_screenshot: f64,
    manifest_bytes_per_screenshot: f64,
    tile_px: Vec<u32>,
    tiles_stored: u64,
    packs: usize,
    cold_seek_bytes: Spread,
    cold_seek_requests: Spread,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let store = place.open(Role::View).await?;
    let indexes = store.list_all(&place.stream.index_prefix()).await?;
    let index_bytes: u64 = indexes.iter().map(|object| object.size).sum();
    let storyboards = store.list_all(&place.stream.storyboards_prefix()).await?;
    let storyboard_bytes: u64 = storyboards.iter().map(|object| object.size).sum();
    let reader = StreamReader::new(store, place.stream.clone());
    let listed = reader.segments(0).await?;
    let bar = progress(listed.len() as u64, "reading");
    let segments = reader.manifests(&listed, || bar.inc(1)).await?;
    bar.finish_and_clear();
    let (mut bytes, mut requests, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut packs: HashMap<PackRef, u64> = HashMap::new();
    let mut tile_px = Vec::new();
    for segment in &segments {
        let manifest = &segment.manifest;
        tile_px.push(manifest.tile.pixels());
        for pack in manifest.packs.iter().filter(|pack| pack.segment == manifest.id) {
            packs.insert(*pack, pack.tiles.into());
        }
        for (index, moment) in manifest.moments.iter().enumerate() {
            times.push(moment.time_ms);
            let cost = segment.seek_cost(index).unwrap_or_default();
            bytes.push(cost.bytes);
            requests.push(u64::from(cost.requests));
        }
    }
    times.sort_unstable();
    tile_px.sort_unstable();
    tile_px.dedup();
    let total = listed.iter().map(|entry| entry.size).sum::<u64>();
    let total = total + index_bytes + storyboard_bytes;
    let manifests: u64 = segments.iter().map(|segment| u64::from(segment.packs_start)).sum();
    let per_screenshot = |bytes: u64| bytes as f64 / times.len().max(1) as f64;
    let stats = Stats {
        stream: place.stream.to_string(),
        screenshots: times.len(),
        first: times.first().map(|ms| show_time(*ms)),
        last: times.last().map(|ms| show_time(*ms)),
        objects: listed.len() + indexes.len() + storyboards.len(),
        bytes: total,
        indexes: indexes.len(),
        index_bytes,
        storyboards: storyboards.len(),
        storyboard_bytes,
        bytes_per_screenshot: per_screenshot(total),
        manifest_bytes_per_screenshot: per_screenshot(manifests),
        tile_px,
        tiles_stored: packs.values().sum(),
        packs: packs.len(),
        cold_seek_bytes: Spread::of(bytes),
        cold_seek_requests: Spread::of(requests),
    };
    let text = if args.json {
        serde_json::to_string_pretty(&stats).map_err(Failure::failed)? + "\n"
    } else {
        table(&stats)
    };
    print(&text)?;
    Ok(0)
}

fn table(stats: &Stats) -> String {
    let kb = |bytes: f64| format!("{:.1} KB", bytes / 1e3);
    let none = "-".to_owned();
    let rows = [
        ("stream", stats.stream.clone()),
        ("screenshots", stats.screenshots.to_string()),
        ("first", stats.first.clone().unwrap_or(none.clone())),
        ("last", stats.last.clone().unwrap_or(none)),
        ("objects", stats.objects.to_string()),
        ("bytes", format!("{} ({:.1} MB)", stats.bytes, stats.bytes as f64 / 1e6)),
        ("  of which indexes", format!("{} in {}", kb(stats.index_bytes as f64), stats.indexes)),
        ("  of which storyboards", {
            format!("{} in {}", kb(stats.storyboard_bytes as f64), stats.storyboards)
        }),
        ("bytes per screenshot", kb(stats.bytes_per_screenshot)),
        ("  of which manifest", kb(stats.manifest_bytes_per_screenshot)),
        ("tile size", format!("{:?} px", stats.tile_px)),
        ("tiles stored", format!("{} in {} packs", stats.tiles_stored, stats.packs)),
        ("cold seek, bytes", {
            let Spread { mean, p95, max } = stats.cold_seek_bytes;
            format!("mean {}, p95 {}, max {}", kb(mean), kb(p95 as f64), kb(max as f64))
        }),
        ("cold seek, requests", {
            let Spread { mean, p95, max } = stats.cold_seek_requests;
            format!("mean {mean:.1}, p95 {p95}, max {max}")
        }),
    ];
    rows.iter().map(|(name, value)| format!("{name:<22} {value}\n")).collect()
}
