//! The end of the control socket of whoever asks.

use std::path::PathBuf;

use super::protocol::{ProtocolError, Request, Status};

/// Why an agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// None listens.
    #[error("no agent runs")]
    NotRunning,
    /// This system has no way yet.
    #[error("controlling a running agent is not supported on this system yet")]
    Unsupported,
    /// The conversation broke off.
    #[error("the agent at '{path}' does not answer: {source}")]
    Broken {
        /// Which socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It speaks otherwise.
    #[error("the agent's answer: {0}")]
    Protocol(#[from] ProtocolError),
    /// It does not do it.
    #[error("the agent says: {0}")]
    Refused(String),
}

/// An answer, and the connection it came by.
#[derive(Debug)]
pub struct Conversation {
    /// How the agent does.
    pub status: Status,
    #[cfg(unix)]
    connection: tokio::io::BufReader<tokio::net::UnixStream>,
}

/// Asks the agent that listens at one of these places.
///
/// # Errors
/// [`AskError`].
#[cfg(unix)]
pub async fn ask(places: &[PathBuf], request: Request) -> Result<Conversation, AskError> {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::protocol::{Answer, MAX_LINE, read, write};
    for path in places {
        // A socket that nobody listens at is what a killed agent leaves.
        let Ok(mut stream) = tokio::net::UnixStream::connect(path).await else { continue };
        let broken = |source| AskError::Broken { path: path.clone(), source };
        stream.write_all(write(&request).as_bytes()).await.map_err(broken)?;
        let mut connection = BufReader::new(stream);
        let mut line = Vec::new();
        (&mut connection).take(MAX_LINE).read_until(b'\n', &mut line).await.map_err(broken)?;
        if line.is_empty() {
            return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
        return match read::<Answer>(&line)? {
            Answer::Status(status) => Ok(Conversation { status: *status, connection }),
            Answer::Error(reason) => Err(AskError::Refused(reason)),
        };
    }
    Err(AskError::NotRunning)
}

/// Asks the agent that listens at one of these places.
///
/// # Errors
/// [`AskError::Unsupported`] on this system.
#[cfg(not(unix))]
pub async fn ask(_places: &[PathBuf], _request: Request) -> Result<Conversation, AskError> {
    Err(AskError::Unsupported)
}

impl Conversation {
    /// Waits until the agent has ended.
    pub async fn ended(self) {
        #[cfg(unix)]
        {
            use tokio::io::AsyncReadExt;
            let mut connection = self.connection;
            // Whether it is closed or reset: nobody is there any more.
            let _ = connection.read_to_end(&mut Vec::new()).await;
        }
    }
}
