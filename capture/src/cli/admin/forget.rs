//! `deskreel admin forget`: a range of time is as if never recorded.

use serde::Serialize;

use super::super::common::{Failure, print, progress};
use super::super::operator::Streams;
use crate::config::{parse_time, show_time};
use deskreel_upkeep::forget::{Request, execute, prepare};
use deskreel_upkeep::plan::budget::SeekBudget;

/// Forgets all moments of a range, and every pixel stored only for them
///
/// Segments never change, so what tells of the range, and what refers to it, is written anew without
/// it; then the old segments are deleted. Everything else stays exact. Stop the agent before (it would
/// go on to refer to what is deleted) and let it upload what it has. Interrupted and run again it goes
/// on where it stopped. A bucket with versions keeps old ones: delete those by its own rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel admin forget --stream desk --from 2026-11-23T09:00:00Z --to 2026-11-23T09:05:00Z --dry-run
  deskreel admin forget --stream desk --from 2026-11-23T09:00:00Z --to 2026-11-23T09:05:00Z --agent-stopped")]
pub(crate) struct Args {
    #[command(flatten)]
    streams: Streams,
    /// The first moment to forget: RFC 3339, or milliseconds since 1970
    #[arg(long)]
    from: String,
    /// The first moment to keep again
    #[arg(long)]
    to: String,
    /// Prints what would be done and does nothing
    #[arg(long)]
    dry_run: bool,
    /// Says that no agent records the stream, although its newest segment is young
    #[arg(long)]
    agent_stopped: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct StreamReport {
    stream: String,
    dry_run: bool,
    moments_forgotten: usize,
    segments_deleted: usize,
    segments_written: usize,
    bytes_written: u64,
    indexes_deleted: usize,
    storyboards_deleted: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plan: Vec<Step>,
}

/// One segment that goes.
#[derive(Debug, Serialize)]
struct Step {
    delete: String,
    write: Option<String>,
    moments_forgotten: usize,
    moments_kept: usize,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let from = parse_time(&args.from).map_err(Failure::usage)?;
    let to = parse_time(&args.to).map_err(Failure::usage)?;
    if from >= to {
        return Err(Failure::usage(format!(
            "--from {} is not before --to {}",
            show_time(from),
            show_time(to)
        )));
    }
    let now_ms = args.streams.now_ms()?;
    let budget = SeekBudget::default();
    let request = Request { range: from..to, now_ms, agent_stopped: args.agent_stopped, budget };
    let streams =
        if args.dry_run { args.streams.to_read().await? } else { args.streams.to_change().await? };
    let mut reports = Vec::new();
    for objects in streams {
        let bar = progress(0, &format!("'{}'", objects.stream()));
        let tell = |step: &str, done, of| {
            bar.set_message(step.to_owned());
            bar.set_length(of);
            bar.set_position(done);
        };
        let stream = objects.stream().to_string();
        let report = if args.dry_run {
            let survey = objects.survey(|done, of| tell("reading", done, of)).await?;
            let plan = prepare(&objects, &survey, &request.range)?;
            let step = |r: &deskreel_upkeep::plan::forget::Replacement| Step {
                delete: objects.stream().segment_key(r.old),
                write: r.heir.map(|heir| objects.stream().segment_key(heir)),
                moments_forgotten: r.forgotten,
                moments_kept: r.kept,
            };
            let plan_of: Vec<Step> = plan.replacements.iter().map(step).collect();
            StreamReport {
                stream,
                dry_run: true,
                moments_forgotten: plan.replacements.iter().map(|r| r.forgotten).sum(),
                segments_deleted: plan_of.len(),
                segments_written: plan_of.iter().filter(|step| step.write.is_some()).count(),
                bytes_written: 0,
                indexes_deleted: plan.indexes.len(),
                storyboards_deleted: plan.storyboards.len(),
                plan: plan_of,
            }
        } else {
            let done = execute(&objects, &request, tell).await?;
            StreamReport {
                stream,
                dry_run: false,
                moments_forgotten: done.moments,
                segments_deleted: done.deleted,
                segments_written: done.written,
                bytes_written: done.written_bytes,
                indexes_deleted: done.indexes,
                storyboards_deleted: done.storyboards,
                plan: Vec::new(),
            }
        };
        bar.finish_and_clear();
        reports.push(report);
    }
    let text = if args.json {
        serde_json::to_string_pretty(&reports).map_err(Failure::failed)? + "\n"
    } else {
        reports.iter().map(shown).collect()
    };
    print(&text)?;
    Ok(0)
}

fn shown(report: &StreamReport) -> String {
    let mut text = String::new();
    for Step { delete, write, moments_forgotten, moments_kept } in &report.plan {
        text += &format!("delete {delete}  ({moments_forgotten} forgotten, {moments_kept} kept)\n");
        if let Some(write) = write {
            text += &format!(" write {write}\n");
        }
    }
    let would = if report.dry_run { "would be " } else { "" };
    text += &format!(
        "stream '{}': {} moments {would}forgotten; {} segments {would}deleted, {} written in their \
         place, {} indexes and {} storyboards deleted\n",
        report.stream,
        report.moments_forgotten,
        report.segments_deleted,
        report.segments_written,
        report.indexes_deleted,
        report.storyboards_deleted,
    );
    text
}
