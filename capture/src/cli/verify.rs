//! `deskreel verify`: audits every promise of the format over whole streams.

use serde::Serialize;

use super::common::{Failure, print, progress};
use super::operator::Streams;
use crate::config::show_time;
use deskreel_upkeep::deep;
use deskreel_upkeep::plan::WINDOW_MS;
use deskreel_upkeep::plan::audit::{Fault, Problem};
use deskreel_upkeep::survey::StreamObjects;

/// Checks that everything stored is whole and every moment can be shown
///
/// Reads every object's manifest: it decodes, is the one that its key names, and each reference of
/// each moment of the last 24 hours leads to a pack that is there. With --deep also every pack is
/// decoded and every moment recomposed and held against its digest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel verify --stream desk
  deskreel verify --stream desk --deep
  deskreel verify --all --json --store s3://bucket | jq '.streams[].problems'

Exit codes: 0 nothing is wrong; 1 something is wrong, or it could not be checked.")]
pub(crate) struct Args {
    #[command(flatten)]
    streams: Streams,
    /// Decodes every pack and recomposes every moment
    #[arg(long)]
    deep: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    clean: bool,
    streams: Vec<StreamReport>,
}

/// What was seen of a stream.
#[derive(Debug, Serialize)]
struct StreamReport {
    stream: String,
    segments: usize,
    indexes: usize,
    storyboards: usize,
    moments: usize,
    moments_shown: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deep: Option<DeepReport>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct DeepReport {
    packs_decoded: usize,
    moments_exact: usize,
    /// Too old to be shown, and their tiles swept.
    moments_gone: usize,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let now_ms = args.streams.now_ms()?;
    let mut streams = Vec::new();
    for objects in args.streams.to_read().await? {
        streams.push(check(&objects, now_ms, args.deep).await?);
    }
    let clean = streams.iter().all(|stream| stream.problems.is_empty());
    let report = Report { clean, streams };
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(Failure::failed)? + "\n"
    } else {
        report.streams.iter().map(shown).collect()
    };
    print(&text)?;
    Ok(u8::from(!clean))
}

async fn check(objects: &StreamObjects, now_ms: u64, deep: bool) -> Result<StreamReport, Failure> {
    let bar = progress(0, &format!("reading '{}'", objects.stream()));
    let survey = objects
        .survey(|done, of| {
            bar.set_length(of);
            bar.set_position(done);
        })
        .await?;
    bar.finish_and_clear();
    let mut problems = survey.audit(objects.stream(), now_ms);
    let deep = if deep {
        let what = format!("decoding '{}'", objects.stream());
        let bar = progress(survey.segments.len() as u64, &what);
        let deep = deep::audit(objects, &survey, now_ms, || bar.inc(1)).await?;
        bar.finish_and_clear();
        problems.extend(deep.problems);
        Some(DeepReport {
            packs_decoded: deep.packs,
            moments_exact: deep.exact,
            moments_gone: deep.gone,
        })
    } else {
        None
    };
    problems.sort_by(|a, b| (&a.object, a.time_ms, a.fault).cmp(&(&b.object, b.time_ms, b.fault)));
    let times = || survey.segments.iter().flat_map(|facts| &facts.moments);
    let shown_from = now_ms.saturating_sub(WINDOW_MS);
    let entries = survey.segments.iter().map(|facts| &facts.entry).chain(&survey.unreadable);
    let entries = entries.chain(&survey.index_entries).chain(&survey.storyboards);
    Ok(StreamReport {
        stream: objects.stream().to_string(),
        segments: survey.segments.len() + survey.unreadable.len(),
        indexes: survey.index_entries.len(),
        storyboards: survey.storyboards.len(),
        moments: times().count(),
        moments_shown: times().filter(|time| **time >= shown_from && **time <= now_ms).count(),
        bytes: entries.map(|entry| entry.size).sum(),
        deep,
        problems,
    })
}

fn shown(report: &StreamReport) -> String {
    let StreamReport { stream, segments, indexes, storyboards, bytes, .. } = report;
    let StreamReport { moments, moments_shown, .. } = report;
    let mut text = format!(
        "stream '{stream}': {segments} segments, {indexes} indexes, {storyboards} storyboards, \
         {:.1} MB; {moments} moments, {moments_shown} of them in the last 24 h\n",
        *bytes as f64 / 1e6
    );
    if let Some(DeepReport { packs_decoded, moments_exact, moments_gone }) = &report.deep {
        text += &format!("  {packs_decoded} packs decoded, {moments_exact} moments exact");
        if *moments_gone > 0 {
            text += &format!(", {moments_gone} older ones no longer whole");
        }
        text += "\n";
    }
    for Problem { fault, object, time_ms, what } in &report.problems {
        let at = time_ms.map_or(String::new(), |ms| format!(" at {}", show_time(ms)));
        text += &format!("  {}: '{object}'{at}: {what}\n", name(*fault));
    }
    text += &match report.problems.len() {
        0 => "  nothing is wrong\n".to_owned(),
        1 => "  1 problem\n".to_owned(),
        count => format!("  {count} problems\n"),
    };
    text
}

/// As in the JSON report.
fn name(fault: Fault) -> String {
    let value = serde_json::to_value(fault).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
