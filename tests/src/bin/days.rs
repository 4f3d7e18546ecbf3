//! Lives through 72 hours of any recording on a virtual clock: `days FOLDER [SLEEP_AT SLEEP_HOURS]`.
//! The recording passes in a loop by day, nights are idle; the bucket is audited every hour.

use anyhow::{Context, Result};
use deskreel_tests::days::{Days, live};
use deskreel_tests::product::pictures;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: days FOLDER [SLEEP_AT SLEEP_HOURS]")?;
    let numbers: Vec<u64> =
        arguments.map(|text| text.parse()).collect::<Result<_, _>>().context("hours")?;
    let sleep = match numbers.as_slice() {
        [at, hours] => Some((*at, *hours)),
        _ => None,
    };
    let pictures = pictures(folder.as_ref())?;
    let (interval_ms, night_interval_ms) = (10_000, 60_000);
    let days = Days { pictures, interval_ms, night_interval_ms, batch: 6, hours: 72, sleep };
    let lived = live(&days, |hour, bytes| {
        println!("hour {hour:>3}: clean, {:>7.1} MB stored", bytes as f64 / 1e6);
    })
    .await?;
    println!(
        "{} screenshots, {} hourly audits clean, {} objects swept, {} moments exact to the pixel; at \
         most {:.1} MB stored; cold seeks {:.0} KB mean, {:.0} KB p95, {:.0} KB max, {} requests at most",
        lived.moments,
        lived.audits,
        lived.swept,
        lived.exact,
        lived.bytes.iter().max().copied().unwrap_or(0) as f64 / 1e6,
        lived.seek_bytes.mean / 1e3,
        lived.seek_bytes.p95 as f64 / 1e3,
        lived.seek_bytes.max as f64 / 1e3,
        lived.seek_requests.max,
    );
    Ok(())
}
