//! `deskreel frame`: one moment as a PNG, bit for bit, from the bucket alone.

use std::path::PathBuf;

use deskreel_format::Picture;

use super::common::{Failure, Place, print, progress};
use crate::config::{parse_time, show_time};
use crate::location::Role;
use crate::reader::{ReadSurface, StreamReader};

/// Writes the screenshot of a moment as a PNG, bit for bit, or lists the moments
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel frame --stream desk --at 2026-11-23T09:30:00Z -o out.png
  deskreel frame --stream desk --at 1795426200000 -o - > out.png
  deskreel frame --stream desk --list
  deskreel frame --stream desk --list --json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
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
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let reader = StreamReader::new(place.open(Role::View).await?, place.stream.clone());
    if args.list {
        return list(&reader, args.json).await;
    }
    let at = parse_time(args.at.as_deref().unwrap_or_default()).map_err(Failure::usage)?;
    let (time_ms, surfaces) = reader.frame(at).await?;
    let picture = match &args.surface {
        None => desktop(&surfaces)?,
        Some(name) => {
            let names: Vec<&str> = surfaces.iter().map(|s| s.name.as_str()).collect();
            let found = surfaces.iter().find(|surface| surface.name == *name);
            let missing = || Failure::usage(format!("no monitor '{name}'; there is {names:?}"));
            found.ok_or_else(missing)?.picture.clone()
        }
    };
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

/// All surfaces as they stand beside each other; uncovered corners are black.
fn desktop(surfaces: &[ReadSurface]) -> Result<Picture, Failure> {
    if let [only] = surfaces {
        return Ok(only.picture.clone());
    }
    let (left, top) = (
        surfaces.iter().map(|s| i64::from(s.x)).min().unwrap_or(0),
        surfaces.iter().map(|s| i64::from(s.y)).min().unwrap_or(0),
    );
    let right = surfaces.iter().map(|s| i64::from(s.x) + i64::from(s.picture.width())).max();
    let bottom = surfaces.iter().map(|s| i64::from(s.y) + i64::from(s.picture.height())).max();
    let side = |end: Option<i64>, start: i64| u32::try_from(end.unwrap_or(0) - start).unwrap_or(0);
    let size = (side(right, left), side(bottom, top));
    let mut whole = Picture::filled(size.0, size.1, [0; 3]).map_err(|error| {
        Failure::failed(format!("the monitors do not fit one picture ({error}); use --surface"))
    })?;
    for surface in surfaces {
        let (x, y) =
            ((i64::from(surface.x) - left) as usize, (i64::from(surface.y) - top) as usize);
        let stride = surface.picture.width() as usize * 3;
        for (row, pixels) in surface.picture.rgb().chunks_exact(stride).enumerate() {
            let to = ((y + row) * size.0 as usize + x) * 3;
            whole.rgb_mut()[to..to + stride].copy_from_slice(pixels);
        }
    }
    Ok(whole)
}

fn encode_png(picture: &Picture) -> Result<Vec<u8>, Failure> {
    use image::ImageEncoder;
    let mut png = Vec::new();
    image::codecs::png::PngEncoder::new(&mut png)
        .write_image(
            picture.rgb(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|error| Failure::failed(format!("cannot make the PNG: {error}")))?;
    Ok(png)
}

/// Writes beside the target and renames: a full disk leaves no half picture. What is there and no
/// plain file (a pipe, a device) is written to as it is.
fn write_file(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot write '{}': {error}", path.display()))
    };
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        let written = std::fs::OpenOptions::new().write(true).open(path);
        return written.and_then(|mut file| file.write_all(bytes)).map_err(|error| failed(&error));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = std::fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&partial, path));
    if let Err(error) = written {
        // Nothing of worth is in it, and the write's own error matters more.
        let _ = std::fs::remove_file(&partial);
        return Err(failed(&error));
    }
    Ok(())
}
