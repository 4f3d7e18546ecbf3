//! `deskreel record`: the live screen becomes a stream.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::capturing::Capturing;
use super::common::{Failure, Place, Recording, Resolved, new_writer, now_ms, print, progress};
use crate::agent::AgentError;
use crate::begin::{Agent, Begun};
use crate::config::show_time;
use crate::control::pause::{Pause, PauseFile};
use crate::control::{self, Host, Serving, address};
use crate::core::outbox::Room;
use crate::core::recorder::Recorder;
use crate::core::sampling::Before;
use crate::lock::StreamLock;
use crate::outbox::daily::DailyFile;
use crate::outbox::{self, Outbox};
use crate::reader::StreamReader;
use crate::recording::{self, Command, PresenceFile};
use crate::rival::{self, Writers};
use crate::source::ScreenSource;
use crate::source::open::{Wanted, open};
use crate::spool::Spool;

/// Records the live screen until it is stopped (Ctrl-C)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel record --stream desk --interval 10s
  deskreel record --stream desk --store s3://bucket/team --endpoint http://127.0.0.1:9000
  deskreel record --stream desk --exclude 'title=*private*' --exclude class=KeePassXC
  deskreel record --stream test --interval 1s --count 30 --display :99")]
pub(crate) struct Args {
    /// X display [default: in a Wayland session its portal, else DISPLAY]
    #[arg(long)]
    display: Option<String>,
    /// Stop after so many screenshots
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    capturing: Capturing,
}

impl Args {
    /// The log that is asked for: what goes to the terminal, and a file.
    pub(super) fn log(&self) -> (Option<&str>, Option<&std::path::Path>) {
        (Some(&self.capturing.log_level), self.capturing.log_file.as_deref())
    }
}

/// How long a store may take to answer before recording begins without it.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last uploads may fail before they are left for the next run.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);
/// Segments that only the memory holds may take so much of it.
const MEMORY_BYTES: u64 = 64_000_000;
const IN_FLIGHT: usize = 4;
/// How long the last storyboard may take in the end.
const BOARDS_PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place.resolve()?;
    let settings = args.recording.settings()?;
    let Capturing { upload_every, spool_budget: disk_bytes, .. } = args.capturing;
    let pace = args.capturing.pace(settings.interval_ms);
    let rules = args.capturing.rules();
    let wanted = Wanted {
        display: args.display,
        state: Some(place.state.clone()),
        rules,
        ..Wanted::default()
    };
    // Before the person is asked to share the screen, which would be in vain.
    let _lock = StreamLock::take(&place.state).map_err(Failure::failed)?;
    let source = open_source(wanted.clone()).await?;
    let (control, ends) = recording::channels();
    let outbox_slot = Arc::new(OnceLock::new());
    let _serving = serve(&place, settings.interval_ms, &control, &outbox_slot).await;
    let spool_folder = place.state.join("spool");
    let state = |source| AgentError::State { path: spool_folder.clone(), source };
    let spool = Spool::open(&spool_folder).map_err(state)?;
    let agent = Agent {
        options: &place.store,
        stream: &place.stream,
        settings: &settings,
        state: &place.state,
        now_ms: now_ms(),
    };
    let reading = progress(0, "learning what the bucket has");
    let begun = agent
        .begin_anyway(START_PATIENCE, |done, of| {
            reading.set_length(of as u64);
            reading.set_position(done as u64);
        })
        .await?;
    reading.finish_and_clear();
    let mut writers = Writers::of(&place.state);
    if let Some(store) = &begun.store {
        let reader = StreamReader::new(store.clone(), place.stream.clone());
        let (segments, own) = (&begun.start.segments, writers.all());
        let tell = |wait: Duration| {
            eprintln!(
                "another agent stored a screenshot of '{}' a moment ago; looking for {wait:.0?} \
                 whether it still records",
                place.stream
            );
        };
        let rival = rival::at_start(&reader, &place.stream, segments, &own, now_ms(), tell).await?;
        if let Some(rival) = rival {
            return Err(Failure::failed(rival));
        }
    }
    let before = last_run(&place, &begun).await?;
    let outbox = Arc::new(Outbox::start(outbox::Setup {
        options: place.store.clone(),
        store: begun.store,
        stream: place.stream.clone(),
        spool: Some(spool),
        room: Room { disk_bytes, memory_bytes: MEMORY_BYTES, in_flight: IN_FLIGHT },
        journal: begun.start.journal,
        daily: Some(DailyFile::of(&place.state)),
        interval_ms: settings.interval_ms,
        clock: now_ms,
        live: true,
        own: writers.all(),
    })?);
    // Only this sets it.
    let _ = outbox_slot.set(outbox.clone());
    let writer = new_writer();
    writers.add(writer);
    let mut recorder = Recorder::new(settings, writer, begun.start.known);
    if args.recording.storyboards {
        recorder.make_storyboards();
    }
    let rival = Mutex::new(None);
    let stop = async {
        tokio::select! {
            () = stop_signal() => {}
            found = outbox.rival() => *rival.lock().unwrap_or_else(PoisonError::into_inner) = Some(found),
        }
    };
    eprintln!("recording stream '{}'; Ctrl-C stops", place.stream);
    let setup = recording::Setup {
        recorder,
        delivery: Box::new(outbox.clone()),
        pace,
        batch_ms: upload_every.into(),
        count: args.count,
        source,
        open: Box::new(move || open(&wanted)),
        state_folder: place.state.clone(),
        before,
        new_writer,
    };
    let taken = recording::run(setup, ends, stop).await.map_err(Failure::failed)?;
    let flushed = flush(&outbox).await;
    if flushed.is_ok() {
        outbox.finish_boards(BOARDS_PATIENCE).await;
    }
    print(&format!("{taken} screenshots of stream '{}' recorded\n", place.stream))?;
    let rival = rival.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(rival) = rival {
        return Err(Failure::failed(rival));
    }
    if let Err(reason) = flushed {
        let waiting = outbox.status().waiting;
        return Err(Failure::failed(format!(
            "{waiting} segments could not be uploaded ({reason}) and wait in '{}'; the next recording uploads them",
            spool_folder.display()
        )));
    }
    Ok(0)
}

/// Opens the control socket, and obeys a pause that an earlier run was told. A recording that cannot be
/// controlled is better than none.
async fn serve(
    place: &Resolved,
    interval_ms: u32,
    control: &recording::Control,
    outbox: &Arc<OnceLock<Arc<Outbox>>>,
) -> Option<Serving> {
    let pause = PauseFile::of(&place.state);
    if let Some(Pause { until_ms }) = pause.read(now_ms()) {
        let until = until_ms.map_or(String::new(), |until| format!(" until {}", show_time(until)));
        eprintln!("paused{until}, as it was told before; `deskreel resume` goes on");
        // Nobody else has put anything into the queue yet.
        let _ = control.commands.send(Command::Pause { until_ms }).await;
    }
    let host = Host {
        stream: place.stream.to_string(),
        store: place.store.address().to_owned(),
        interval_ms,
        started_ms: now_ms(),
        control: control.clone(),
        outbox: outbox.clone(),
        pause,
        daily: DailyFile::of(&place.state),
        clock: now_ms,
    };
    let served = control::serve(&address::candidates(&place.state), host);
    served
        .inspect_err(|error| {
            tracing::warn!(%error, "no control socket: `deskreel status` and `pause` will not reach this");
        })
        .ok()
}

/// What the run before left: as it noted itself, else by the newest segment of the bucket.
async fn last_run(place: &Resolved, begun: &Begun) -> Result<Option<Before>, Failure> {
    if let Some(noted) = PresenceFile::of(&place.state).read() {
        return Ok(noted.before());
    }
    let (Some(store), Some(newest)) = (&begun.store, begun.start.segments.last()) else {
        return Ok(None);
    };
    let reader = StreamReader::new(store.clone(), place.stream.clone());
    let manifest = reader.manifest(*newest).await?.manifest;
    let end_ms = manifest.moments.last().map(|last| last.time_ms + u64::from(manifest.interval_ms));
    Ok(end_ms.map(|end_ms| Before { end_ms, absence: None }))
}

/// Waits for the last uploads, but not for ever, and not after a second Ctrl-C.
async fn flush(outbox: &Outbox) -> Result<(), String> {
    let total = outbox.status().waiting;
    let bar = progress(total as u64, "uploading the last screenshots");
    if total > 0 && bar.is_hidden() {
        eprintln!("uploading {total} waiting segments; stop again to leave them on the disk");
    }
    let flushing = outbox.wait_below(1, FLUSH_PATIENCE, |status| {
        bar.set_position(total.saturating_sub(status.waiting) as u64);
    });
    let outcome = tokio::select! {
        flushed = flushing => flushed.map_err(|error| error.reason),
        () = stop_signal() => Err("stopped".to_owned()),
    };
    bar.finish_and_clear();
    outcome
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

async fn open_source(wanted: Wanted) -> Result<Box<dyn ScreenSource>, Failure> {
    let opened = tokio::task::spawn_blocking(move || open(&wanted)).await;
    Ok(opened.map_err(Failure::failed)??)
}
