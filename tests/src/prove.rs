//! The proof in the browser: the canvas against the pictures that were imported.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::browser::{Browser, sha256};
use crate::product::{Product, read_picture};

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jumps {
    /// Seeks to a later moment than before.
    pub forward: usize,
    /// Seeks to an earlier one.
    pub backward: usize,
    /// How long each took until the canvas was read and hashed, in order.
    pub took: Vec<Duration>,
}

/// Seeks to `count` of the moments that `files` were imported as (from `start` on, every 10 s), in
/// random order, and compares every pixel of the canvas.
///
/// # Errors
/// Names the first moment that is not exact.
pub async fn prove_canvas(
    product: &Product,
    stream: &str,
    files: &[PathBuf],
    start: u64,
    count: usize,
    seed: u64,
) -> Result<Jumps> {
    let browser = Browser::open(1440, 900, false).await?;
    browser.go(&product.player_url(stream)).await?;
    browser.ready().await?;
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
    order.truncate(count);
    let (mut jumps, mut before) = (Jumps::default(), usize::MAX);
    for index in order {
        let time_ms = start + index as u64 * 10_000;
        let begun = Instant::now();
        let seen = browser.seek(time_ms).await?;
        jumps.took.push(begun.elapsed());
        let expected = sha256(&read_picture(&files[index])?);
        let right = seen.error.is_none() && seen.shown_ms == time_ms && seen.exact;
        ensure!(right, "moment {index} is not proven: {seen:?}");
        ensure!(seen.sha256 == expected, "moment {index} differs on the canvas");
        let direction = if index > before { &mut jumps.forward } else { &mut jumps.backward };
        *direction += 1;
        before = index;
    }
    browser.close().await?;
    Ok(jumps)
}
