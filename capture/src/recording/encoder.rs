//! The thread that compares, codes and hands over: off the path of the camera, at a lower priority.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use deskreel_format::{Absence, AbsenceKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::camera::Taken;
use super::control::State;
use super::presence::{Presence, PresenceFile};
use super::thread;
use crate::config::show_time;
use crate::core::recorder::Recorder;
use crate::core::screen::Screen;
use crate::core::sealed::Sealed;
use crate::core::storyboard::Board;

/// So many messages may wait. Of them one at most is a screenshot, see [`Encoder::place`].
const WAITING: usize = 2;
/// Screenshots between two looks for tiles whose lease is over.
const EXPIRE_EVERY: u64 = 360;

/// Takes finished segments: to disk first, then to the bucket.
pub trait Delivery: Send {
    /// Called before each screenshot, and before the last segment is sealed; may tell the recorder
    /// what it can no longer refer to.
    fn prepare(&mut self, recorder: &mut Recorder) {
        let _ = recorder;
    }

    /// Takes over a segment.
    fn deliver(&mut self, sealed: Sealed);

    /// Takes over a storyboard; whoever has no use for it lets it go.
    fn deliver_board(&mut self, board: Board) {
        drop(board);
    }
}

/// One screenshot for the encoder.
pub(super) struct Job {
    pub(super) taken: Taken,
    pub(super) idle: bool,
    pub(super) interval_ms: u32,
    /// Absences that ended with it.
    pub(super) absences: Vec<Absence>,
    /// Held until it is on the disk, or in the segment that grows.
    pub(super) place: Place,
}

/// The right to hand over a screenshot. There is one, so that a process that dies, by whatever cause,
/// never takes more than one screenshot with it.
pub(super) type Place = OwnedSemaphorePermit;

enum Message {
    Shoot(Job),
    /// Recording is interrupted: what is pending leaves; the absence that begins, if any.
    Pause(Option<(AbsenceKind, u64)>, u64),
}

/// A handle to the thread.
pub(super) struct Encoder {
    messages: SyncSender<Message>,
    places: Arc<Semaphore>,
    thread: JoinHandle<()>,
}

/// What the thread works with.
pub(super) struct Bench {
    pub(super) recorder: Recorder,
    /// What the recorder sees: brought up to date by what the camera saw change.
    pub(super) screen: Screen,
    pub(super) delivery: Box<dyn Delivery>,
    /// Milliseconds that one segment spans at least.
    pub(super) batch_ms: u64,
    pub(super) new_writer: fn() -> u32,
    pub(super) presence: PresenceFile,
    pub(super) state: watch::Sender<State>,
}

impl Encoder {
    pub(super) fn start(mut bench: Bench) -> std::io::Result<Self> {
        let (messages, received) = sync_channel(WAITING);
        let thread = thread::in_background("encoder", move || {
            let end = bench.presence.read().unwrap_or_default();
            let mut batch = Batch { end: Presence { absence: None, ..end }, ..Batch::default() };
            for message in received {
                match message {
                    Message::Shoot(job) => bench.shoot(job, &mut batch),
                    Message::Pause(absence, now_ms) => {
                        bench.seal(&mut batch);
                        bench.hand_over_boards(true);
                        bench.presence.note(&Presence { absence, alive_ms: now_ms, ..batch.end });
                    }
                }
            }
            bench.delivery.prepare(&mut bench.recorder);
            bench.seal(&mut batch);
            bench.hand_over_boards(true);
        })?;
        Ok(Self { messages, places: Arc::new(Semaphore::new(1)), thread })
    }

    /// The place for the next screenshot; `None` while the one before is being coded: then none
    /// should be taken.
    pub(super) fn place(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Hands over a screenshot; gives back the absences it was to tell of when the thread is too
    /// far behind.
    pub(super) fn shoot(&self, job: Job) -> Result<(), Vec<Absence>> {
        match self.messages.try_send(Message::Shoot(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Message::Shoot(job)))
            | Err(TrySendError::Disconnected(Message::Shoot(job))) => Err(job.absences),
            Err(_) => Ok(()),
        }
    }

    /// Lets pending screenshots leave, and notes on disk in which absence the recording is; false
    /// when the thread is too far behind.
    pub(super) fn pause(&self, absence: Option<(AbsenceKind, u64)>, now_ms: u64) -> bool {
        self.messages.try_send(Message::Pause(absence, now_ms)).is_ok()
    }

    /// Waits until everything is handed over; the recording ended in this absence.
    pub(super) fn finish(
        self,
        absence: Option<(AbsenceKind, u64)>,
        now_ms: u64,
    ) -> std::thread::Result<()> {
        if absence.is_some() {
            // A thread that panicked is told of by joining it.
            let _ = self.messages.send(Message::Pause(absence, now_ms));
        }
        drop(self.messages);
        self.thread.join()
    }
}

/// The segment being built.
#[derive(Debug, Default)]
struct Batch {
    start_ms: u64,
    last_ms: u64,
    end: Presence,
}

impl Bench {
    fn shoot(&mut self, job: Job, batch: &mut Batch) {
        // Given back at the end, however it ends.
        let _place = job.place;
        let time_ms = job.taken.time_ms;
        if time_ms <= batch.last_ms {
            tracing::warn!(
                now = %show_time(time_ms), last = %show_time(batch.last_ms),
                "the clock went back; recording goes on under a new writer"
            );
            self.seal(batch);
            self.recorder.change_writer((self.new_writer)());
        }
        // The machine slept with a segment unfinished, say.
        if self.recorder.is_over(time_ms) {
            self.seal(batch);
        }
        if self.recorder.interval() != job.interval_ms {
            self.seal(batch);
            self.recorder.set_interval(job.interval_ms);
        }
        self.delivery.prepare(&mut self.recorder);
        self.recorder.add_absences(job.absences);
        let applied = self.screen.apply(&job.taken.patch).map_err(|error| error.to_string());
        let shot = applied.and_then(|()| {
            let shot = self.recorder.shoot_screen(time_ms, &mut self.screen, job.idle);
            shot.map_err(|error| error.to_string())
        });
        match shot {
            Ok(shot) => tracing::debug!(?shot, "screenshot"),
            Err(error) => {
                tracing::warn!(%error, "screenshot refused");
                self.state.send_modify(|state| state.reason = Some(error));
                return;
            }
        }
        batch.last_ms = time_ms;
        if self.recorder.pending() == 1 {
            batch.start_ms = time_ms;
        }
        let interval_ms = job.interval_ms;
        batch.end = Presence { last_ms: time_ms, interval_ms, absence: None, alive_ms: time_ms };
        if time_ms.saturating_sub(batch.start_ms) >= self.batch_ms {
            self.seal(batch);
        }
        let taken = self.state.borrow().taken + 1;
        if taken.is_multiple_of(EXPIRE_EVERY) {
            self.recorder.expire(time_ms);
        }
        self.state.send_modify(|state| {
            state.taken = taken;
            state.last_good_ms = Some(time_ms);
            state.reason = None;
        });
    }

    /// The storyboards that are complete; with `last`, the one being made too.
    fn hand_over_boards(&mut self, last: bool) {
        match self.recorder.take_boards(last) {
            Ok(boards) => boards.into_iter().for_each(|board| self.delivery.deliver_board(board)),
            Err(error) => tracing::warn!(%error, "a storyboard is lost: it cannot be written"),
        }
    }

    fn seal(&mut self, batch: &mut Batch) {
        self.hand_over_boards(false);
        match self.recorder.seal() {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                self.delivery.deliver(sealed);
                self.presence.note(&batch.end);
            }
            Err(error) => tracing::error!(%error, "a segment is lost: it cannot be written"),
        }
    }
}
