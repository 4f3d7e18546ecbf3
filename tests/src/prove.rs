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

/// How seeks feel in a fresh browser.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feel {
    /// Milliseconds from setting `currentTime` until the exact picture was on the canvas, ascending.
    pub seeks_ms: Vec<f64>,
    /// Milliseconds of the longest task that blocked the page's main thread meanwhile.
    pub longest_task_ms: f64,
}

/// Seeks to `count` random moments of a stream in a fresh browser, without reading the canvas back.
///
/// # Errors
/// When a moment is not shown within 30 s.
pub async fn measure_seeks(
    product: &Product,
    stream: &str,
    times: &[u64],
    count: usize,
) -> Result<Feel> {
    let browser = Browser::open(1440, 900, false).await?;
    browser.go(&product.player_url(stream)).await?;
    browser.ready().await?;
    let mut order = times.to_vec();
    order.shuffle(&mut rand::rngs::StdRng::seed_from_u64(3));
    order.truncate(count);
    let body = format!(
        "let longest = 0;
         new PerformanceObserver(list => list.getEntries().forEach(
           entry => longest = Math.max(longest, entry.duration))).observe({{ type: 'longtask' }});
         const seeks = [];
         for (const time of {order:?}) {{
           const begun = performance.now();
           p.currentTime = time / 1000;
           while (p.seeking || p.shownTime !== time || !p.exact) {{
             if (performance.now() - begun > 30000) throw new Error('not shown: ' + time);
             await new Promise(r => setTimeout(r, 1));
           }}
           seeks.push(performance.now() - begun);
         }}
         return {{ seeks, longest }};"
    );
    let seen = browser.player(&body).await?;
    browser.close().await?;
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
    let mut seeks_ms: Vec<f64> =
        seen["seeks"].as_array().into_iter().flatten().map(number).collect();
    seeks_ms.sort_by(f64::total_cmp);
    ensure!(seeks_ms.len() == order.len(), "{} of {} seeks", seeks_ms.len(), order.len());
    Ok(Feel { seeks_ms, longest_task_ms: number(&seen["longest"]) })
}
