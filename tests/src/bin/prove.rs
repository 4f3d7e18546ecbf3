//! Proves the main job on any recording: `prove FOLDER [IMPORT FLAGS]` imports its PNG files, compares
//! `deskreel frame` at every moment and the canvas in Chromium at 50, bit for bit, and prints figures.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use deskreel_tests::product::{Product, pictures, read_picture};
use deskreel_tests::prove::{measure_seeks, prove_canvas};

const START: u64 = 1_763_900_000_000;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: prove FOLDER (of PNG screenshots)")?;
    let options: Vec<String> = std::env::args().skip(2).collect();
    let files = pictures(folder.as_ref())?;
    let product = Product::start()?;
    let begun = Instant::now();
    let start = START.to_string();
    let mut import = vec!["import", folder.as_str(), "--stream", "desk", "--start", &start];
    import.extend(options.iter().map(String::as_str));
    print!("{}", product.run_ok(&import)?);
    let seconds = begun.elapsed().as_secs_f64();
    println!("import: {:.1} screenshots/s", files.len() as f64 / seconds);
    print!("{}", product.run_ok(&["stats", "--stream", "desk"])?);
    let png: u64 = files.iter().filter_map(|file| file.metadata().ok()).map(|m| m.len()).sum();
    println!("as PNG: {:.1} KB a screenshot", png as f64 / files.len() as f64 / 1e3);
    let moments = product.moments("desk")?;
    ensure!(moments.len() == files.len(), "{} of {} moments", moments.len(), files.len());
    let jumps = prove_canvas(&product, "desk", &files, START, 50, 2).await?;
    let mut took: Vec<u128> = jumps.took.iter().map(std::time::Duration::as_millis).collect();
    took.sort_unstable();
    println!(
        "canvas: {} random moments exact ({} forward, {} backward); seek with readback and hash: \
         median {} ms, max {} ms",
        took.len(),
        jumps.forward,
        jumps.backward,
        took[took.len() / 2],
        took[took.len() - 1],
    );
    let feel = measure_seeks(&product, "desk", &moments, 40).await?;
    println!(
        "seek in a fresh browser: median {:.0} ms, p95 {:.0} ms; longest task on the main thread {:.0} ms",
        feel.seeks_ms[feel.seeks_ms.len() / 2],
        feel.seeks_ms[feel.seeks_ms.len() * 95 / 100],
        feel.longest_task_ms,
    );
    let begun = Instant::now();
    for (time_ms, file) in moments.iter().zip(&files) {
        let frame = product.frame("desk", *time_ms)?;
        ensure!(frame == read_picture(file)?, "{} differs at {time_ms}", file.display());
    }
    let each = begun.elapsed().as_millis() / moments.len() as u128;
    println!("deskreel frame: all {} moments exact, {each} ms each", moments.len());
    Ok(())
}
