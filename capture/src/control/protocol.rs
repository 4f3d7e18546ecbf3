//! What is said over the control socket: one line of JSON each way.
//!
//! A request is `{"version":1,"do":"status"}`; `pause` may have `"for_ms"`. The answer is
//! `{"version":1,"status":{...}}` or `{"version":1,"error":"..."}`.

use serde::{Deserialize, Serialize};

use crate::recording::Mode;

/// The version of this protocol.
pub const VERSION: u32 = 1;
/// No line is longer, bytes.
pub const MAX_LINE: u64 = 64_000;

/// What an agent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// How it does.
    Status,
    /// Record nothing, for ever or for a while.
    Pause {
        /// How long, milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// Go on.
    Resume,
    /// Pause if it records, else go on.
    Toggle,
    /// End; the connection closes once the agent has ended.
    Stop,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How it does, after what was asked for was done.
    Status(Box<Status>),
    /// What was asked for could not be done.
    Error(String),
}

/// How an agent does. All times are UTC milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the stream.
    pub stream: String,
    /// Address of the store.
    pub store: String,
    /// Version of the agent.
    pub version: String,
    /// Id of its process.
    pub pid: u32,
    /// When it started.
    pub started_ms: u64,
    /// The present, by its clock.
    pub now_ms: u64,
    /// Recording, or why not.
    pub mode: Mode,
    /// Why, in words, where the mode alone does not say it.
    pub reason: Option<String>,
    /// Since when nothing is photographed.
    pub absent_since_ms: Option<u64>,
    /// When a pause ends by itself.
    pub paused_until_ms: Option<u64>,
    /// Planned milliseconds between screenshots while somebody is there.
    pub interval_ms: u32,
    /// Time of the last screenshot that was stored on this machine.
    pub last_screenshot_ms: Option<u64>,
    /// When the next is due; none while nothing is photographed.
    pub next_screenshot_ms: Option<u64>,
    /// Screenshots of this run.
    pub screenshots: u64,
    /// Slots of this run that passed without one although nothing forbade it.
    pub missed: u64,
    /// How uploads do.
    pub upload: Upload,
    /// What the process uses.
    pub usage: Usage,
}

/// How uploads do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// When the store last acknowledged a segment.
    pub last_ms: Option<u64>,
    /// Time of the newest screenshot that the store has from this run.
    pub last_screenshot_ms: Option<u64>,
    /// Bytes that arrived since midnight UTC.
    pub bytes_today: u64,
    /// Bytes that arrived in this run.
    pub bytes: u64,
    /// Segments that wait.
    pub waiting_segments: usize,
    /// Screenshots in them.
    pub waiting_screenshots: usize,
    /// Bytes of them: the size of the spool.
    pub waiting_bytes: u64,
    /// Screenshots of this run that had to be given up.
    pub given_up_screenshots: usize,
    /// Why nothing arrives; none while all is well.
    pub trouble: Option<String>,
    /// Since when nothing arrives.
    pub trouble_since_ms: Option<u64>,
}

/// What the process uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time since its start, milliseconds; none where the system does not tell.
    pub cpu_ms: Option<u64>,
    /// The same as a share of one core, percent.
    pub cpu_percent: Option<f64>,
    /// Memory in use (resident), bytes.
    pub memory_bytes: Option<u64>,
}

impl Status {
    /// Whether a person should look: nothing is photographed or stored although it should be.
    pub fn is_troubled(&self) -> bool {
        self.mode == Mode::Failing || self.upload.trouble.is_some()
    }
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    version: u32,
    #[serde(flatten)]
    says: T,
}

/// Why a line was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Its version is another one.
    #[error(
        "it speaks version {theirs} of the control protocol, this program version {VERSION}: use the same deskreel for both"
    )]
    Version {
        /// Which.
        theirs: u64,
    },
    /// It is nothing that the protocol knows.
    #[error("not understood: {reason}")]
    Malformed {
        /// Why.
        reason: String,
    },
}

/// A message as a line, with its end.
pub fn write<T: Serialize>(says: &T) -> String {
    // Nothing in these types can fail to be written; an empty line is understood as malformed.
    let text = serde_json::to_string(&Line { version: VERSION, says }).unwrap_or_default();
    text + "\n"
}

/// A message of a line.
///
/// # Errors
/// [`ProtocolError`], whatever the bytes are.
pub fn read<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, ProtocolError> {
    let malformed =
        |error: serde_json::Error| ProtocolError::Malformed { reason: error.to_string() };
    // The version first: another one may say what this one does not know.
    let value: serde_json::Value = serde_json::from_slice(line).map_err(malformed)?;
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {}
        Some(theirs) => return Err(ProtocolError::Version { theirs }),
        None => return Err(ProtocolError::Malformed { reason: "no version".to_owned() }),
    }
    serde_json::from_value::<Line<T>>(value).map(|line| line.says).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_and_the_lines_are_as_documented() {
        for (request, line) in [
            (Request::Status, r#"{"version":1,"do":"status"}"#),
            (Request::Pause { for_ms: None }, r#"{"version":1,"do":"pause"}"#),
            (Request::Pause { for_ms: Some(5) }, r#"{"version":1,"do":"pause","for_ms":5}"#),
            (Request::Resume, r#"{"version":1,"do":"resume"}"#),
            (Request::Toggle, r#"{"version":1,"do":"toggle"}"#),
            (Request::Stop, r#"{"version":1,"do":"stop"}"#),
        ] {
            assert_eq!(write(&request), format!("{line}\n"));
            assert_eq!(read(line.as_bytes()), Ok(request));
        }
        let error = Answer::Error("no".to_owned());
        assert_eq!(write(&error), "{\"version\":1,\"error\":\"no\"}\n");
        assert_eq!(read(write(&error).as_bytes()), Ok(error));
    }

    #[test]
    fn another_version_is_named_even_if_it_says_something_new() {
        let read = read::<Request>(br#"{"version":2,"do":"dance"}"#);
        assert_eq!(read, Err(ProtocolError::Version { theirs: 2 }));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read::<Request>(&bytes).is_err());
        }
    }
}
