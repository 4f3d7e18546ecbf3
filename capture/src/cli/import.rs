//! `deskreel import`: a folder of pictures becomes a stream.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use deskreel_format::Picture;
use deskreel_format::segment::MAX_SPAN_MS;
use tokio::sync::mpsc;

use super::common::{Failure, Place, Recording, new_writer, now_ms, print, progress};
use crate::begin::Agent;
use crate::config::{parse_duration, parse_time, show_time};
use crate::core::outbox::Room;
use crate::core::recorder::Recorder;
use crate::core::sealed::Sealed;
use crate::core::storyboard::Board;
use crate::location::Role;
use crate::lock::StreamLock;
use crate::outbox::{Outbox, Setup, Status};
use crate::reader::StreamReader;
use crate::source::Surface;

/// Imports a folder of PNG, WebP or JPEG screenshots as a stream
///
/// Files are taken in the order of their names, one interval apart. Moments that the stream already
/// has are left as they are, so an import that was interrupted is finished by running it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel import screenshots/ --stream desk
  deskreel import screenshots/ --stream desk --interval 5s --start 2026-11-23T09:00:00Z
  deskreel import screenshots/ --stream desk --store s3://bucket/team --endpoint http://127.0.0.1:9000

Without --start the last file gets the time at which it was last changed.")]
pub(crate) struct Args {
    /// Folder of pictures
    path: PathBuf,
    /// Time of the first picture: RFC 3339, or milliseconds since 1970
    #[arg(long)]
    start: Option<String>,
    /// How much time goes into one object: 0s (a screenshot each), or up to 5m for fewer, larger objects
    #[arg(long, default_value = "0s")]
    upload_every: String,
    /// How long to try again while the store does not answer
    #[arg(long, env = "DESKREEL_GIVE_UP_AFTER", default_value = "60s")]
    give_up_after: String,
    /// What to do with a picture that cannot be read
    #[arg(long, value_enum, default_value_t = OnError::Stop)]
    on_error: OnError,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    recording: Recording,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnError {
    /// Stop before it; what came before is stored.
    Stop,
    /// Leave its moment out, name it, go on (exit code 3).
    Skip,
}

const IN_FLIGHT: usize = 4;
/// How long the indexes of hours may take in the end.
const ROLL_PATIENCE: Duration = Duration::from_secs(30);
/// How long the last storyboards may take.
const BOARDS_PATIENCE: Duration = Duration::from_secs(10);
/// Segments that wait at most.
const WAITING: usize = 8;

/// One picture to import.
struct Item {
    time_ms: u64,
    path: PathBuf,
}

/// What the recording thread sends on.
enum Step {
    Upload(Sealed),
    Board(Board),
    Skipped(String),
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let settings = args.recording.settings()?;
    let batch_ms = match args.upload_every.as_str() {
        "0s" => 0,
        text => u64::from(parse_duration(text).map_err(Failure::usage)?),
    };
    if batch_ms > MAX_SPAN_MS / 2 {
        return Err(Failure::usage("--upload-every may be at most 5m"));
    }
    let patience = match args.give_up_after.as_str() {
        "0s" => Duration::ZERO,
        text => Duration::from_millis(parse_duration(text).map_err(Failure::usage)?.into()),
    };
    let files = pictures_in(&args.path)?;
    let start = match &args.start {
        Some(text) => parse_time(text).map_err(Failure::usage)?,
        None => start_by_last_change(&files, settings.interval_ms)?,
    };
    let _lock = StreamLock::take(&place.state).map_err(Failure::failed)?;
    let items: Vec<Item> = (0_u64..)
        .zip(files)
        .map(|(n, path)| Item { time_ms: start + n * u64::from(settings.interval_ms), path })
        .collect();
    let total = items.len();
    let agent = Agent {
        options: &place.store,
        stream: &place.stream,
        settings: &settings,
        state: &place.state,
        now_ms: start,
    };
    let reading = progress(0, "learning what the bucket has");
    let begun = agent
        .begin(patience, |done, of| {
            reading.set_length(of as u64);
            reading.set_position(done as u64);
        })
        .await?;
    reading.finish_and_clear();
    let store = match begun.store {
        Some(store) => store,
        None => place.open(Role::Upload).await?,
    };
    let reader = StreamReader::new(store.clone(), place.stream.clone());
    let begun = begun.start;
    let last = items.last().map_or(start, |item| item.time_ms);
    let there = moments_between(&reader, &begun.segments, start, last).await?;
    let items: Vec<Item> =
        items.into_iter().filter(|item| !there.contains(&item.time_ms)).collect();
    let (wanted, present) = (items.len(), total - items.len());
    let bar = progress(wanted as u64, "importing");
    let (decoded_in, decoded) = sync_channel(2);
    let (steps_in, mut steps) = mpsc::channel(3);
    let decoding = thread::spawn(move || decode_all(items, &decoded_in));
    let interval_ms = settings.interval_ms;
    let mut recorder = Recorder::new(settings, new_writer(), begun.known);
    if args.recording.storyboards {
        recorder.make_storyboards();
    }
    let on_error = args.on_error;
    let recording =
        thread::spawn(move || record_all(recorder, &decoded, &steps_in, batch_ms, on_error));
    // The pictures stay where they are: nothing needs a place on the disk besides.
    let outbox = Outbox::start(Setup {
        options: place.store.clone(),
        store: Some(store),
        stream: place.stream.clone(),
        spool: None,
        room: Room { disk_bytes: 0, memory_bytes: u64::MAX, in_flight: IN_FLIGHT },
        journal: begun.journal,
        daily: None,
        interval_ms,
        clock: now_ms,
        live: false,
        own: HashSet::new(),
    })?;
    let mut skipped = 0;
    let tell = |skipped: u64, status: &Status| {
        let (stored, bytes) = (status.arrived_moments as u64, status.arrived_bytes as f64);
        bar.set_position(stored + skipped);
        if stored > 0 {
            bar.set_message(format!("{:.1} KB each", bytes / stored as f64 / 1e3));
        }
    };
    while let Some(step) = steps.recv().await {
        match step {
            Step::Upload(sealed) => {
                outbox.deliver(sealed);
                outbox.wait_below(WAITING, patience, |status| tell(skipped, status)).await?;
            }
            Step::Board(board) => outbox.deliver_board(board),
            Step::Skipped(text) => {
                bar.println(format!("skipped: {text}"));
                if bar.is_hidden() {
                    eprintln!("skipped: {text}");
                }
                skipped += 1;
                bar.inc(1);
            }
        }
    }
    outbox.wait_below(1, patience, |status| tell(skipped, status)).await?;
    outbox.finish_boards(patience.max(BOARDS_PATIENCE)).await;
    if let Err(reason) = outbox.roll_rest(patience.max(ROLL_PATIENCE)).await {
        tracing::warn!(
            reason,
            "the indexes of hours are not written; see `deskreel admin reindex`"
        );
    }
    let (stored, bytes) = (outbox.status().arrived_moments, outbox.status().arrived_bytes);
    bar.finish_and_clear();
    let died = |_| Failure::failed("the import ended unexpectedly; run it again to finish it");
    recording.join().map_err(died)??;
    decoding.join().map_err(died)?;
    let again = if present > 0 { format!(", {present} were already there") } else { String::new() };
    let missing = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    print(&format!(
        "{stored} screenshots of stream '{}' stored in {:.1} MB{again}{missing}; {} to {}\n",
        place.stream,
        bytes as f64 / 1e6,
        show_time(start),
        show_time(last),
    ))?;
    Ok(if skipped > 0 { 3 } else { 0 })
}

/// The pictures of a folder, by name.
fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::failed(format!("cannot read the folder '{}': {error}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ["png", "webp", "jpg", "jpeg"].contains(&extension.to_ascii_lowercase().as_str()) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let text = format!("there is no PNG, WebP or JPEG file in '{}'", folder.display());
        return Err(Failure::failed(text));
    }
    Ok(files)
}

/// The start that gives the last file the time of the newest change in the folder: it depends only
/// on the files, so that running the import again means the same moments.
fn start_by_last_change(files: &[PathBuf], interval_ms: u32) -> Result<u64, Failure> {
    let mut newest_ms = 0;
    for path in files {
        let changed =
            std::fs::metadata(path).and_then(|meta| meta.modified()).map_err(|error| {
                Failure::failed(format!("cannot read the date of '{}': {error}", path.display()))
            })?;
        let since = changed.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        newest_ms = newest_ms.max(since.as_secs() * 1_000);
    }
    let span = (files.len() as u64 - 1) * u64::from(interval_ms);
    newest_ms.checked_sub(span).ok_or_else(|| {
        Failure::usage("the files are dated too early for their number; pass --start")
    })
}

/// The times of all moments that the stream has from `start` to `last`.
async fn moments_between(
    reader: &StreamReader,
    segments: &[crate::reader::Listed],
    start: u64,
    last: u64,
) -> Result<HashSet<u64>, Failure> {
    let near = |first: u64| first <= last && first.saturating_add(MAX_SPAN_MS) >= start;
    let near: Vec<_> = segments.iter().filter(|e| near(e.id.first_ms)).copied().collect();
    let manifests = reader.manifests(&near, || ()).await?;
    Ok(manifests.iter().flat_map(|s| &s.manifest.moments).map(|moment| moment.time_ms).collect())
}

/// Decodes ahead of the recorder, on its own core.
fn decode_all(items: Vec<Item>, out: &SyncSender<(Item, Result<Picture, String>)>) {
    for item in items {
        let picture = decode(&item.path);
        if out.send((item, picture)).is_err() {
            return; // the recorder stopped
        }
    }
}

fn decode(path: &Path) -> Result<Picture, String> {
    let named = |reason: String| format!("'{}': {reason}", path.display());
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(Picture::MAX_SIDE);
    limits.max_image_height = Some(Picture::MAX_SIDE);
    limits.max_alloc = Some(2 << 30);
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| named(error.to_string()))?;
    reader.limits(limits);
    let image = reader.decode().map_err(|error| named(error.to_string()))?;
    if image.color().bytes_per_pixel() / image.color().channel_count() > 1 {
        return Err(named("it has more than 8 bits a channel, which would be lost".into()));
    }
    if image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] != 255) {
        return Err(named("it has translucent pixels, which would be lost".into()));
    }
    let rgb = image.into_rgb8();
    let (width, height) = rgb.dimensions();
    Picture::new(width, height, rgb.into_raw()).map_err(|error| named(error.to_string()))
}

/// Records every picture and hands over each complete segment.
fn record_all(
    mut recorder: Recorder,
    pictures: &Receiver<(Item, Result<Picture, String>)>,
    out: &mpsc::Sender<Step>,
    batch_ms: u64,
    on_error: OnError,
) -> Result<(), Failure> {
    let mut batch_start = 0;
    let mut failure = None;
    for (item, picture) in pictures {
        if recorder.is_over(item.time_ms) && !seal(&mut recorder, out)? {
            return Ok(());
        }
        let shot = picture.and_then(|picture| {
            let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
            recorder
                .shoot(item.time_ms, vec![surface], false)
                .map_err(|error| format!("'{}': {error}", item.path.display()))
        });
        if let Err(text) = shot {
            if on_error == OnError::Stop {
                failure = Some(Failure::failed(format!(
                    "cannot import {text}; mend or remove it, or pass --on-error skip"
                )));
                break;
            }
            if out.blocking_send(Step::Skipped(text)).is_err() {
                return Ok(()); // the upload failed, and says so itself
            }
            continue;
        }
        if recorder.pending() == 1 {
            batch_start = item.time_ms;
        }
        if item.time_ms - batch_start >= batch_ms && !seal(&mut recorder, out)? {
            return Ok(());
        }
    }
    seal(&mut recorder, out)?;
    hand_over_boards(&mut recorder, out, true);
    failure.map_or(Ok(()), Err)
}

/// Hands over the storyboards that are complete; with `last`, the one being made too.
fn hand_over_boards(recorder: &mut Recorder, out: &mpsc::Sender<Step>, last: bool) {
    match recorder.take_boards(last) {
        // Where nobody takes it, the upload failed and says so itself.
        Ok(boards) => {
            for board in boards {
                let _ = out.blocking_send(Step::Board(board));
            }
        }
        Err(error) => tracing::warn!(%error, "a storyboard is lost: it cannot be written"),
    }
}

/// Hands over the segment being built; false when nobody takes it any more.
fn seal(recorder: &mut Recorder, out: &mpsc::Sender<Step>) -> Result<bool, Failure> {
    hand_over_boards(recorder, out, false);
    match recorder.seal()? {
        Some(sealed) => Ok(out.blocking_send(Step::Upload(sealed)).is_ok()),
        None => Ok(true),
    }
}
