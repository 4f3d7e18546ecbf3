//! What a recording can be told, and what it tells of itself.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

/// Told to a recording that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Record nothing, for ever or until a time.
    Pause {
        /// When to go on by itself, UTC milliseconds.
        until_ms: Option<u64>,
    },
    /// Go on.
    Resume,
    /// End: what is pending is sealed first.
    Stop,
}

/// Recording, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing was photographed yet.
    Starting,
    /// At the planned interval.
    Recording,
    /// At the slower interval, because nobody is there.
    Idle,
    /// The person paused it.
    Paused,
    /// The session is locked.
    Locked,
    /// Everything visible is excluded by a rule, or what is visible cannot be told.
    Excluded,
    /// The machine is about to sleep.
    Asleep,
    /// The screen cannot be photographed.
    Failing,
    /// It has ended.
    Stopped,
}

/// How a recording is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// Recording, or why not.
    pub mode: Mode,
    /// In words for the person, where the mode alone does not say it.
    pub reason: Option<String>,
    /// Since when nothing is photographed, UTC milliseconds.
    pub absent_since_ms: Option<u64>,
    /// When a pause ends by itself, UTC milliseconds.
    pub paused_until_ms: Option<u64>,
    /// Time of the last screenshot that was stored on this machine, UTC milliseconds.
    pub last_good_ms: Option<u64>,
    /// When the next screenshot is due, UTC milliseconds; `None` while nothing is photographed.
    pub next_ms: Option<u64>,
    /// Screenshots of this run.
    pub taken: u64,
    /// Slots of this run that passed without a screenshot although nothing forbade it.
    pub missed: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            mode: Mode::Starting,
            reason: None,
            absent_since_ms: None,
            paused_until_ms: None,
            last_good_ms: None,
            next_ms: None,
            taken: 0,
            missed: 0,
        }
    }
}

/// The outer ends of a recording's channels, for whoever controls it.
#[derive(Debug, Clone)]
pub struct Control {
    /// Takes commands.
    pub commands: mpsc::Sender<Command>,
    /// Shows the state.
    pub state: watch::Receiver<State>,
}

/// The inner ends, for [`super::run`].
#[derive(Debug)]
pub struct Ends {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) state: watch::Sender<State>,
}

/// Both ends of the channels of one recording.
pub fn channels() -> (Control, Ends) {
    let (commands, told) = mpsc::channel(16);
    let (state, seen) = watch::channel(State::default());
    (Control { commands, state: seen }, Ends { commands: told, state })
}
