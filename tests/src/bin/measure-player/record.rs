//! The hour that the day is made of: a folder's pictures, on one monitor or on three.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use deskreel_capture::agent::{LEASE_MS, Uploader};
use deskreel_capture::cli::common::DEFAULT_PACK_PIXELS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;

use deskreel_format::{DomainKey, Picture, StreamName, TileSize};
use deskreel_store::ObjectStore;
use image::ImageReader;

const INTERVAL_MS: u64 = 10_000;

/// Records `files`, one picture after the other, 10 s apart, from `start_ms` on, a segment each. With
/// several monitors each shows them from another one on, so that all change independently.
pub(super) async fn hour(
    store: Arc<dyn ObjectStore>,
    stream: &StreamName,
    files: &[PathBuf],
    monitors: usize,
    start_ms: u64,
) -> Result<()> {
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: INTERVAL_MS as u32,
        domain: DomainKey::new([3; 32]),
        budget: SeekBudget::default(),
        pack_pixels: DEFAULT_PACK_PIXELS,
    };
    let mut recorder = Recorder::new(settings, 7, KnownTiles::new(LEASE_MS));
    let uploader = Uploader::new(store, stream.clone());
    let mut bytes = 0;
    for number in 0..files.len() {
        let mut surfaces = Vec::new();
        let mut x = 0;
        for monitor in 0..monitors {
            let file = &files[(number + monitor * files.len() / monitors) % files.len()];
            let read = ImageReader::open(file)?.decode()?.into_rgb8();
            let picture = Picture::new(read.width(), read.height(), read.into_raw())?;
            let width = i32::try_from(picture.width()).context("a width")?;
            let name = format!("DP-{}", monitor + 1);
            surfaces.push(Surface { name, x, y: 0, scale_milli: 1000, picture });
            x += width;
        }
        recorder.shoot(start_ms + number as u64 * INTERVAL_MS, surfaces, false)?;
        let sealed = recorder.seal()?.context("a segment")?;
        bytes += sealed.bytes.len();
        uploader.upload(&sealed).await?;
    }
    println!("{} screenshots of {monitors} monitors in {:.1} MB", files.len(), bytes as f64 / 1e6);
    Ok(())
}
