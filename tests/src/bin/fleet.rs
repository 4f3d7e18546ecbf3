//! Lives through working days of a fleet of desktops that are built alike, once with and once without
//! sharing tiles: `fleet [DESKTOPS DAYS HOURS SECONDS]`, by default 10 desktops, 2 days of 8 hours, a
//! screenshot each 120 seconds.

use anyhow::{Context, Result, bail};
use deskreel_tests::fleet::{Fleet, live, table};

#[tokio::main]
async fn main() -> Result<()> {
    let numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().context("numbers")?;
    let [desktops, days, hours, seconds] = match numbers.as_slice() {
        [] => [10, 2, 8, 120],
        [desktops, days, hours, seconds] => [*desktops, *days, *hours, (*seconds).max(1)],
        _ => bail!("usage: fleet [DESKTOPS DAYS HOURS SECONDS]"),
    };
    let fleet = Fleet {
        desktops: desktops.into(),
        days: days.into(),
        work_ms: u64::from(hours) * 3_600_000,
        interval_ms: seconds * 1_000,
        share: false,
    };
    let tell = |day| eprintln!("day {} is over", day + 1);
    let alone = live(fleet, tell).await?;
    let shared = live(Fleet { share: true, ..fleet }, tell).await?;
    println!("{}", table(&alone, &shared));
    println!(
        "{} screenshots each way; {} and {} of those that were looked at exact: all; audits clean",
        shared.moments, alone.exact, shared.exact
    );
    Ok(())
}
