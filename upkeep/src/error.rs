//! Why upkeep stops, and what a person can do then.

use deskreel_format::StreamName;
use deskreel_store::StoreError;

use crate::plan::forget::ForgetError;
use crate::plan::rewrite::RewriteError;

/// Why upkeep stopped.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The store did not do what was asked.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Objects that cannot be read may hold what is to be forgotten.
    #[error(
        "{count} object(s) cannot be read, '{object}' first ({what}): what they hold cannot be \
         forgotten safely; see `deskreel verify`, and delete them or put them back"
    )]
    Unreadable {
        /// How many.
        count: usize,
        /// Key of the first.
        object: String,
        /// What is wrong with it.
        what: String,
    },
    /// An agent that runs would go on to refer to segments that are replaced.
    #[error(
        "stream '{stream}' is being recorded (its newest object is {age_s} s old); stop the agent, \
         run this again with --agent-stopped, and start the agent then"
    )]
    Recording {
        /// Which stream.
        stream: StreamName,
        /// Age of its newest object.
        age_s: u64,
    },
    /// New segments kept arriving while the stream was rewritten.
    #[error("stream '{stream}' does not stand still; stop the agent and run this again")]
    Restless {
        /// Which stream.
        stream: StreamName,
    },
    /// There is no way to do it.
    #[error("stream '{stream}' cannot be rewritten: {source}")]
    Plan {
        /// Which stream.
        stream: StreamName,
        /// Why.
        source: ForgetError,
    },
    /// An object cannot be written anew.
    #[error("object '{object}' cannot be written anew: {source}; see `deskreel verify`")]
    Rewrite {
        /// Which object.
        object: String,
        /// Why.
        source: RewriteError,
    },
    /// Another object has the key that an heir needs.
    #[error("object '{object}' is there already and is not ours; see `deskreel verify`")]
    Taken {
        /// Which object.
        object: String,
    },
    /// What was to be gone is still there.
    #[error("stream '{stream}' was rewritten, but {what}; run `deskreel verify`")]
    NotProven {
        /// Which stream.
        stream: StreamName,
        /// What is not as it should be.
        what: String,
    },
}
