//! How an agent begins: opens its store and learns what is there, with patience, or without the store.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskreel_format::StreamName;
use deskreel_store::ObjectStore;

use crate::agent::{self, AgentError, Start};
use crate::core::outbox::backoff;
use crate::core::recorder::Settings;
use crate::location::{LocationError, Role, StoreOptions};
use crate::reader::StreamReader;

/// What an agent begins with.
#[derive(Debug)]
pub struct Begun {
    /// The open store; `None` when it did not answer.
    pub store: Option<Arc<dyn ObjectStore>>,
    /// What is known of it.
    pub start: Start,
}

/// Why an agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The store cannot be opened.
    #[error("{0}")]
    Location(#[from] LocationError),
    /// Its content cannot be learnt.
    #[error("{0}")]
    Agent(#[from] AgentError),
}

impl BeginError {
    /// Whether time alone may heal it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Location(error) => error.is_passing(),
            Self::Agent(error) => error.is_passing(),
        }
    }
}

/// Whose beginning it is.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// Where the store is.
    pub options: &'a StoreOptions,
    /// Which stream.
    pub stream: &'a StreamName,
    /// How it records.
    pub settings: &'a Settings,
    /// What it remembers.
    pub state: &'a Path,
    /// The present of the recording, UTC milliseconds: tells which leases hold.
    pub now_ms: u64,
}

impl Agent<'_> {
    /// Opens the store and learns what it has, trying for `patience`. `progress(done, of)` counts what
    /// has to be read.
    ///
    /// # Errors
    /// The last [`BeginError`].
    pub async fn begin(
        &self,
        patience: Duration,
        progress: impl Fn(usize, usize),
    ) -> Result<Begun, BeginError> {
        let began = Instant::now();
        let mut failures = 0;
        loop {
            let error = match self.attempt(&progress).await {
                Err(error) if error.is_passing() => error,
                outcome => return outcome,
            };
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(error);
            }
            tracing::warn!(%error, "the store does not answer; trying for {left:.0?} more");
            let pause = Duration::from_millis(backoff(failures, rand::random()));
            tokio::time::sleep(pause.min(left)).await;
            failures += 1;
        }
    }

    /// The same; when the store does not answer and has done so before, the agent begins without it.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn begin_anyway(
        &self,
        patience: Duration,
        progress: impl Fn(usize, usize),
    ) -> Result<Begun, BeginError> {
        match self.begin(patience, progress).await {
            Err(error) if error.is_passing() && agent::has_started(self.state) => {
                tracing::warn!(%error, "recording goes on; screenshots wait on the disk");
                Ok(Begun { store: None, start: agent::start_offline(self.settings, self.state)? })
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, progress: &impl Fn(usize, usize)) -> Result<Begun, BeginError> {
        let store = self.options.open(self.stream, Role::Upload).await?;
        let reader = StreamReader::new(store.clone(), self.stream.clone());
        let start = agent::start(&reader, self.settings, self.state, self.now_ms, progress).await?;
        Ok(Begun { store: Some(store), start })
    }
}
