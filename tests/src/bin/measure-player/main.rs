//! How fast the player is on a whole day: imports a folder's PNG files, makes a day of 24 repetitions
//! of them with indexes of its hours, and measures in Chromium, over a line of 20 Mbit/s and 40 ms: the
//! first exact picture, cold and warm seeks forward and backward, scrubbing, and memory. A
//! folder of 360 screenshots makes 8,640.

mod record;
mod trace;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_format::StreamName;
use deskreel_tests::browser::Browser;
use deskreel_tests::product::{Product, pictures};
use deskreel_tests::slow_line::{SlowLine, Speed};
use deskreel_tests::synthetic_day::{Plan, write};
use serde_json::json;

const HOUR_MS: u64 = 3_600_000;
/// 20 Mbit/s and 40 ms.
const SPEED: Speed = Speed { bytes_per_second: 2_500_000, round_trip: Duration::from_millis(40) };

/// Measures the player on a whole day.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of 1 to 360 PNG files, an hour at 10 s.
    folder: PathBuf,
    /// Seconds of random scrubbing.
    #[arg(long, default_value_t = 60)]
    scrub: u64,
    /// Monitors side by side.
    #[arg(long, default_value_t = 1)]
    monitors: usize,
    /// Only make the day and serve it until ended: for profilers.
    #[arg(long)]
    serve: bool,
    /// Only say where the time of a few cold seeks goes.
    #[arg(long)]
    trace: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let files = pictures(&args.folder)?;
    let folder = args.folder.display();
    ensure!(
        (1..=360).contains(&files.len()),
        "{folder} holds {} PNG files, not 1 to 360",
        files.len()
    );
    ensure!(args.monitors > 0, "at least one monitor");
    let product = Product::start()?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    // The day ends a little after this program has made it, as if it were being recorded.
    let start_ms = now_ms + 300_000 - 24 * HOUR_MS;
    let (short, day) = (StreamName::parse("short")?, StreamName::parse("day")?);
    let options =
        StoreOptions { store: Some(product.origin().to_owned()), ..StoreOptions::default() };
    let hour = options.open(&short, Role::Upload).await?;
    record::hour(hour, &short, &files, args.monitors, start_ms).await?;
    let source = options.open(&short, Role::View).await?;
    let store = options.open(&day, Role::Upload).await?;
    let plan = Plan { source: &short, target: &day, loops: 24, period_ms: HOUR_MS, start_ms };
    let times = write(&*source, &*store, &plan).await?;
    println!("a day of {} screenshots", times.len());
    let line = SlowLine::start(product.address()?, SPEED).await?;
    let url = format!("{}/-/player/#stream=day", line.origin());
    if args.serve {
        println!("{url}\nwithout the slow line: {}", product.player_url("day"));
        return std::future::pending().await;
    }
    if args.trace {
        return traced(&url, start_ms).await;
    }
    opening(&url).await?;
    let forward = seeks(&url, start_ms, false).await?;
    let backward = seeks(&url, start_ms, true).await?;
    let (forward, backward) = (middle(&forward), middle(&backward));
    println!("cold seeks, median: forward {forward:.0} ms, backward {backward:.0} ms");
    scrubbing(&url, &times, args.scrub).await
}

/// A few cold seeks, each told in full.
async fn traced(url: &str, start_ms: u64) -> Result<()> {
    let browser = Browser::open(1440, 900, false).await?;
    trace::listen(&browser).await?;
    browser.go(url).await?;
    browser.ready().await?;
    browser.player(SEEK_TO).await?;
    for hour in (2..8).chain(2..8) {
        trace::seek(&browser, start_ms + hour * HOUR_MS + minute_of(7, hour)).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    browser.close().await
}

/// From the click on a link to the first exact picture, page and program included.
async fn opening(url: &str) -> Result<()> {
    let watch = "const timer = setInterval(() => {
        const p = document.querySelector('deskreel-player');
        if (p && p.exact) { window.firstExact = performance.now(); clearInterval(timer); }
    }, 2);
    // Making the list of moments is work, so it is asked for less often.
    const slow = setInterval(() => {
        const p = document.querySelector('deskreel-player');
        if (p && p.readyState >= 1 && p.moments.length > 5000) {
          window.allKnown = performance.now(); clearInterval(slow); }
    }, 100);";
    let mut took = Vec::new();
    for _ in 0..5 {
        let browser = Browser::open(1440, 900, false).await?;
        let script = json!({ "source": watch });
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", script).await?;
        browser.go(url).await?;
        browser.ready().await?;
        let seen = browser
            .player(
                "for (let i = 0; i < 400 && !(window.firstExact && window.allKnown); i++)
                   await new Promise(r => setTimeout(r, 50));
                 const all = performance.getEntriesByType('resource');
                 const data = all.filter(e => !e.name.includes('/-/'));
                 const sum = list => list.reduce((n, e) => n + (e.encodedBodySize || 0), 0);
                 return [window.firstExact, data.length, sum(data), p.moments.length,
                         window.allKnown ?? -1,
                         sum(data.filter(e => e.name.includes('/segments/')))];",
            )
            .await?;
        took.push(seen[0].as_f64().context("no exact picture")?);
        println!(
            "opening: exact after {:.0} ms, whole day known after {:.0} ms ({} moments); by now {} \
             requests to the store, {} bytes, {} of them segments",
            seen[0].as_f64().unwrap_or(-1.0),
            seen[4].as_f64().unwrap_or(-1.0),
            seen[3],
            seen[1],
            seen[2],
            seen[5]
        );
        browser.close().await?;
    }
    took.sort_by(f64::total_cmp);
    println!(
        "first exact picture: median {:.0} ms, worst {:.0} ms",
        middle(&took),
        took[took.len() - 1]
    );
    Ok(())
}

/// Gives the page a `seekTo`, which takes a time and gives the milliseconds until it is shown exactly.
const SEEK_TO: &str = "window.longest = 0;
    new PerformanceObserver(list => list.getEntries().forEach(
      entry => longest = Math.max(longest, entry.duration))).observe({ type: 'longtask' });
    window.seekTo = async time => {
      // Heard by events: asking again and again would take a core from the decoders.
      const begun = performance.now();
      p.currentTime = time / 1000;
      while (p.seeking || !p.exact) {
        await new Promise((resolve, reject) => {
          const late = setTimeout(() => reject(new Error('not shown: ' + time)), 40000);
          const heard = () => {
            clearTimeout(late);
            for (const name of ['shown', 'seeked']) p.removeEventListener(name, heard);
            resolve();
          };
          for (const name of ['shown', 'seeked']) p.addEventListener(name, heard);
        });
      }
      return performance.now() - begun;
    };
    await new Promise(r => setTimeout(r, 2500));";

/// Another minute in every hour, so that no picture is like the one before.
fn minute_of(first: u64, hour: u64) -> u64 {
    (first + hour * 23) % 59 * 60_000 + hour * 1_000
}

/// Seeks to every hour of the day once, each as cold as can be: nothing of it was ever fetched. Then
/// again to the same moments, warm.
async fn seeks(url: &str, start_ms: u64, backward: bool) -> Result<Vec<f64>> {
    let (mut cold, mut warm, mut longest) = (Vec::new(), Vec::new(), 0.0_f64);
    for minute in [7, 38] {
        let mut times: Vec<u64> =
            (0..23).map(|hour| start_ms + hour * HOUR_MS + minute_of(minute, hour)).collect();
        if backward {
            times.reverse();
        }
        let browser = Browser::open(1440, 900, false).await?;
        browser.go(url).await?;
        browser.ready().await?;
        browser.player(SEEK_TO).await?;
        // One by one: a script may take a minute.
        for time in &times {
            let body = format!(
                "const took = await seekTo({time});
                 await new Promise(r => setTimeout(r, 300));
                 return took;"
            );
            cold.extend(browser.player(&body).await?.as_f64());
        }
        for time in &times[times.len() - 6..] {
            warm.extend(browser.player(&format!("return seekTo({time});")).await?.as_f64());
        }
        let seen = browser.player("return longest;").await?;
        longest = longest.max(seen.as_f64().unwrap_or(0.0));
        browser.close().await?;
    }
    let way = if backward { "backward" } else { "forward" };
    for (name, list) in [("cold", &mut cold), ("warm", &mut warm)] {
        list.sort_by(f64::total_cmp);
        println!(
            "{name} seeks {way}: {} of them, p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms",
            list.len(),
            middle(list),
            list[list.len() * 95 / 100],
            list[list.len() - 1]
        );
    }
    println!("longest task on the page's thread meanwhile: {longest:.0} ms");
    Ok(cold)
}

/// Moments a second while scrubbing over what is cached, and memory after random scrubbing.
async fn scrubbing(url: &str, times: &[u64], seconds: u64) -> Result<()> {
    let browser = Browser::open(1440, 900, false).await?;
    browser.go(url).await?;
    browser.ready().await?;
    let some: Vec<u64> = times[4_000.min(times.len() / 2)..].iter().take(60).copied().collect();
    let (first, last) = (times[0], times[times.len() - 1]);
    for time in &some {
        let body = format!(
            "p.currentTime = {time} / 1000;
             for (let i = 0; i < 3000 && (p.seeking || !p.exact); i++)
               await new Promise(r => setTimeout(r, 10));"
        );
        browser.player(&body).await?;
    }
    let body = format!(
        "const some = {some:?};
         let shown = 0, frames = 0, late = 0, before = 0;
         const begun = performance.now();
         while (performance.now() - begun < 4000) {{
           const now = await new Promise(requestAnimationFrame);
           if (before && now - before > 34) late++;
           before = now;
           const time = some[frames % 60];
           p.currentTime = time / 1000;
           frames++;
           if (p.shownTime === time) shown++;
         }}
         const rate = frames / (performance.now() - begun) * 1000;
         return {{ rate, shown, frames, late }};"
    );
    let seen = browser.player(&body).await?;
    println!(
        "scrubbing over cached moments: {:.0} a second, {} of {} shown within their frame, {} frames \
         later than 34 ms",
        seen["rate"].as_f64().unwrap_or(-1.0),
        seen["shown"],
        seen["frames"],
        seen["late"]
    );
    let mut worst: f64 = 0.0;
    for _ in 0..seconds.div_ceil(20) {
        let body = format!(
            "let most = 0, last = null;
             const end = performance.now() + 20000;
             while (performance.now() < end) {{
               p.currentTime = ({first} + Math.random() * ({last} - {first})) / 1000;
               await new Promise(r => setTimeout(r, 60 + Math.random() * 400));
               last = p.memory;
               most = Math.max(most, Object.values(last).reduce((a, b) => a + b));
             }}
             return {{ most, last }};"
        );
        let seen = browser.player(&body).await?;
        worst = worst.max(seen["most"].as_f64().unwrap_or(0.0));
        println!("memory after random scrubbing: {}", seen["last"]);
    }
    println!("most memory in {seconds} s of random scrubbing: {:.0} MB", worst / 1e6);
    for round in ["first", "again", "again"] {
        let body = "const begun = performance.now();
            const times = await p.regionHistory(
              { x: 800, y: 300, width: 200, height: 100 }, 0,
              { signal: AbortSignal.timeout(40000) }).catch(() => null);
            return [performance.now() - begun, times ? times.length + ' changes' : 'given up'];";
        let seen = browser.player(body).await?;
        println!(
            "region history ({round}): {:.0} ms, {}",
            seen[0].as_f64().unwrap_or(-1.0),
            seen[1]
        );
    }
    browser.close().await
}

/// The median of an ascending list.
fn middle(list: &[f64]) -> f64 {
    list.get(list.len() / 2).copied().unwrap_or(f64::NAN)
}
