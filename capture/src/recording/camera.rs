//! The thread that photographs: it may block for as long as the display likes.

use std::sync::mpsc;

use tokio::sync::oneshot;

use super::thread;
use crate::core::screen::{Patch, Screen};
use crate::source::{ScreenSource, SourceError};

/// Opens the screen; called again after it was lost.
pub type OpenSource = Box<dyn FnMut() -> Result<Box<dyn ScreenSource>, SourceError> + Send>;

/// What changed on the screen up to a time.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) time_ms: u64,
    pub(super) patch: Patch,
}

enum Ask {
    Idle(oneshot::Sender<Option<u64>>),
    Shoot { is_whole: bool, answer: oneshot::Sender<Result<Taken, SourceError>> },
}

/// A handle to the thread. Dropping it ends the thread once the display answers.
#[derive(Debug)]
pub(super) struct Camera {
    asks: mpsc::Sender<Ask>,
}

impl Camera {
    /// Starts the thread with the screen that is open; `clock` gives UTC milliseconds.
    pub(super) fn start(
        source: Box<dyn ScreenSource>,
        mut open: OpenSource,
        clock: impl Fn() -> u64 + Send + 'static,
    ) -> std::io::Result<Self> {
        let (asks, asked) = mpsc::channel();
        thread::in_background("camera", move || {
            let mut source = Some(source);
            let mut screen = Screen::default();
            for ask in asked {
                // Who asked may have gone; then nobody needs the answer.
                match ask {
                    Ask::Idle(answer) => {
                        let idle = source.as_mut().and_then(|source| source.idle_ms());
                        let _ = answer.send(idle);
                    }
                    Ask::Shoot { is_whole, answer } => {
                        if is_whole {
                            screen.mark_all();
                        }
                        let _ = answer.send(shoot(&mut source, &mut open, &mut screen, &clock));
                    }
                }
            }
        })?;
        Ok(Self { asks })
    }

    /// How long mouse and keyboard have rested, if the screen knows.
    pub(super) fn idle(&self) -> oneshot::Receiver<Option<u64>> {
        let (answer, answered) = oneshot::channel();
        // A thread that has ended drops the answer, which the receiver sees.
        let _ = self.asks.send(Ask::Idle(answer));
        answered
    }

    /// Photographs. Whoever lost an earlier answer must ask for all of the screen.
    pub(super) fn shoot(&self, is_whole: bool) -> oneshot::Receiver<Result<Taken, SourceError>> {
        let (answer, answered) = oneshot::channel();
        let _ = self.asks.send(Ask::Shoot { is_whole, answer });
        answered
    }
}

/// A source that was lost is opened anew at the next try.
fn shoot(
    source: &mut Option<Box<dyn ScreenSource>>,
    open: &mut OpenSource,
    screen: &mut Screen,
    clock: &impl Fn() -> u64,
) -> Result<Taken, SourceError> {
    let mut working = match source.take() {
        Some(source) => source,
        None => {
            screen.forget();
            open()?
        }
    };
    let refreshed = working.refresh(screen);
    if !matches!(refreshed, Err(SourceError::Lost { .. })) {
        *source = Some(working);
    }
    refreshed?;
    Ok(Taken { time_ms: clock(), patch: screen.take_patch() })
}
