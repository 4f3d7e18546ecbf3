//! Records real Wayland sessions and compares each picture with the compositor's own: `wayland [RUNS]`,
//! one by default. Says how long each change took to be stored.

use std::time::Instant;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let runs = std::env::args().nth(1).map_or(Ok(1), |text| text.parse::<u32>()).context("RUNS")?;
    #[cfg(target_os = "linux")]
    tokio::runtime::Runtime::new()?.block_on(async {
        use deskreel_tests::wayland::{proof, steps};
        proof::agent_records_wayland()?;
        for run in 1..=runs {
            let begun = Instant::now();
            let mut seen = steps::one_output().await?;
            seen.extend(steps::one_of_two_outputs().await?);
            seen.extend(steps::two_outputs().await?);
            steps::declined().await?;
            for (what, time) in seen {
                println!("{:6.2} s  {what}", time.as_secs_f64());
            }
            println!(
                "run {run} of {runs}: {:.1} s, pixel for pixel",
                begun.elapsed().as_secs_f64()
            );
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(())
}
