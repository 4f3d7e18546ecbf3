//! `deskreel record`: the live screen becomes a stream.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskreel_format::segment::MAX_SPAN_MS;
use tokio::sync::Notify;

use super::common::{Failure, Place, Recording, new_writer, now_ms, print, progress};
use crate::agent::{self, AgentError, Uploader, acknowledged};
use crate::config::parse_duration;
use crate::core::recorder::Recorder;
use crate::core::sampling::{Before, Pace};
use crate::core::sealed::Sealed;
use crate::journal::Journal;
use crate::location::Role;
use crate::lock::StreamLock;
use crate::reader::{Listed, StreamReader};
use crate::recording::{self, Delivery, PresenceFile};
use crate::source::ScreenSource;
use crate::spool::Spool;

/// Records the live screen until it is stopped (Ctrl-C)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel record --stream desk --interval 10s
  deskreel record --stream desk --store s3://bucket/team --endpoint http://127.0.0.1:9000
  deskreel record --stream test --interval 1s --count 30 --display :99")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    recording: Recording,
    /// X display [default: DISPLAY]
    #[arg(long, env = "DISPLAY")]
    display: Option<String>,
    /// Screenshots per object, as a length of time: fewer, larger objects
    #[arg(long, default_value = "0s")]
    upload_every: String,
    /// Photograph more slowly once mouse and keyboard have rested for so long (0s: never)
    #[arg(long, default_value = "5m", env = "DESKREEL_IDLE_AFTER")]
    idle_after: String,
    /// Time between screenshots then
    #[arg(long, default_value = "1m", env = "DESKREEL_IDLE_INTERVAL")]
    idle_interval: String,
    /// Stop after so many screenshots
    #[arg(long)]
    count: Option<u64>,
}

impl Args {
    fn pace(&self, interval_ms: u32) -> Result<Pace, Failure> {
        let idle_after_ms = match self.idle_after.as_str() {
            "0s" | "0" => None,
            text => Some(parse_duration(text).map_err(Failure::usage)?.into()),
        };
        let idle_interval_ms = parse_duration(&self.idle_interval).map_err(Failure::usage)?;
        Ok(Pace { interval_ms, idle_after_ms, idle_interval_ms })
    }
}

/// Tells the uploader what is new.
struct Outbox {
    spool: Spool,
    sealed: std::sync::Mutex<std::collections::VecDeque<Sealed>>,
    news: Notify,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let settings = args.recording.settings(&place.file)?;
    let pace = args.pace(settings.interval_ms)?;
    let batch_ms = match args.upload_every.as_str() {
        "0s" => 0,
        text => u64::from(parse_duration(text).map_err(Failure::usage)?),
    };
    if batch_ms > MAX_SPAN_MS / 2 {
        return Err(Failure::usage("--upload-every may be at most 5m"));
    }
    let source = open_source(args.display.clone()).await?;
    let _lock = StreamLock::take(&place.state).map_err(Failure::failed)?;
    let spool_folder = place.state.join("spool");
    let state = |source| AgentError::State { path: spool_folder.clone(), source };
    let spool = Spool::open(&spool_folder).map_err(state)?;
    let store = place.open(Role::Upload).await?;
    let uploader = Uploader::new(store.clone(), place.stream.clone());
    for id in spool.waiting().map_err(state)? {
        uploader.upload_bytes(id, Bytes::from(spool.read(id).map_err(state)?)).await?;
        spool.remove(id).map_err(state)?;
    }
    let reader = StreamReader::new(store, place.stream.clone());
    let reading = progress(0, "learning what the bucket has");
    let begun = agent::start(&reader, &settings, &place.state, now_ms(), |done, of| {
        reading.set_length(of as u64);
        reading.set_position(done as u64);
    })
    .await?;
    reading.finish_and_clear();
    let outbox = Arc::new(Outbox { spool, sealed: Default::default(), news: Notify::new() });
    let uploads = tokio::spawn(upload_all(outbox.clone(), uploader, begun.journal));
    let recorder = Recorder::new(settings, new_writer(), begun.known);
    let before = last_run(&place.state, &reader, &begun.segments).await?;
    let (control, ends) = recording::channels();
    eprintln!("recording stream '{}'; Ctrl-C stops", place.stream);
    let setup = recording::Setup {
        recorder,
        delivery: Box::new(ToOutbox(outbox.clone())),
        pace,
        batch_ms,
        count: args.count,
        source,
        open: Box::new(move || open_display(args.display.as_deref())),
        state_folder: place.state.clone(),
        before,
        new_writer,
    };
    let taken = recording::run(setup, ends, stop_signal()).await.map_err(Failure::failed)?;
    drop(control);
    let waiting = flush(&outbox, uploads).await;
    print(&format!("{taken} screenshots of stream '{}' recorded\n", place.stream))?;
    if waiting > 0 {
        return Err(Failure::failed(format!(
            "{waiting} segments could not be uploaded and wait in '{}'; the next recording uploads them",
            spool_folder.display()
        )));
    }
    Ok(0)
}

/// What the run before left: as it noted itself, else by the newest segment of the bucket.
async fn last_run(
    folder: &Path,
    reader: &StreamReader,
    segments: &[Listed],
) -> Result<Option<Before>, Failure> {
    if let Some(noted) = PresenceFile::of(folder).read() {
        return Ok(noted.before());
    }
    let Some(newest) = segments.last() else { return Ok(None) };
    let manifest = reader.manifest(*newest).await?.manifest;
    let end_ms = manifest.moments.last().map(|last| last.time_ms + u64::from(manifest.interval_ms));
    Ok(end_ms.map(|end_ms| Before { end_ms, absence: None }))
}

/// Hands segments to the outbox.
struct ToOutbox(Arc<Outbox>);

impl Delivery for ToOutbox {
    fn deliver(&mut self, sealed: Sealed) {
        deliver(&self.0, sealed);
    }
}

/// To disk first, then to the uploader.
fn deliver(outbox: &Outbox, sealed: Sealed) {
    if let Err(error) = outbox.spool.add(sealed.id, &sealed.bytes) {
        // It is still in memory and will be uploaded; only a crash before that would lose it.
        tracing::warn!(%error, "the spool cannot be written; the screenshot is kept in memory");
    }
    let mut queue = outbox.sealed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    queue.push_back(sealed);
    outbox.news.notify_one();
}

/// Uploads in order, for ever; waits longer after each failure.
async fn upload_all(outbox: Arc<Outbox>, uploader: Uploader, mut journal: Journal) {
    let mut pause = Duration::from_secs(1);
    loop {
        let next = {
            let queue = outbox.sealed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            queue.front().cloned()
        };
        let Some(sealed) = next else {
            outbox.news.notified().await;
            continue;
        };
        if let Err(error) = uploader.upload(&sealed).await {
            tracing::warn!(%error, segment = %sealed.id, "upload failed; trying again in {pause:?}");
            let jitter = Duration::from_millis(rand::random_range(0..500));
            tokio::time::sleep(pause + jitter).await;
            pause = (pause * 2).min(Duration::from_secs(60));
            continue;
        }
        pause = Duration::from_secs(1);
        if let Err(error) = journal.append(&acknowledged(&sealed)) {
            tracing::warn!(%error, "the known-tile journal cannot be written; it will be rebuilt");
        }
        if let Err(error) = outbox.spool.remove(sealed.id)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, segment = %sealed.id, "an uploaded segment stays in the spool");
        }
        let mut queue = outbox.sealed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        queue.pop_front();
    }
}

/// Waits for the last uploads, but not for ever; returns how many segments still wait.
async fn flush(outbox: &Outbox, uploads: tokio::task::JoinHandle<()>) -> usize {
    let waiting = || outbox.sealed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    for _ in 0..600 {
        if waiting() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    uploads.abort();
    waiting()
}

async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

type Source = Box<dyn ScreenSource>;

async fn open_source(display: Option<String>) -> Result<Source, Failure> {
    let opened = tokio::task::spawn_blocking(move || open_display(display.as_deref())).await;
    Ok(opened.map_err(Failure::failed)??)
}

#[cfg(target_os = "linux")]
fn open_display(display: Option<&str>) -> Result<Source, crate::source::SourceError> {
    Ok(Box::new(crate::source::x11::X11Source::open(display)?))
}

#[cfg(not(target_os = "linux"))]
fn open_display(_: Option<&str>) -> Result<Source, crate::source::SourceError> {
    let reason = "this build records X11 only; import pictures instead".to_owned();
    Err(crate::source::SourceError::Unsupported { reason })
}
