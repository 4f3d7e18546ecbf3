//! The short way to a moment of an hour whose index was not read: an agent that stores each screenshot
//! by itself names its segment by time and writer, both of which are known. That segment is a tenth of
//! the index. Where there is none, the index tells, and nothing is guessed any more.

use deskreel_format::SegmentId;

use super::{Aim, Player};
use crate::core::sheet::MomentKey;
use crate::core::timeline::Lookup;

/// What is guessed, and whether guessing is of use.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// The segment asked for last.
    asked: Option<SegmentId>,
    /// A guess was wrong.
    is_over: bool,
}

impl Player {
    /// What an aim is at, or what must be read for it: a guess in the place of an unread index.
    pub(super) fn resolve_directly(&mut self, aim: Aim) -> Lookup {
        let lookup = self.resolve(aim);
        let (Lookup::Unread(unread), Aim::At(time_ms)) = (&lookup, aim) else { return lookup };
        let guess = self.timeline.guess(unread, time_ms).filter(|_| !self.direct.is_over);
        let inside = self.discovery.window().zip(guess);
        let Some((_, id)) = inside.filter(|((start_ms, _), id)| id.first_ms >= *start_ms) else {
            return lookup;
        };
        self.direct.asked = Some(id);
        let Some(sheet) = self.sheets.peek(&id) else { return Lookup::Unread(vec![id]) };
        if sheet.manifest.moments.first().is_none_or(|moment| moment.time_ms != id.first_ms) {
            self.direct.is_over = true;
            return lookup;
        }
        Lookup::Found(MomentKey { time_ms: id.first_ms, segment: id, index: 0 })
    }

    /// A segment that cannot be had was only guessed: nothing is missing.
    pub(super) fn was_guessed(&mut self, id: SegmentId) -> bool {
        let is_guess = self.direct.asked == Some(id) && !self.timeline.knows(id);
        self.direct.is_over |= is_guess;
        is_guess
    }
}
