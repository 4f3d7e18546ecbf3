//! `deskreel record`: the live screen becomes a stream.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deskreel_format::segment::MAX_SPAN_MS;

use super::common::{Failure, Place, Recording, Resolved, new_writer, now_ms, print, progress};
use crate::agent::AgentError;
use crate::begin::{Agent, Begun};
use crate::config::{parse_duration, parse_size};
use crate::core::exclusion::{Exclusions, Rule};
use crate::core::outbox::Room;
use crate::core::recorder::Recorder;
use crate::core::sampling::{Before, Pace};
use crate::lock::StreamLock;
use crate::outbox::{self, Outbox};
use crate::reader::StreamReader;
use crate::recording::{self, PresenceFile};
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
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    recording: Recording,
    /// X display [default: DISPLAY]
    #[arg(long, env = "DISPLAY")]
    display: Option<String>,
    /// Screenshots per object, as a length of time up to 5m: fewer, larger objects
    #[arg(long, default_value = "0s")]
    upload_every: String,
    /// Disk space for what waits while the store does not answer; then the oldest goes [default: 2GB]
    #[arg(long, env = "DESKREEL_SPOOL_BUDGET")]
    spool_budget: Option<String>,
    /// Photograph more slowly once mouse and keyboard have rested for so long (0s: never)
    #[arg(long, default_value = "5m", env = "DESKREEL_IDLE_AFTER")]
    idle_after: String,
    /// Time between screenshots then
    #[arg(long, default_value = "1m", env = "DESKREEL_IDLE_INTERVAL")]
    idle_interval: String,
    /// Hide windows before anything is stored, such as title=*private*, class=KeePassXC,
    /// app=signal-desktop or title=/regex/; may be given several times
    #[arg(long, value_name = "RULE", env = "DESKREEL_EXCLUDE", value_delimiter = '\n')]
    exclude: Vec<String>,
    /// Hide everything but such windows; may be given several times
    #[arg(long, value_name = "RULE", env = "DESKREEL_ONLY", value_delimiter = '\n')]
    only: Vec<String>,
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

fn rules(texts: &[String]) -> Result<Vec<Rule>, Failure> {
    texts.iter().map(|text| Rule::parse(text).map_err(Failure::usage)).collect()
}

/// How long a store may take to answer before recording begins without it.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last uploads may fail before they are left for the next run.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);
/// Segments that only the memory holds may take so much of it.
const MEMORY_BYTES: u64 = 64_000_000;
const DEFAULT_SPOOL_BYTES: u64 = 2_000_000_000;
const IN_FLIGHT: usize = 4;

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
    let budget = args.spool_budget.as_ref().or(place.file.spool_budget.as_ref());
    let budget = budget.map_or(Ok(DEFAULT_SPOOL_BYTES), |text| parse_size(text));
    let disk_bytes = budget.map_err(Failure::usage)?;
    let rules = Exclusions { exclude: rules(&args.exclude)?, only: rules(&args.only)? };
    let wanted = Wanted { display: args.display, rules };
    let source = open_source(wanted.clone()).await?;
    let _lock = StreamLock::take(&place.state).map_err(Failure::failed)?;
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
        interval_ms: settings.interval_ms,
        clock: now_ms,
        live: true,
        own: writers.all(),
    })?);
    let writer = new_writer();
    writers.add(writer);
    let recorder = Recorder::new(settings, writer, begun.start.known);
    let rival = Mutex::new(None);
    let stop = async {
        tokio::select! {
            () = stop_signal() => {}
            found = outbox.rival() => *rival.lock().unwrap_or_else(PoisonError::into_inner) = Some(found),
        }
    };
    let (control, ends) = recording::channels();
    eprintln!("recording stream '{}'; Ctrl-C stops", place.stream);
    let setup = recording::Setup {
        recorder,
        delivery: Box::new(outbox.clone()),
        pace,
        batch_ms,
        count: args.count,
        source,
        open: Box::new(move || open(&wanted)),
        state_folder: place.state.clone(),
        before,
        new_writer,
    };
    let taken = recording::run(setup, ends, stop).await.map_err(Failure::failed)?;
    drop(control);
    let flushed = flush(&outbox).await;
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
