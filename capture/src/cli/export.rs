//! `deskreel export`: a stretch of time as PNG files or as a lossless video.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::{Picture, Segment};
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::common::{Failure, Place, print, progress};
use super::status::size as show_size;
use crate::config::{parse_time, show_time};
use crate::core::export::{Kind, Shot, file_name, select};
use crate::location::Role;
use crate::manifests::Manifests;
use crate::packs::PackCache;
use crate::picture::{bounds, choose, encode_png, paste, write_file};
use crate::reader::{Listed, StreamReader};

/// Writes a stretch of time as PNG files or as a lossless video, every picture proven exact
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel export --from 2026-11-23T09:00:00Z --to 2026-11-23T10:00:00Z -o morning/
  deskreel export --every 6 -o day.mp4         one screenshot a minute
  deskreel export --surface DP-1 --fps 30 -o left.webm

Videos are made by ffmpeg, without any loss: RGB in H.264 (.mp4) or VP9 (.webm). Players that
know no RGB video (some browsers) do not show them. Where the desktop changed its size, a video
has the largest, smaller pictures at its top left; PNG files have each their own.")]
pub(crate) struct Args {
    /// First moment: RFC 3339, or milliseconds since 1970 [default: the first there is]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<u64>,
    /// Last moment [default: the last there is]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<u64>,
    /// A folder for PNG files, or a video: out.mp4, out.webm
    #[arg(short, long)]
    output: PathBuf,
    /// Only every Nth screenshot
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Only this monitor (its name); otherwise all, as they stand beside each other
    #[arg(long)]
    surface: Option<String>,
    /// Screenshots a second of a video
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=240))]
    fps: u32,
    /// Write over what is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

/// Pixels of packs that are kept, bytes.
const CACHE_BYTES: u64 = 400_000_000;
/// Manifests read ahead.
const AHEAD: usize = 16;

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let output = &args.output;
    let kind = Kind::of(output).ok_or_else(|| {
        Failure::usage(format!(
            "'{}' cannot be written; videos are .mp4 or .webm, pictures need the name of a folder",
            output.display()
        ))
    })?;
    check_free(output, kind, args.force)?;
    let place = args.place.resolve()?;
    let reader = StreamReader::new(place.open(Role::View).await?, place.stream.clone());
    let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(u64::MAX));
    let mut listed = reader.segments(from.saturating_sub(MAX_SPAN_MS)).await?;
    listed.retain(|entry| entry.id.first_ms <= to);
    let mut manifests = Manifests::new().map_err(unkept)?;
    let shots = shots(&reader, &listed, args.surface.as_deref(), &mut manifests).await?;
    let shots = select(shots, from, to, args.every as usize);
    let (Some(first), Some(last)) = (shots.first(), shots.last()) else {
        let of = args.surface.map_or(String::new(), |name| format!(" of monitor '{name}'"));
        return Err(Failure::failed(format!(
            "stream '{}' has no screenshot{of} in that time; `deskreel frame --list` lists them",
            place.stream
        )));
    };
    let span = format!("{} to {}", show_time(first.time_ms), show_time(last.time_ms));
    let mut work = Work {
        reader: &reader,
        manifests,
        shots: &shots,
        surface: args.surface.as_deref(),
        bar: progress(shots.len() as u64, "exporting"),
    };
    let bytes = match kind {
        Kind::Pictures => work.pictures(output).await?,
        kind => work.video(kind, args.fps, output).await?,
    };
    work.bar.finish_and_clear();
    let count = shots.len();
    let bytes = show_size(bytes);
    print(&format!("{count} screenshots, {span}, in '{}': {bytes}, exact\n", output.display()))?;
    Ok(0)
}

/// Whether nothing is there that would be written over.
fn check_free(output: &Path, kind: Kind, force: bool) -> Result<(), Failure> {
    let is_taken = match kind {
        Kind::Pictures if output.is_dir() => std::fs::read_dir(output)
            .map_err(|error| Failure::failed(format!("'{}': {error}", output.display())))?
            .next()
            .is_some(),
        _ => output.exists(),
    };
    if is_taken && !force {
        return Err(Failure::failed(format!(
            "'{}' is there already; --force writes over it",
            output.display()
        )));
    }
    Ok(())
}

/// All moments of these segments, whose manifests are kept for the pictures.
async fn shots(
    reader: &StreamReader,
    listed: &[Listed],
    surface: Option<&str>,
    manifests: &mut Manifests,
) -> Result<Vec<Shot>, Failure> {
    let bar = progress(listed.len() as u64, "reading");
    let mut shots = Vec::new();
    let requests = listed.iter().map(|entry| reader.head(*entry));
    let mut heads = std::pin::pin!(stream::iter(requests).buffered(AHEAD).enumerate());
    while let Some((number, head)) = heads.next().await {
        let (bytes, segment) = head?;
        manifests.add(&bytes).map_err(unkept)?;
        for (moment, taken) in segment.manifest.moments.iter().enumerate() {
            let surfaces = &segment.manifest.layouts[taken.layout as usize].surfaces;
            let wanted = surfaces.iter().filter(|s| surface.is_none_or(|name| s.name == name));
            let sides = wanted.map(|s| (s.x, s.y, s.width, s.height));
            let (_, _, width, height) = bounds(sides);
            // Before the monitor was there, or after it was gone.
            if width > 0 {
                let size = (width, height);
                shots.push(Shot { time_ms: taken.time_ms, segment: number, moment, size });
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(shots)
}

fn unkept(error: std::io::Error) -> Failure {
    let folder = std::env::temp_dir();
    let folder = folder.display();
    Failure::failed(format!("what is exported cannot be noted in a file in '{folder}': {error}"))
}

/// What is exported from where.
struct Work<'a> {
    reader: &'a StreamReader,
    manifests: Manifests,
    shots: &'a [Shot],
    surface: Option<&'a str>,
    bar: ProgressBar,
}

impl Work<'_> {
    /// Calls `take` with each picture in order; each is proven exact.
    async fn each(
        &mut self,
        mut take: impl AsyncFnMut(&Shot, Picture) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut cache = PackCache::new(CACHE_BYTES);
        // Those of a minute may share one segment.
        let mut last: Option<(usize, Segment)> = None;
        for shot in self.shots {
            let segment = match last.take() {
                Some((number, segment)) if number == shot.segment => segment,
                _ => self.manifests.get(shot.segment).map_err(unkept)?,
            };
            let manifest = &segment.manifest;
            let surfaces = self.reader.compose_with(manifest, shot.moment, &mut cache).await?;
            take(shot, choose(&surfaces, self.surface)?).await?;
            self.bar.inc(1);
            last = Some((shot.segment, segment));
        }
        tracing::info!(packs = cache.read(), "packs read");
        Ok(())
    }

    /// Writes PNG files, coded on all cores; gives their bytes.
    async fn pictures(&mut self, folder: &Path) -> Result<u64, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::failed(format!("cannot make '{}': {error}", folder.display()))
        })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut coding: JoinSet<Result<u64, Failure>> = JoinSet::new();
        let mut bytes = 0;
        self.each(async |shot, picture| {
            while coding.len() > cores {
                bytes += joined(coding.join_next().await)?;
            }
            let path = folder.join(file_name(&show_time(shot.time_ms)));
            coding.spawn_blocking(move || {
                let png = encode_png(&picture)?;
                write_file(&path, &png)?;
                Ok(png.len() as u64)
            });
            Ok(())
        })
        .await?;
        while !coding.is_empty() {
            bytes += joined(coding.join_next().await)?;
        }
        Ok(bytes)
    }

    /// Pipes all pictures to ffmpeg; gives the bytes of the video.
    async fn video(&mut self, kind: Kind, fps: u32, output: &Path) -> Result<u64, Failure> {
        let width = self.shots.iter().map(|shot| shot.size.0).max().unwrap_or(1);
        let height = self.shots.iter().map(|shot| shot.size.1).max().unwrap_or(1);
        let mut partial = output.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut ffmpeg = start_ffmpeg(&kind.ffmpeg((width, height), fps, &partial))?;
        let mut pipe = ffmpeg.stdin.take();
        let piped = self
            .each(async |_, picture| {
                let picture = if (picture.width(), picture.height()) == (width, height) {
                    picture
                } else {
                    let mut whole =
                        Picture::filled(width, height, [0; 3]).map_err(Failure::failed)?;
                    paste(&mut whole, &picture, 0, 0);
                    whole
                };
                if let Some(pipe) = &mut pipe {
                    pipe.write_all(picture.rgb()).await.map_err(|_| Failure::failed(BROKEN))?;
                }
                Ok(())
            })
            .await;
        drop(pipe);
        let mut said = String::new();
        if let Some(errors) = &mut ffmpeg.stderr {
            // What it said helps; that it cannot be read is told by its exit code.
            let _ = errors.read_to_string(&mut said).await;
        }
        let status = ffmpeg.wait().await.map_err(Failure::failed)?;
        let outcome = match piped {
            Err(failure) if failure.text != BROKEN => Err(failure),
            _ if !status.success() => {
                let said = said.trim();
                Err(Failure::failed(format!("ffmpeg could not make the video ({status}): {said}")))
            }
            Err(failure) => Err(failure),
            Ok(()) => std::fs::rename(&partial, output)
                .and_then(|()| std::fs::metadata(output))
                .map(|meta| meta.len())
                .map_err(|error| {
                    Failure::failed(format!("cannot write '{}': {error}", output.display()))
                }),
        };
        if outcome.is_err() {
            // It is of no use; the error matters more.
            let _ = std::fs::remove_file(&partial);
        }
        outcome
    }
}

/// ffmpeg ended before it had all pictures; it says itself why.
const BROKEN: &str = "ffmpeg stopped reading";

fn start_ffmpeg(arguments: &[std::ffi::OsString]) -> Result<Child, Failure> {
    let started = Command::new("ffmpeg")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    started.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::failed(
            "videos are made by ffmpeg, which is not on PATH; install it (apt install ffmpeg, \
             brew install ffmpeg, winget install ffmpeg), or name a folder to get PNG files",
        ),
        _ => Failure::failed(format!("ffmpeg does not start: {error}")),
    })
}

fn joined(
    done: Option<Result<Result<u64, Failure>, tokio::task::JoinError>>,
) -> Result<u64, Failure> {
    done.map_or(Ok(0), |done| done.map_err(Failure::failed)?)
}
