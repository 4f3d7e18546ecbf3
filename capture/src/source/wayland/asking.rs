//! When a person may be asked to share the screen: pure.
//!
//! A dialog that pops up by itself every ten seconds would be worse than no recording.

use std::time::{Duration, Instant};

/// With a token nobody is bothered, but a desktop that refuses it shows a dialog all the same.
const PAUSE: Duration = Duration::from_secs(60);

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The screen is shared.
    Shared,
    /// The person said no.
    Declined,
    /// Nobody could be asked.
    Failed,
}

/// What was asked before by this program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking {
    last: Option<(Instant, Answer)>,
}

impl Asking {
    /// Whether the desktop may be asked now; with a token from an earlier answer it can do without
    /// the person.
    ///
    /// # Errors
    /// In words for the person: why not, and what to do.
    pub fn may_ask(&self, now: Instant, has_token: bool) -> Result<(), String> {
        let Some((at, answer)) = self.last else { return Ok(()) };
        if answer == Answer::Declined {
            return Err("sharing the screen was declined; start `deskreel record` again to be \
                        asked again"
                .to_owned());
        }
        // Nobody saw a dialog where nobody could be asked.
        if answer == Answer::Shared && !has_token {
            return Err("the desktop ended the sharing of the screen and keeps no permission; \
                        start `deskreel record` again to be asked again"
                .to_owned());
        }
        let since = now.saturating_duration_since(at);
        match since >= PAUSE {
            true => Ok(()),
            // Always the same words: each new text would be a line of the log.
            false => {
                Err("the screen is not shared; the desktop is asked again within a minute"
                    .to_owned())
            }
        }
    }

    /// Takes note of an answer.
    pub fn answered(&mut self, now: Instant, answer: Answer) {
        self.last = Some((now, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answer: Answer, seconds: u64, has_token: bool) -> Result<(), String> {
        let start = Instant::now();
        let mut asking = Asking::default();
        asking.answered(start, answer);
        asking.may_ask(start + Duration::from_secs(seconds), has_token)
    }

    #[test]
    fn the_first_question_is_free() {
        for has_token in [false, true] {
            assert_eq!(Asking::default().may_ask(Instant::now(), has_token), Ok(()));
        }
    }

    #[test]
    fn who_declined_is_never_asked_again() {
        for has_token in [false, true] {
            let error = after(Answer::Declined, 1_000_000, has_token).unwrap_err();
            assert!(error.contains("declined"), "{error}");
        }
    }

    #[test]
    fn a_sharing_that_ended_is_asked_for_again_only_with_a_token_and_not_at_once() {
        assert!(after(Answer::Shared, 1_000_000, false).unwrap_err().contains("again"));
        assert!(after(Answer::Shared, 59, true).unwrap_err().contains("within a minute"));
        assert_eq!(after(Answer::Shared, 60, true), Ok(()));
    }

    #[test]
    fn a_desktop_that_could_not_be_asked_is_tried_each_minute() {
        assert!(after(Answer::Failed, 30, false).is_err());
        assert_eq!(after(Answer::Failed, 61, false), Ok(()));
    }
}
