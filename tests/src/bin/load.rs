//! Loads one server with many desktops and prints what it did: `cargo run --release -p deskreel-tests
//! --bin load -- --help`. A server built for release must lie beside it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use deskreel_tests::load::{Behind, Outcome, Plan, Target, run};
use deskreel_tests::product::{pictures, sample_recording};

/// Many desktops at one deskreel-server.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  load --desktops 1000 --shots 60                  ten minutes of a thousand desktops, in real time
  load --store embedded --desktops 200 --speed 5   the server's own store, five times as fast
  load --pictures screenshots/ --speed 0           your own corpus, as fast as it goes")]
struct Args {
    /// Desktops
    #[arg(long, default_value_t = 1000)]
    desktops: usize,
    /// Different recordings among them
    #[arg(long, default_value_t = 20)]
    recordings: usize,
    /// Screenshots of each desktop
    #[arg(long, default_value_t = 60)]
    shots: usize,
    /// Seconds of the desktops in one of ours; 0 for as fast as it goes
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// People who look meanwhile
    #[arg(long, default_value_t = 10)]
    viewers: usize,
    /// What stands behind the server: minio or embedded
    #[arg(long, default_value = "minio", value_parser = ["minio", "embedded"])]
    store: String,
    /// A folder of PNG screenshots [default: the recording that ships with the project]
    #[arg(long, env = "DESKREEL_CORPUS")]
    pictures: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let behind = if args.store == "minio" { Behind::Minio } else { Behind::Embedded };
    let plan = Plan {
        desktops: args.desktops,
        recordings: args.recordings.min(args.desktops),
        shots: args.shots,
        interval_ms: 10_000,
        speed: args.speed,
        viewers: args.viewers,
        pictures: pictures(&args.pictures.unwrap_or_else(sample_recording))?,
    };
    let target = Target::start(behind).await?;
    let outcome = run(plan, &target, |line| eprintln!("{line}")).await?;
    print(&outcome);
    anyhow::ensure!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    Ok(())
}

fn print(outcome: &Outcome) {
    let seconds = outcome.took.as_secs_f64();
    println!("| request | count | a second | failed | MB | ms mean | p95 | p99 | max |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for figures in &outcome.figures {
        let ms = |micros: f64| micros / 1e3;
        println!(
            "| {:?} | {} | {:.1} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            figures.verb,
            figures.count,
            figures.count as f64 / seconds,
            figures.failed,
            figures.bytes as f64 / 1e6,
            ms(figures.micros.mean),
            ms(figures.micros.p95 as f64),
            ms(figures.p99_micros as f64),
            ms(figures.micros.max as f64),
        );
    }
    println!(
        "\n{seconds:.0} s; {} segments and {} indexes stored; {} cold looks, each exact",
        outcome.segments, outcome.indexes, outcome.looks
    );
    let requests: usize = outcome.figures.iter().map(|figures| figures.count).sum();
    let ms = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e3 / requests as f64;
    println!(
        "CPU of the server: {:.1} s, {:.2} ms a request",
        outcome.cpu.0.as_secs_f64(),
        ms(outcome.cpu.0)
    );
    if let Some(cpu) = outcome.cpu.1 {
        println!("CPU of MinIO: {:.1} s, {:.2} ms a request", cpu.as_secs_f64(), ms(cpu));
    }
    let tenth = outcome.memory.len().div_ceil(10);
    let server: Vec<String> = outcome
        .memory
        .chunks(tenth)
        .map(|part| format!("{:.0}", part.iter().map(|m| m.0).max().unwrap_or(0) as f64 / 1e6))
        .collect();
    println!("memory of the server, MB, tenths of the run: {}", server.join(" "));
    let minio: Vec<String> = outcome
        .memory
        .chunks(tenth)
        .filter_map(|part| part.iter().filter_map(|m| m.1).max())
        .map(|bytes| format!("{:.0}", bytes as f64 / 1e6))
        .collect();
    if !minio.is_empty() {
        println!("memory of MinIO, MB: {}", minio.join(" "));
    }
}
