//! Screenshots of a Wayland desktop, which hands its screens out only through the ScreenCast portal:
//! the person is asked once, a token asks in their place from then on, and PipeWire brings frames.
//!
//! What is decided is pure and tested everywhere: [`asking`], [`frame`], [`streams`]. The rest is
//! built with the cargo feature `wayland`, because it needs PipeWire's library.

pub mod asking;
#[cfg(all(target_os = "linux", feature = "wayland"))]
mod cast;
pub mod frame;
#[cfg(all(target_os = "linux", feature = "wayland"))]
mod portal;
pub mod streams;
pub mod token;

#[cfg(all(target_os = "linux", feature = "wayland"))]
pub use source::WaylandSource;

#[cfg(all(target_os = "linux", feature = "wayland"))]
mod source {
    use std::time::{Duration, Instant};

    use super::asking::{Answer, Asking};
    use super::cast::Cast;
    use super::portal::{self, Refusal, Sharing};
    use super::streams::{self, Offered};
    use super::token::TokenFile;
    use crate::source::told::{self, Unit};
    use crate::source::{ScreenSource, SourceError, Surface};

    /// A screen that is shared shows its first frame within this, or something is wrong.
    const FIRST_FRAME: Duration = Duration::from_secs(10);

    /// The monitors that the person shares.
    pub struct WaylandSource {
        cast: Cast,
        offered: Vec<Offered>,
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
            let offered = streams::monitors(granted.offered)
                .map_err(|reason| SourceError::Forbidden { reason })?;
            let nodes: Vec<u32> = offered.iter().map(|offered| offered.node).collect();
            let cast = Cast::start(granted.remote, nodes).map_err(lost)?;
            Ok(Self { cast, offered, _sharing: granted.sharing })
        }
    }

    impl ScreenSource for WaylandSource {
        fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
            let frames = self.cast.frames(FIRST_FRAME).map_err(lost)?;
            told::surfaces(streams::told(&self.offered, frames), Unit::Points)
        }
    }

    fn lost(reason: String) -> SourceError {
        SourceError::Lost { doing: "receiving the shared screen", reason }
    }
}
