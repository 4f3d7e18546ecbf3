//! The recording loop: wires the scheduler, the camera, the encoder and whoever controls them.
//!
//! All decisions are in [`crate::core::sampling`]; this is the shell that asks the clocks, waits,
//! and carries messages. The camera and the encoder are threads of their own, so that neither a
//! display that hangs nor a slow codec keeps the loop from answering.

mod camera;
mod clock;
mod control;
mod encoder;
mod presence;
#[cfg(target_os = "linux")]
mod session;
mod thread;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use deskreel_format::{Absence, AbsenceKind};
use tokio::sync::oneshot;

pub use camera::OpenSource;
pub use control::{Command, Control, Ends, Mode, State, channels};
pub use encoder::Delivery;
pub use presence::{Presence, PresenceFile};

use crate::config::show_time;
use crate::core::recorder::Recorder;
use crate::core::sampling::{Before, Input, Next, Now, Pace, Plan, Sampler};
use crate::core::screen::Screen;
use crate::source::{ScreenSource, SourceError};
use camera::{Camera, Taken};
use encoder::{Bench, Encoder, Job, Place};

/// While the encoder works on the screenshot before, one that is due waits, and looks so often.
const ENCODER_WAIT: Duration = Duration::from_millis(50);
/// While the display is asked, its silence is measured so often.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// In an absence the state on disk is refreshed so often.
const NOTE_EVERY_MS: u64 = 30_000;

/// Everything a recording needs.
pub struct Setup {
    /// What is recorded into.
    pub recorder: Recorder,
    /// Where finished segments go.
    pub delivery: Box<dyn Delivery>,
    /// How often.
    pub pace: Pace,
    /// Milliseconds that one segment spans at least; 0: one screenshot each.
    pub batch_ms: u64,
    /// Stop after so many screenshots.
    pub count: Option<u64>,
    /// The open screen.
    pub source: Box<dyn ScreenSource>,
    /// Opens the screen again after it was lost.
    pub open: OpenSource,
    /// Folder of what the agent remembers of the stream.
    pub state_folder: PathBuf,
    /// What an earlier run left.
    pub before: Option<Before>,
    /// Draws the id of another writer.
    pub new_writer: fn() -> u32,
}

/// Why a recording could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// No thread to be had.
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The encoder is gone.
    #[error("the encoder ended unexpectedly; see the log")]
    Encoder,
}

/// Records until it is told to stop, `stop` resolves, or `count` screenshots are taken. What is
/// pending is sealed and delivered before it returns. Returns how many screenshots were stored.
///
/// # Errors
/// [`RecordingError`].
pub async fn run(
    setup: Setup,
    ends: Ends,
    stop: impl Future<Output = ()>,
) -> Result<u64, RecordingError> {
    let Ends { mut commands, state } = ends;
    let sampler = Sampler::new(setup.pace, clock::now(), setup.before);
    let camera = Camera::start(setup.source, setup.open, || clock::now().wall_ms)?;
    let encoder = Encoder::start(Bench {
        recorder: setup.recorder,
        screen: Screen::default(),
        delivery: setup.delivery,
        batch_ms: setup.batch_ms,
        new_writer: setup.new_writer,
        presence: PresenceFile::of(&setup.state_folder),
        state: state.clone(),
    })?;
    let (tell, mut session) = tokio::sync::mpsc::channel(16);
    #[cfg(target_os = "linux")]
    let watching = tokio::spawn(session::watch(tell));
    #[cfg(not(target_os = "linux"))]
    drop(tell);
    let mut stop = std::pin::pin!(stop);
    let mut work = Loop {
        sampler,
        camera,
        encoder,
        doing: Doing::Nothing,
        untold: Vec::new(),
        noted: None,
        handed: 0,
        lost_track: false,
        trouble: None,
        state,
    };
    // Whoever holds no control any more has nothing more to say.
    let mut listening = true;
    while setup.count.is_none_or(|count| work.handed < count) {
        let wait = work.advance();
        work.tell();
        tokio::select! {
            biased;
            () = &mut stop => break,
            command = commands.recv(), if listening => match command {
                Some(Command::Stop) => break,
                Some(Command::Pause { until_ms }) => work.handle(Input::Pause { until_ms }),
                Some(Command::Resume) => work.handle(Input::Resume),
                None => listening = false,
            },
            Some(input) = session.recv() => work.handle(input),
            () = work.doing.done() => work.collect(),
            () = tokio::time::sleep(wait) => {}
        }
    }
    #[cfg(target_os = "linux")]
    watching.abort();
    let Loop { encoder, state, sampler, .. } = work;
    let absence = sampler.absence().filter(|(kind, _)| *kind != AbsenceKind::NotRunning);
    let now_ms = clock::now().wall_ms;
    let finishing = tokio::task::spawn_blocking(move || encoder.finish(absence, now_ms));
    let finished = finishing.await.map_err(|_| RecordingError::Encoder)?;
    finished.map_err(|_| RecordingError::Encoder)?;
    state.send_modify(|state| {
        (state.mode, state.next_ms) = (Mode::Stopped, None);
    });
    let taken = state.borrow().taken;
    Ok(taken)
}

/// What the camera was asked.
enum Doing {
    Nothing,
    Asking(oneshot::Receiver<Option<u64>>, Option<Option<u64>>),
    Shooting {
        answer: oneshot::Receiver<Result<Taken, SourceError>>,
        got: Option<Option<Result<Taken, SourceError>>>,
        idle: bool,
        interval_ms: u32,
        place: Place,
    },
}

impl Doing {
    /// Waits for the camera's answer, which is kept for [`Loop::collect`].
    async fn done(&mut self) {
        match self {
            Self::Nothing => std::future::pending().await,
            Self::Asking(answer, got) => *got = Some(answer.await.unwrap_or_default()),
            Self::Shooting { answer, got, .. } => *got = Some(answer.await.ok()),
        }
    }
}

struct Loop {
    sampler: Sampler,
    camera: Camera,
    encoder: Encoder,
    doing: Doing,
    /// Absences that no segment tells of yet.
    untold: Vec<Absence>,
    /// The absence that is noted on disk, and when that was done.
    noted: Option<(AbsenceKind, u64)>,
    handed: u64,
    /// The encoder did not get what the camera saw: it needs all of the screen.
    lost_track: bool,
    trouble: Option<String>,
    state: tokio::sync::watch::Sender<State>,
}

impl Loop {
    /// Does what is due; gives the time until something is.
    fn advance(&mut self) -> Duration {
        let now = clock::now();
        let next = self.sampler.next(now);
        let jump = self.sampler.take_jump();
        if jump != 0 {
            tracing::warn!(now = %show_time(now.wall_ms), "the clock jumped by {jump} ms");
        }
        self.listen();
        self.note(now);
        match next {
            Next::Wait(ms) if matches!(self.doing, Doing::Nothing) => Duration::from_millis(ms),
            Next::Look if matches!(self.doing, Doing::Nothing) => {
                if self.encoder.place().is_none() {
                    return ENCODER_WAIT;
                }
                self.doing = Doing::Asking(self.camera.idle(), None);
                self.sampler.handle(now, Input::Asked);
                ANSWER_WAIT
            }
            // The answer wakes the loop; a display that hangs must not keep it spinning.
            Next::Wait(_) | Next::Look => ANSWER_WAIT,
        }
    }

    /// Says when the display hangs.
    fn listen(&mut self) {
        let Some(since_ms) = self.sampler.hung_since() else { return };
        let text = format!(
            "the display has not answered since {}; recording goes on when it does",
            show_time(since_ms)
        );
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!("{text}");
            self.trouble = Some(text);
        }
    }

    fn handle(&mut self, input: Input) {
        self.sampler.handle(clock::now(), input);
    }

    /// Takes the camera's answer.
    fn collect(&mut self) {
        let now = clock::now();
        self.sampler.handle(now, Input::Answered);
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => {}
            Doing::Asking(_, idle_ms) => {
                if let Plan::Shoot { idle, interval_ms } = self.sampler.plan(now, idle_ms.flatten())
                    && self.sampler.blocked().is_none()
                    && let Some(place) = self.encoder.place()
                {
                    let answer = self.camera.shoot(std::mem::take(&mut self.lost_track));
                    self.sampler.handle(now, Input::Asked);
                    self.doing = Doing::Shooting { answer, got: None, idle, interval_ms, place };
                }
            }
            Doing::Shooting { got, idle, interval_ms, place, .. } => match got.flatten() {
                // Paused or locked meanwhile: it is not kept.
                _ if self.sampler.blocked().is_some() => self.lost_track = true,
                Some(Ok(taken)) => self.hand_over(now, taken, idle, interval_ms, place),
                Some(Err(error)) => self.failed(now, &error),
                None => self.lost_track = true,
            },
        }
    }

    fn hand_over(&mut self, now: Now, taken: Taken, idle: bool, interval_ms: u32, place: Place) {
        self.trouble = None;
        let time_ms = taken.time_ms;
        self.sampler.handle(now, Input::Shot { time_ms });
        self.untold.extend(self.sampler.take_ended());
        let absences = std::mem::take(&mut self.untold);
        match self.encoder.shoot(Job { taken, idle, interval_ms, absences, place }) {
            Ok(()) => {
                tracing::debug!(time_ms, "taken");
                self.handed += 1;
            }
            Err(absences) => {
                tracing::warn!("the encoder is behind; a screenshot is missed");
                self.untold = absences;
                self.lost_track = true;
            }
        }
    }

    fn failed(&mut self, now: Now, error: &SourceError) {
        let text = error.to_string();
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!(%error, "no screenshot");
        }
        self.trouble = Some(text);
        let input = match error {
            SourceError::Excluded | SourceError::Windows { .. } => Input::Excluded,
            _ => Input::Failed,
        };
        self.sampler.handle(now, input);
    }

    /// Notes on disk in which absence the recording is.
    fn note(&mut self, now: Now) {
        let absence = self.sampler.absence();
        let stale = |at: u64| now.mono_ms.saturating_sub(at) >= NOTE_EVERY_MS;
        match (absence, self.noted) {
            (None, _) => self.noted = None,
            (Some((kind, _)), Some((noted, at))) if kind == noted && !stale(at) => {}
            // What an earlier run left is noted already.
            (Some((AbsenceKind::NotRunning, _)), _) => {}
            (Some((kind, since)), _) => {
                if self.encoder.pause(Some((kind, since)), now.wall_ms) {
                    self.noted = Some((kind, now.mono_ms));
                }
            }
        }
    }

    /// Shows how it goes.
    fn tell(&mut self) {
        let absence = self.sampler.absence();
        let mode = match self.sampler.blocked().or(absence.map(|(kind, _)| kind)) {
            Some(AbsenceKind::Paused) => Mode::Paused,
            Some(AbsenceKind::Locked) => Mode::Locked,
            Some(AbsenceKind::Excluded) => Mode::Excluded,
            Some(AbsenceKind::Offline) if self.trouble.is_some() => Mode::Failing,
            Some(AbsenceKind::Offline) => Mode::Asleep,
            Some(AbsenceKind::NotRunning) => Mode::Starting,
            None if self.sampler.rests() => Mode::Idle,
            None if self.handed == 0 => Mode::Starting,
            None => Mode::Recording,
        };
        let (paused_until, next) = (self.sampler.paused_until(), self.sampler.due());
        let (missed, trouble) = (self.sampler.missed(), &self.trouble);
        self.state.send_if_modified(|state| {
            let before = state.clone();
            state.mode = mode;
            state.absent_since_ms = absence.map(|(_, since)| since);
            state.paused_until_ms = paused_until;
            state.next_ms = next;
            state.missed = missed;
            if trouble.is_some() {
                state.reason.clone_from(trouble);
            }
            *state != before
        });
    }
}
