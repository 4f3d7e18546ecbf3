//! `deskreel admin sweep`: deletes what nothing that can be shown needs.

use serde::Serialize;

use super::super::common::{Failure, print, progress};
use super::super::operator::Streams;
use crate::config::parse_duration;
use deskreel_upkeep::plan::sweep::{Doomed, Reason, SweepPlan, SweepRule};
use deskreel_upkeep::survey::StreamObjects;
use deskreel_upkeep::sweep::execute;

/// Deletes segments that no moment of the last 24 hours needs
///
/// A segment goes when all of its moments are older than 24 hours and the grace period, and no younger
/// moment shows a tile of it. Interrupted and run again it ends alike.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel admin sweep --stream desk --dry-run
  deskreel admin sweep --all --store s3://bucket
  deskreel admin sweep --all --grace 6h --json --store s3://bucket --endpoint http://127.0.0.1:9000")]
pub(crate) struct Args {
    #[command(flatten)]
    streams: Streams,
    /// Prints what would be deleted and deletes nothing
    #[arg(long)]
    dry_run: bool,
    /// Objects younger than this stay, and so does what segments this late may need; 0s to 24h
    #[arg(long, default_value = "1h")]
    grace: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    dry_run: bool,
    streams: Vec<StreamReport>,
}

#[derive(Debug, Serialize)]
struct StreamReport {
    stream: String,
    deleted: usize,
    deleted_bytes: u64,
    kept: usize,
    unreadable: usize,
    objects: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    object: String,
    bytes: u64,
    reason: Reason,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let grace_ms = match args.grace.as_str() {
        "0s" => 0,
        text => u64::from(parse_duration(text).map_err(Failure::usage)?),
    };
    let rule = SweepRule { now_ms: args.streams.now_ms()?, grace_ms };
    let streams =
        if args.dry_run { args.streams.to_read().await? } else { args.streams.to_change().await? };
    let mut report = Report { dry_run: args.dry_run, streams: Vec::new() };
    for objects in streams {
        report.streams.push(sweep(&objects, rule, args.dry_run).await?);
    }
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(Failure::failed)? + "\n"
    } else {
        report.streams.iter().map(|stream| shown(stream, args.dry_run)).collect()
    };
    print(&text)?;
    Ok(0)
}

async fn sweep(
    objects: &StreamObjects,
    rule: SweepRule,
    dry_run: bool,
) -> Result<StreamReport, Failure> {
    let bar = progress(0, &format!("reading '{}'", objects.stream()));
    let survey = objects
        .survey(|done, of| {
            bar.set_length(of);
            bar.set_position(done);
        })
        .await?;
    bar.finish_and_clear();
    let plan = survey.sweep(rule);
    if !dry_run {
        let bar = progress(plan.doomed().count() as u64, "deleting");
        execute(objects, &plan, |done| bar.inc(done)).await?;
        bar.finish_and_clear();
    }
    let rows = rows(objects, &plan);
    Ok(StreamReport {
        stream: objects.stream().to_string(),
        deleted: rows.len(),
        deleted_bytes: rows.iter().map(|row| row.bytes).sum(),
        kept: plan.kept,
        unreadable: survey.unreadable.len(),
        objects: rows,
    })
}

fn rows(objects: &StreamObjects, plan: &SweepPlan) -> Vec<Row> {
    let row =
        |object, doomed: &Doomed| Row { object, bytes: doomed.entry.size, reason: doomed.reason };
    let stream = objects.stream();
    let segments = plan.segments.iter().map(|d| row(stream.segment_key(d.entry.id), d));
    let indexes = plan.indexes.iter().map(|d| row(stream.index_key(d.entry.id.first_ms), d));
    let storyboards = plan.storyboards.iter().map(|d| row(stream.storyboard_key(d.entry.id), d));
    segments.chain(indexes).chain(storyboards).collect()
}

fn shown(report: &StreamReport, dry_run: bool) -> String {
    let mut text = String::new();
    if dry_run {
        for Row { object, bytes, reason } in &report.objects {
            let why = match reason {
                Reason::Unneeded => "not needed",
                Reason::Expired => "expired",
            };
            text += &format!("{object:<80} {bytes:>10} B  {why}\n");
        }
    }
    let StreamReport { stream, deleted, deleted_bytes, kept, unreadable, .. } = report;
    let verb = if dry_run { "would be deleted" } else { "deleted" };
    text += &format!(
        "stream '{stream}': {deleted} objects ({:.1} MB) {verb}, {kept} stay\n",
        *deleted_bytes as f64 / 1e6
    );
    if *unreadable > 0 {
        text += &format!(
            "  {unreadable} objects cannot be read; while they are young, only what has expired \
             goes (see `deskreel verify`)\n"
        );
    }
    text
}
