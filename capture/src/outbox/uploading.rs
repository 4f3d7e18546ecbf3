//! The part of the outbox that talks to the store: uploads for ever, whatever comes of it.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskreel_format::{Limits, SegmentHeader, SegmentId};
use deskreel_store::{ObjectStore, StoreError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{Shared, boards, rolling, watching};
use crate::agent::Uploader;
use crate::core::outbox::{Turn, backoff};
use crate::journal::{Journal, KnownSegment};
use crate::location::{LocationError, Role, StoreOptions};
use crate::reader::{ReadError, StreamReader};
use deskreel_upkeep::survey::StreamObjects;

/// How to get at the store.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) options: StoreOptions,
    pub(super) store: Option<Arc<dyn ObjectStore>>,
}

/// Why one upload did not succeed.
enum Setback {
    /// The spool does not give the bytes.
    Unreadable(io::Error),
    /// The store did not take them.
    Store(StoreError),
}

impl Setback {
    /// Whether no later attempt can succeed.
    fn is_final(&self) -> bool {
        match self {
            Self::Unreadable(_) => true,
            Self::Store(error) => {
                matches!(error, StoreError::AlreadyExists { .. } | StoreError::InvalidKey { .. })
            }
        }
    }
}

impl std::fmt::Display for Setback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "its file in the spool cannot be read: {error}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

/// Uploads for ever.
pub(super) async fn run(shared: Arc<Shared>, way: Way, mut journal: Journal) {
    let store = match way.store {
        Some(store) => store,
        None => enter(&shared, &way.options).await,
    };
    check_resumed(&shared, &store).await;
    let objects = StreamObjects::new(store.clone(), shared.stream.clone());
    let boards = boards::run(&shared, store.clone());
    let uploader = Uploader::new(store, shared.stream.clone());
    let uploads = upload(&shared, &uploader, &mut journal);
    let watching = async {
        if shared.live {
            watching::run(&shared, objects.clone()).await;
        }
    };
    tokio::join!(uploads, rolling::run(&shared, objects.clone(), shared.live), watching, boards);
}

async fn upload(shared: &Shared, uploader: &Uploader, journal: &mut Journal) {
    let began = Instant::now();
    let now = || began.elapsed().as_millis() as u64;
    let mut flights = FuturesUnordered::new();
    loop {
        let turn = {
            let mut state = shared.lock();
            let turn = state.queue.turn(now());
            if let Turn::Upload(id) = turn {
                state.queue.begin(id);
                let bytes = state.bodies.get(&id).and_then(|body| body.bytes.clone());
                flights.push(fly(shared, uploader, id, bytes));
            }
            turn
        };
        let pause = match turn {
            Turn::Upload(_) => continue,
            Turn::Wait(until) => Duration::from_millis(until.saturating_sub(now())),
            Turn::Idle => Duration::MAX,
        };
        tokio::select! {
            Some((id, outcome)) = flights.next() => settle(shared, journal, id, outcome, now()),
            () = shared.news.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

async fn sleep(pause: Duration) {
    if pause == Duration::MAX {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(pause).await;
}

/// Opens the store, however long it takes.
async fn enter(shared: &Shared, options: &StoreOptions) -> Arc<dyn ObjectStore> {
    let open = || options.open(&shared.stream, Role::Upload);
    persist(shared, "the store cannot be opened yet", LocationError::is_passing, open).await
}

/// Compares what was resumed with the bucket, however long it takes.
async fn check_resumed(shared: &Shared, store: &Arc<dyn ObjectStore>) {
    if shared.lock().queue.waiting().len() == 0 {
        return;
    }
    let reader = StreamReader::new(store.clone(), shared.stream.clone());
    let list = || reader.segments(0);
    let listed =
        persist(shared, "the store cannot be listed yet", ReadError::is_passing, list).await;
    let there: HashSet<SegmentId> = listed.iter().map(|entry| entry.id).collect();
    let mut state = shared.lock();
    let dropped = state.queue.check(shared.now_ms(), |id| there.contains(id));
    shared.give_up(&mut state, dropped.lost);
    dropped.expired.iter().for_each(|parcel| shared.forget(&mut state, parcel.id));
    drop(state);
    shared.changed();
}

/// Tries until it succeeds, with growing pauses.
async fn persist<T, E, F>(
    shared: &Shared,
    what: &str,
    passing: impl Fn(&E) -> bool,
    mut attempt: impl FnMut() -> F,
) -> T
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let mut failures = 0;
    loop {
        let error = match attempt().await {
            Ok(value) => {
                shared.lock().status.trouble = None;
                shared.changed();
                return value;
            }
            Err(error) => error,
        };
        let pause = Duration::from_millis(backoff(failures, rand::random()));
        tracing::warn!(%error, "{what}; trying again in {pause:.1?}");
        failures += 1;
        shared.trouble(&mut shared.lock(), error.to_string(), passing(&error));
        shared.changed();
        tokio::time::sleep(pause).await;
    }
}

/// Uploads one segment.
async fn fly(
    shared: &Shared,
    uploader: &Uploader,
    id: SegmentId,
    bytes: Option<Bytes>,
) -> (SegmentId, Result<Option<Bytes>, Setback>) {
    let bytes = match (bytes, &shared.spool) {
        (Some(bytes), _) => Ok(bytes),
        (None, Some(spool)) => spool.read(id).map(Bytes::from),
        (None, None) => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let outcome = match bytes {
        Ok(bytes) => {
            let head = head(&bytes);
            uploader.upload_bytes(id, bytes).await.map(|()| head).map_err(Setback::Store)
        }
        Err(error) => Err(Setback::Unreadable(error)),
    };
    (id, outcome)
}

/// The part of a segment that its hour's index is made of. A copy: the packs need not be kept.
fn head(bytes: &Bytes) -> Option<Bytes> {
    let header = SegmentHeader::decode(bytes, &Limits::default()).ok()?;
    bytes.get(..header.manifest_end as usize).map(Bytes::copy_from_slice)
}

/// What an upload came to.
fn settle(
    shared: &Shared,
    journal: &mut Journal,
    id: SegmentId,
    outcome: Result<Option<Bytes>, Setback>,
    now: u64,
) {
    let mut state = shared.lock();
    match outcome {
        Ok(head) => {
            state.status.trouble = None;
            let now_ms = (shared.clock)();
            state.status.last_upload_ms = Some(now_ms);
            let packs = state.bodies.remove(&id).and_then(|body| body.packs);
            if let Some(parcel) = state.queue.arrived(id) {
                state.status.arrived_moments += parcel.moments;
                state.status.arrived_bytes += parcel.bytes;
                // Noted before the spool forgets it: a kill in between loses nothing.
                state.daily.arrived(now_ms, id, parcel.bytes);
                if let Some(file) = &shared.daily {
                    file.write(&state.daily);
                }
                state.status.last_arrived_ms =
                    state.status.last_arrived_ms.max(Some(parcel.last_ms));
                shared.rolling().arrived(&parcel, head);
            }
            if let Some(packs) = packs {
                journal.append(&KnownSegment { id, packs });
            }
            shared.forget(&mut state, id);
        }
        Err(setback) if setback.is_final() => {
            tracing::error!(error = %setback, segment = %id, "a segment can never be uploaded");
            let lost = state.queue.lose(id);
            shared.give_up(&mut state, lost);
        }
        Err(setback) => {
            let pause = Duration::from_millis(state.queue.failed(id, now, rand::random()));
            tracing::warn!(error = %setback, segment = %id, "upload failed; trying again in {pause:.1?}");
            let passing = matches!(&setback, Setback::Store(error) if error.is_retryable());
            shared.trouble(&mut state, setback.to_string(), passing);
        }
    }
    drop(state);
    shared.changed();
}
