//! The outbox at work: segments go to disk first, then to the bucket, whatever network, store and disk
//! do meanwhile. What to do is decided by [`core::outbox`](crate::core::outbox).

mod boards;
pub mod daily;
mod rolling;
mod uploading;
mod watching;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskreel_format::{Absence, SegmentId, StreamName};
use deskreel_store::ObjectStore;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::agent::AgentError;
use crate::core::known::PackTiles;
use crate::core::outbox::{Outbox as Queue, Parcel, Room, gaps};
use crate::core::recorder::Recorder;
use crate::core::sealed::Sealed;
use crate::core::storyboard::Board;
use crate::journal::{Journal, is_full};
use crate::location::StoreOptions;
use crate::recording::Delivery;
use crate::rival::Rival;
use crate::spool::Spool;

use self::boards::Boards;
use self::daily::{Daily, DailyFile};
use self::rolling::Rolling;
use self::uploading::{Way, run};

/// What an outbox works with.
#[derive(Debug)]
pub struct Setup {
    /// Which store; opened again and again until it answers, unless `store` is there.
    pub options: StoreOptions,
    /// The store, if it is open already.
    pub store: Option<Arc<dyn ObjectStore>>,
    /// Whose segments they are.
    pub stream: StreamName,
    /// Where they wait; without one, in memory alone.
    pub spool: Option<Spool>,
    /// How much may wait.
    pub room: Room,
    /// Remembers what arrived.
    pub journal: Journal,
    /// Where the day's bytes are noted; without one they are counted for this run alone.
    pub daily: Option<DailyFile>,
    /// Milliseconds between screenshots.
    pub interval_ms: u32,
    /// Tells the present, UTC milliseconds.
    pub clock: fn() -> u64,
    /// The present is recorded: what is too old to be seen is not stored, and hours end by the clock.
    pub live: bool,
    /// Writers of this agent's earlier runs.
    pub own: HashSet<u32>,
}

/// How an outbox does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Segments that wait.
    pub waiting: usize,
    /// Screenshots in them.
    pub waiting_moments: usize,
    /// Bytes of them.
    pub waiting_bytes: u64,
    /// Screenshots that arrived since the start.
    pub arrived_moments: usize,
    /// Bytes of those.
    pub arrived_bytes: u64,
    /// Bytes of segments that arrived since midnight UTC, in earlier runs too.
    pub today_bytes: u64,
    /// Time of the last moment that arrived, UTC milliseconds.
    pub last_arrived_ms: Option<u64>,
    /// When the store last acknowledged a segment, UTC milliseconds.
    pub last_upload_ms: Option<u64>,
    /// Screenshots given up since the start.
    pub given_up_moments: usize,
    /// What is wrong, and since when; `None` while all is well.
    pub trouble: Option<Trouble>,
}

/// Why nothing arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when nothing arrived.
    pub since: Instant,
    /// The last error.
    pub reason: String,
    /// Time alone may heal it.
    pub passing: bool,
}

/// The store did not take what waits.
#[derive(Debug, thiserror::Error)]
#[error("{moments} screenshots could not be stored{}: {reason}", tried(.seconds))]
pub struct GaveUp {
    /// Screenshots that wait.
    pub moments: usize,
    /// How long it was tried.
    pub seconds: u64,
    /// The last error.
    pub reason: String,
}

fn tried(seconds: &u64) -> String {
    if *seconds == 0 { String::new() } else { format!(" although tried for {seconds} s") }
}

/// A segment's bytes and what is known of it.
#[derive(Debug)]
struct Body {
    /// `None` when they lie in the spool.
    bytes: Option<Bytes>,
    /// `None` for one that an earlier run recorded.
    packs: Option<Vec<PackTiles>>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    bodies: HashMap<SegmentId, Body>,
    /// Absences that no segment tells of yet.
    gaps: Vec<Absence>,
    status: Status,
    daily: Daily,
    /// Writers of this run.
    run: HashSet<u32>,
    /// The spool could not be written, which was told.
    spool_failed: bool,
}

#[derive(Debug)]
struct Shared {
    stream: StreamName,
    spool: Option<Spool>,
    daily: Option<DailyFile>,
    interval_ms: u32,
    clock: fn() -> u64,
    live: bool,
    state: Mutex<State>,
    rolling: Mutex<Rolling>,
    boards: Mutex<Boards>,
    own: HashSet<u32>,
    /// Another agent that records the stream and was there before.
    rival: watch::Sender<Option<Rival>>,
    /// There is something to upload.
    news: Notify,
    /// Counts whatever changed.
    changes: watch::Sender<u64>,
}

/// A running outbox. Dropping it stops it; what waits in the spool stays there.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Outbox {
    /// Starts to upload what the spool holds and what will be delivered.
    ///
    /// # Errors
    /// [`AgentError::State`] when the spool cannot be read.
    pub fn start(setup: Setup) -> Result<Self, AgentError> {
        let mut queue = Queue::new(setup.room);
        let mut bodies = HashMap::new();
        let mut pending = Vec::new();
        let mut own = setup.own;
        if let Some(spool) = &setup.spool {
            let failed = |source| AgentError::State { path: spool.folder().to_owned(), source };
            let found = spool.parcels().map_err(failed)?;
            for damaged in &found.damaged {
                tracing::warn!(segment = %damaged.id, "a spooled segment is damaged and left out");
            }
            pending = spool.gaps();
            pending.extend(gaps(&found.damaged, setup.interval_ms));
            own.extend(found.parcels.iter().map(|parcel| parcel.id.writer));
            bodies.extend(found.parcels.iter().map(|p| (p.id, Body { bytes: None, packs: None })));
            queue.resume(found.parcels);
        }
        let state = State {
            queue,
            bodies,
            gaps: pending,
            status: Status::default(),
            daily: setup.daily.as_ref().map(DailyFile::read).unwrap_or_default(),
            run: HashSet::new(),
            spool_failed: false,
        };
        let shared = Arc::new(Shared {
            stream: setup.stream,
            spool: setup.spool,
            daily: setup.daily,
            interval_ms: setup.interval_ms,
            clock: setup.clock,
            live: setup.live,
            state: Mutex::new(state),
            rolling: Mutex::default(),
            boards: Mutex::default(),
            own,
            rival: watch::Sender::new(None),
            news: Notify::new(),
            changes: watch::Sender::new(0),
        });
        let way = Way { options: setup.options, store: setup.store };
        let task = tokio::spawn(run(shared.clone(), way, setup.journal));
        Ok(Self { shared, task })
    }

    /// To disk first, then to the uploader.
    pub fn deliver(&self, sealed: Sealed) {
        let shared = &self.shared;
        let on_disk = shared.spool_it(&sealed);
        let parcel = Parcel {
            id: sealed.id,
            bytes: sealed.bytes.len() as u64,
            moments: sealed.moments,
            last_ms: sealed.last_ms,
            refers: sealed.refers,
            on_disk,
        };
        let bytes = (!on_disk).then(|| Bytes::from(sealed.bytes));
        let mut state = shared.lock();
        state.run.insert(parcel.id.writer);
        state.bodies.insert(parcel.id, Body { bytes, packs: Some(sealed.packs) });
        let mut given_up: Vec<Parcel> = state.queue.add(parcel).into_iter().collect();
        given_up.extend(state.queue.make_room());
        shared.give_up(&mut state, given_up);
        let now_ms = shared.now_ms();
        for parcel in state.queue.expire(now_ms) {
            shared.forget(&mut state, parcel.id);
        }
        drop(state);
        shared.news.notify_one();
        shared.changed();
    }

    /// To the uploader; it is kept in memory alone.
    pub fn deliver_board(&self, board: Board) {
        self.shared.boards().add(board);
        self.shared.changed();
    }

    /// Waits until no storyboard waits, for at most `patience`; what waits longer is lost.
    pub async fn finish_boards(&self, patience: Duration) {
        let mut changes = self.shared.changes.subscribe();
        let uploaded = async {
            while !self.shared.boards().is_empty() {
                // The sender lives as long as this outbox does.
                let _ = changes.changed().await;
            }
        };
        if tokio::time::timeout(patience, uploaded).await.is_err() {
            tracing::warn!("the last storyboards could not be stored");
        }
    }

    /// How it does.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Waits until another agent turns out to record the stream that was there before.
    pub async fn rival(&self) -> Rival {
        let mut rival = self.shared.rival.subscribe();
        loop {
            let found = rival.borrow_and_update().clone();
            match found {
                Some(found) => return found,
                // The sender lives as long as this outbox does.
                None => drop(rival.changed().await),
            }
        }
    }

    /// Waits until fewer than `limit` segments wait. `tell` is called on every change.
    ///
    /// # Errors
    /// [`GaveUp`] when nothing arrived for `patience`, or when time cannot heal what is wrong.
    pub async fn wait_below(
        &self,
        limit: usize,
        patience: Duration,
        tell: impl Fn(&Status),
    ) -> Result<(), GaveUp> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let status = self.status();
            tell(&status);
            if status.waiting < limit {
                return Ok(());
            }
            let mut left = patience;
            if let Some(trouble) = status.trouble {
                let tried = trouble.since.elapsed();
                if !trouble.passing || tried >= patience {
                    let moments = status.waiting_moments;
                    let seconds = if trouble.passing { tried.as_secs() } else { 0 };
                    return Err(GaveUp { moments, seconds, reason: trouble.reason });
                }
                left -= tried;
            }
            // Either something changes, or patience may be over by then. The sender lives as long as
            // this outbox does.
            let _ = tokio::time::timeout(left, changes.changed()).await;
        }
    }
}

impl Outbox {
    /// Rolls the hours that are over and in which something arrived into indexes, for at most
    /// `patience`.
    ///
    /// # Errors
    /// What went wrong; segments are readable without indexes, and `deskreel admin reindex` writes
    /// them.
    pub async fn roll_rest(&self, patience: Duration) -> Result<(), String> {
        let shared = &self.shared;
        let mut changes = shared.changes.subscribe();
        shared.rolling().finish();
        shared.changed();
        let rolled = async {
            loop {
                if !shared.rolling().is_behind((shared.clock)()) {
                    return;
                }
                // The sender lives as long as this outbox does.
                let _ = changes.changed().await;
            }
        };
        let late = tokio::time::timeout(patience, rolled).await.is_err();
        if !late {
            return Ok(());
        }
        Err(shared.rolling().trouble.clone().unwrap_or_else(|| "it takes too long".to_owned()))
    }
}

/// Whoever records hands segments to the outbox, and refers to what it says.
impl Delivery for Arc<Outbox> {
    /// Between two segments the recorder is given the gaps that nothing told of yet; and where the
    /// outbox needs a cut, it forgets what has not arrived.
    fn prepare(&mut self, recorder: &mut Recorder) {
        if recorder.pending() > 0 {
            return;
        }
        let mut state = self.shared.lock();
        recorder.add_absences(std::mem::take(&mut state.gaps));
        if state.queue.wants_cut() {
            recorder.forget_segments(|id| state.queue.waits(id));
            state.queue.begin_cut();
            let given_up = state.queue.make_room();
            self.shared.give_up(&mut state, given_up);
        }
    }

    fn deliver(&mut self, sealed: Sealed) {
        Outbox::deliver(self, sealed);
    }

    fn deliver_board(&mut self, board: Board) {
        Outbox::deliver_board(self, board);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present by which segments are too old; long ago when none is.
    fn now_ms(&self) -> u64 {
        if self.live { (self.clock)() } else { 0 }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn status(&self) -> Status {
        let state = self.lock();
        let mut status = state.status.clone();
        status.waiting = state.queue.waiting().len();
        status.waiting_moments = state.queue.waiting().map(|parcel| parcel.moments).sum();
        status.today_bytes = state.daily.bytes((self.clock)());
        status.waiting_bytes = state.queue.waiting().map(|parcel| parcel.bytes).sum();
        status
    }

    /// Writes a segment to the spool. What does not fit, or fails otherwise, stays in memory; once that
    /// is used up too, a full disk makes room from the old end.
    fn spool_it(&self, sealed: &Sealed) -> bool {
        let Some(spool) = &self.spool else { return false };
        loop {
            let Err(error) = spool.add(sealed.id, &sealed.bytes) else {
                // What told of the gaps is safe.
                let mut state = self.lock();
                state.spool_failed = false;
                if let Err(error) = spool.write_gaps(&state.gaps) {
                    tracing::warn!(%error, "the list of gaps in the spool cannot be written");
                }
                return true;
            };
            let mut state = self.lock();
            let fits = state.queue.fits_memory(sealed.bytes.len() as u64);
            let must_give_up = is_full(&error) && !fits;
            let given_up = if must_give_up { state.queue.give_up_oldest() } else { Vec::new() };
            if given_up.is_empty() {
                // It will be uploaded all the same; only a crash before that would lose it.
                if !std::mem::replace(&mut state.spool_failed, true) {
                    tracing::warn!(%error, "the spool cannot be written; segments wait in memory");
                }
                return false;
            }
            self.give_up(&mut state, given_up);
        }
    }

    /// Notes the gaps, then deletes.
    fn give_up(&self, state: &mut State, given_up: Vec<Parcel>) {
        if given_up.is_empty() {
            return;
        }
        let moments: usize = given_up.iter().map(|parcel| parcel.moments).sum();
        let new = gaps(&given_up, self.interval_ms);
        for gap in &new {
            let (from, to) =
                (crate::config::show_time(gap.from_ms), crate::config::show_time(gap.to_ms));
            tracing::warn!(
                "{moments} screenshots given up that could not be stored: {from} to {to}"
            );
        }
        state.gaps.extend(new);
        state.status.given_up_moments += moments;
        if let Some(spool) = &self.spool
            && let Err(error) = spool.write_gaps(&state.gaps)
        {
            tracing::warn!(%error, "the list of gaps in the spool cannot be written");
        }
        given_up.iter().for_each(|parcel| self.forget(state, parcel.id));
    }

    fn forget(&self, state: &mut State, id: SegmentId) {
        state.bodies.remove(&id);
        if let Some(spool) = &self.spool
            && let Err(error) = spool.remove(id)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, segment = %id, "a segment that is done with stays in the spool");
        }
    }

    fn trouble(&self, state: &mut State, reason: String, passing: bool) {
        let since = state.status.trouble.as_ref().map_or_else(Instant::now, |t| t.since);
        state.status.trouble = Some(Trouble { since, reason, passing });
    }
}
