//! What all Lambda functions share: the cold start (environment, store, log), and answers that are
//! never a crash.
//!
//! Each binary is one function: it makes its context once and hands every event to a handler of
//! `deskreel-server`.

pub mod http;
pub mod scheduled;

use std::sync::Arc;

use anyhow::Context;
use deskreel_store::{S3Config, S3Store};

/// What a cold start finds out, once per instance.
pub struct ColdStart {
    /// The bucket.
    pub store: Arc<S3Store>,
    /// The same, as configured.
    pub config: S3Config,
}

/// A variable of the function's environment; empty ones count as absent.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl ColdStart {
    /// Starts the log and prepares the store that `DESKREEL_STORE` names (`DESKREEL_ENDPOINT` for
    /// one that is not AWS). Sends nothing.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn begin() -> anyhow::Result<Self> {
        let filter = variable("RUST_LOG").unwrap_or_else(|| "info".to_owned());
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(std::io::stderr)
            .with_ansi(false)
            // CloudWatch has a time of its own.
            .without_time()
            .init();
        let url = variable("DESKREEL_STORE").context("set DESKREEL_STORE to s3://BUCKET")?;
        let mut config = S3Config::parse_url(&url).context("DESKREEL_STORE")?;
        config.endpoint = variable("DESKREEL_ENDPOINT");
        let store = Arc::new(S3Store::connect(&config).await?);
        Ok(Self { store, config })
    }
}
