//! The proof that what is shown is what was captured: drawn first, hashed then, told when known.

use deskreel_format::manifest::INDEX_WRITER;

use super::{Aim, Event, Output, Player, PlayerError};
use crate::core::sheet::object_key;

/// How far the proof of the picture shown has come.
#[derive(Debug)]
pub(super) enum Proof {
    /// The picture was just drawn: the browser shows it before anything is hashed.
    Drawn,
    /// It is being hashed.
    Hashing,
    /// It is known whether it is exact, or nothing is shown.
    Done,
}

/// Pixels hashed in one turn, bytes: a few milliseconds of a phone's time.
const TURN_BYTES: usize = 2 << 20;

impl Player {
    /// Another picture was drawn; `failures` tell of its holes.
    pub(super) fn begin_proof(&mut self, failures: Vec<PlayerError>) {
        let Some((shown, _)) = self.shown else { return };
        // Little enough is hashed at once: whoever listens hears of it once.
        if self.compositor.unproved() <= TURN_BYTES / 2 {
            self.compositor.prove(TURN_BYTES);
            self.end_proof();
        } else {
            self.proof = Proof::Drawn;
            let time_ms = shown.time_ms;
            self.tell(Event::Shown { time_ms, exact: false, proving: true });
        }
        for failure in failures {
            self.tell(Event::Error(failure));
        }
    }

    /// Goes on hashing.
    pub(super) fn prove(&mut self) {
        match self.proof {
            Proof::Done => return,
            Proof::Drawn => self.proof = Proof::Hashing,
            Proof::Hashing => {
                self.compositor.prove(TURN_BYTES);
                if self.compositor.unproved() == 0 {
                    self.end_proof();
                    if self.aim.is_none() {
                        self.finish_seek();
                        return;
                    }
                }
            }
        }
        self.outputs.push_back(Output::Soon);
    }

    fn end_proof(&mut self) {
        self.proof = Proof::Done;
        let Some((shown, exact)) = &mut self.shown else { return };
        *exact = self.compositor.is_exact();
        let (exact, key) = (*exact, *shown);
        let (object, time_ms) = (object_key(&self.config.stream, key.segment), key.time_ms);
        if !self.compositor.wrong().is_empty() && key.segment.writer == INDEX_WRITER {
            // An index is a cache: what it says and segments do not say is wrong.
            self.timeline.lose_index(key.segment.first_ms);
            self.sheets.remove(&key.segment);
            self.aim = self.aim.or(Some(Aim::At(time_ms)));
        }
        self.tell(Event::Shown { time_ms, exact, proving: false });
        for surface in self.compositor.wrong() {
            let object = object.clone();
            self.tell(Event::Error(PlayerError::Mismatch { object, surface, time_ms }));
        }
    }
}
