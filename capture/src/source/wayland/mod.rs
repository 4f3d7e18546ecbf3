//! Screenshots of a Wayland desktop, which hands its screens out only through the ScreenCast portal:
//! the person is asked once, a token asks in their place from then on, and PipeWire brings frames.
//!
//! What is decided is pure and tested everywhere: [`asking`], [`frame`], [`streams`],
//! [`turn`]. The rest is
//! built with the cargo feature `wayland`, because it needs PipeWire's library.

pub mod asking;
#[cfg(all(target_os = "linux", feature = "wayland"))]
mod cast;
pub mod frame;
#[cfg(all(target_os = "linux", feature = "wayland"))]
mod portal;
pub mod streams;
pub mod token;
pub mod turn;

#[cfg(all(target_os = "linux", feature = "wayland"))]
pub use source::WaylandSource;

#[cfg(all(target_os = "linux", feature = "wayland"))]
mod source {
    use std::time::{Duration, Instant};

    use super::asking::{Answer, Asking};
    use super::cast::Cast;
    use super::portal::{self, Refusal, Sharing};
    use super::streams::Monitors;
    use super::token::TokenFile;
    use crate::source::told::{self, Unit};
    use crate::source::{ScreenSource, SourceError, Surface};

    /// Most desktops hand out the first picture at once; others only when something changes, so that a
    /// screen may be still for hours before there is one.
    const FIRST_FRAME: Duration = Duration::from_secs(2);

    /// The monitors that the person shares.
    pub struct WaylandSource {
        cast: Cast,
        monitors: Monitors,
        /// The desktop stops sharing when this goes.
        _sharing: Sharing,
    }

    impl WaylandSource {
        /// Asks the desktop for its screens; the person may have to answer, which this waits for.
        /// `tokens` keeps the leave to ask without them, `asking` what they said before.
        ///
        /// # Errors
        /// [`SourceError::Forbidden`] when the person declined or must not be bothered again, and
        /// [`SourceError::Lost`] when there is no portal or it fails.
        pub fn open(asking: &mut Asking, tokens: Option<&TokenFile>) -> Result<Self, SourceError> {
            let token = tokens.and_then(TokenFile::read);
            asking
                .may_ask(Instant::now(), token.is_some())
                .map_err(|reason| SourceError::Forbidden { reason })?;
            let asked = portal::ask(token.as_deref());
            let answer = match &asked {
                Ok(_) => Answer::Shared,
                Err(Refusal::Declined) => Answer::Declined,
                Err(Refusal::Failed(_)) => Answer::Failed,
            };
            asking.answered(Instant::now(), answer);
            let granted = match asked {
                Ok(granted) => granted,
                Err(Refusal::Declined) => {
                    let reason = asking.may_ask(Instant::now(), false).err().unwrap_or_default();
                    return Err(SourceError::Forbidden { reason });
                }
                Err(Refusal::Failed(reason)) => {
                    return Err(SourceError::Lost { doing: "asking the desktop portal", reason });
                }
            };
            if let Some(tokens) = tokens {
                // The one that was used is spent.
                tokens.replace(granted.token.as_deref());
            }
            let monitors = Monitors::of(granted.offered)
                .map_err(|reason| SourceError::Forbidden { reason })?;
            let cast = Cast::start(granted.remote, monitors.nodes()).map_err(lost)?;
            Ok(Self { cast, monitors, _sharing: granted.sharing })
        }
    }

    impl ScreenSource for WaylandSource {
        fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
            let Some(frames) = self.cast.frames(FIRST_FRAME).map_err(lost)? else {
                let reason =
                    "the desktop has sent no picture since it shares the screen; it comes \
                              with the next change on it"
                        .to_owned();
                return Err(SourceError::Waiting { reason });
            };
            told::surfaces(self.monitors.told(frames), Unit::Points)
        }
    }

    fn lost(reason: String) -> SourceError {
        SourceError::Lost { doing: "receiving the shared screen", reason }
    }
}
