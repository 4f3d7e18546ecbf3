//! `deskreel frame`: one moment as a PNG, bit for bit, from the bucket alone.

use std::path::PathBuf;

use super::common::{Failure, Place, print, progress};
use crate::config::{parse_time, show_time};
use crate::location::Role;
use crate::picture::{PictureError, choose, encode_png, write_file};
use crate::reader::StreamReader;

/// Writes the screenshot of a moment as a PNG, bit for bit, or lists the moments
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel frame --stream desk --at 2026-11-23T09:30:00Z -o out.png
  deskreel frame --stream desk --at 1795426200000 -o - > out.png
  deskreel frame --stream desk --list
  deskreel frame --stream desk --list --json")]
pub(crate) struct Args {
    /// The newest screenshot at or before this time: RFC 3339, or milliseconds since 1970
    #[arg(long, required_unless_present = "list")]
    at: Option<String>,
    /// The PNG file to write; - is standard output
    #[arg(short, long, required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Only this monitor (its name); otherwise all, as they stand beside each other
    #[arg(long)]
    surface: Option<String>,
    /// Prints the moments of the stream, one a line
    #[arg(long, conflicts_with_all = ["at", "output"])]
    list: bool,
    /// With --list: as JSON
    #[arg(long, requires = "list")]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let reader = StreamReader::new(place.open(Role::View).await?, place.stream.clone());
    if args.list {
        return list(&reader, args.json).await;
    }
    let at = parse_time(args.at.as_deref().unwrap_or_default()).map_err(Failure::usage)?;
    let (time_ms, surfaces) = reader.frame(at).await?;
    let picture = choose(&surfaces, args.surface.as_deref()).map_err(|error| match error {
        PictureError::NoSurface { .. } => Failure::usage(error),
        error => Failure::failed(error),
    })?;
    let png = encode_png(&picture)?;
    let output = args.output.unwrap_or_default();
    if output.as_os_str() == "-" {
        use std::io::Write;
        let written = std::io::stdout().lock().write_all(&png);
        written.map_err(|e| Failure::failed(format!("cannot write to standard output: {e}")))?;
    } else {
        write_file(&output, &png)?;
        tracing::info!(moment = %show_time(time_ms), "exact");
        eprintln!("{} (exact)", show_time(time_ms));
    }
    Ok(0)
}

async fn list(reader: &StreamReader, json: bool) -> Result<u8, Failure> {
    let listed = reader.segments(0).await?;
    let bar = progress(listed.len() as u64, "reading");
    let segments = reader.manifests(&listed, || bar.inc(1)).await?;
    bar.finish_and_clear();
    let mut times: Vec<u64> =
        segments.iter().flat_map(|s| &s.manifest.moments).map(|m| m.time_ms).collect();
    times.sort_unstable();
    let mut text = String::new();
    if json {
        let moments: Vec<_> = times
            .iter()
            .map(|ms| serde_json::json!({ "time": show_time(*ms), "time_ms": ms }))
            .collect();
        text = serde_json::json!(moments).to_string() + "\n";
    } else {
        times.iter().for_each(|ms| text += &format!("{}\n", show_time(*ms)));
    }
    print(&text)?;
    Ok(0)
}
