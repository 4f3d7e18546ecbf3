//! `deskreel admin reindex`: the indexes of hours, made anew from segments.

use std::collections::BTreeSet;

use deskreel_format::time::hour_start;
use serde::Serialize;

use super::super::common::{Failure, print, progress};
use super::super::operator::Streams;
use crate::config::show_time;
use deskreel_upkeep::plan::rollup::due;
use deskreel_upkeep::rollup::{Heads, roll};

/// Writes the indexes of hours that are over, from their segments
///
/// Agents do that themselves when an hour ends. This is for hours whose index is missing or older than
/// a segment that came late; with --every for all hours, whatever their index says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel admin reindex --stream desk
  deskreel admin reindex --all --every --json --store s3://bucket --endpoint http://127.0.0.1:9000")]
pub(crate) struct Args {
    #[command(flatten)]
    streams: Streams,
    /// Also hours whose index is younger than their segments
    #[arg(long)]
    every: bool,
    /// Prints which hours are due and writes nothing
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    stream: String,
    dry_run: bool,
    hours: Vec<String>,
    bytes: u64,
    manifests_read: usize,
    without_index: Vec<Without>,
}

/// An hour that can have no index.
#[derive(Debug, Serialize)]
struct Without {
    hour: String,
    why: String,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let now_ms = args.streams.now_ms()?;
    let mut reports = Vec::new();
    for objects in args.streams.to_add().await? {
        let listing = objects.list().await?;
        let hours: BTreeSet<u64> = if args.every {
            listing.segments.iter().map(|entry| hour_start(entry.id.first_ms)).collect()
        } else {
            due(&listing.segments, &listing.indexes, 0, now_ms)
        };
        let stream = objects.stream().to_string();
        if args.dry_run {
            let hours = hours.into_iter().map(show_time).collect();
            let (bytes, manifests_read, without_index) = (0, 0, Vec::new());
            let dry_run = true;
            reports.push(Report { stream, dry_run, hours, bytes, manifests_read, without_index });
            continue;
        }
        let bar = progress(hours.len() as u64, &format!("rolling hours of '{stream}'"));
        let rolled = roll(&objects, &hours, &Heads::new(), now_ms, |done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        })
        .await?;
        bar.finish_and_clear();
        let without = |(hour, why): (u64, String)| Without { hour: show_time(hour), why };
        reports.push(Report {
            stream,
            dry_run: false,
            hours: rolled.hours.into_iter().map(show_time).collect(),
            bytes: rolled.bytes,
            manifests_read: rolled.read,
            without_index: rolled.without.into_iter().map(without).collect(),
        });
    }
    let text = if args.json {
        serde_json::to_string_pretty(&reports).map_err(Failure::failed)? + "\n"
    } else {
        reports.iter().map(shown).collect()
    };
    print(&text)?;
    Ok(0)
}

fn shown(report: &Report) -> String {
    let Report { stream, dry_run, hours, bytes, manifests_read, without_index } = report;
    let mut text = String::new();
    if *dry_run {
        text += &format!("stream '{stream}': {} hours are due\n", hours.len());
        text.extend(hours.iter().map(|hour| format!("  {hour}\n")));
    } else {
        text += &format!(
            "stream '{stream}': {} indexes written ({:.1} KB), {manifests_read} manifests read\n",
            hours.len(),
            *bytes as f64 / 1e3
        );
    }
    for Without { hour, why } in without_index {
        text += &format!("  {hour} has no index: {why}\n");
    }
    text
}
