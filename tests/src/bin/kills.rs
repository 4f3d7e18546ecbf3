//! Kills a real recording into MinIO at random points: `kills [COUNT [SEED]]`, 200 by default. Each
//! kill may cost one screenshot, and `verify` must be clean after each.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use deskreel_tests::kills::kill_recordings;
use deskreel_tests::minio::Minio;

/// Between screenshots: enough for a machine that does nothing else.
const INTERVAL: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(200), |text| text.parse()).context("COUNT")?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse()).context("SEED")?;
    let minio = Minio::start()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(minio.store("screens", ""))?;
    let tally = kill_recordings(minio.options("screens"), count, seed, INTERVAL, |done| {
        if done % 20 == 0 {
            eprintln!("{done} kills");
        }
    })?;
    let most = tally.lost.iter().max().copied().unwrap_or(0);
    println!(
        "{} kills: {} screenshots taken, {} stored; {} kills cost one, at most {most}; after {} \
         kills segments waited in the spool; verify clean after each",
        tally.kills,
        tally.taken,
        tally.stored,
        tally.lost.iter().filter(|lost| **lost == 1).count(),
        tally.resumed,
    );
    ensure!(most <= 1, "a kill cost {most} screenshots: {:?}", tally.lost);
    Ok(())
}
