//! What the commands of operators share: one stream or all, and the present.

use std::sync::Arc;

use super::common::{Failure, Place, now_ms};
use crate::config::parse_time;
use crate::location::Role;
use deskreel_upkeep::survey::{StreamObjects, streams};

/// Which streams, and at what time.
#[derive(Debug, clap::Args)]
pub(super) struct Streams {
    /// Every stream of the bucket (needs an operator's credentials)
    #[arg(long)]
    all: bool,
    /// Judges as if it were this time
    #[arg(long, hide = true)]
    now: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Streams {
    /// The present, UTC milliseconds.
    ///
    /// # Errors
    /// [`Failure`] when the flag holds no time.
    pub(super) fn now_ms(&self) -> Result<u64, Failure> {
        self.now
            .as_ref()
            .map_or_else(|| Ok(now_ms()), |text| parse_time(text).map_err(Failure::usage))
    }

    /// The streams, for reading.
    ///
    /// # Errors
    /// [`Failure`] that says what to do.
    pub(super) async fn to_read(&self) -> Result<Vec<StreamObjects>, Failure> {
        if self.all {
            return self.to_change().await;
        }
        let place = self.place.resolve()?;
        Ok(vec![StreamObjects::new(place.open(Role::View).await?, place.stream)])
    }

    /// The streams, for storing new objects in.
    ///
    /// # Errors
    /// [`Failure`] that says what to do.
    pub(super) async fn to_add(&self) -> Result<Vec<StreamObjects>, Failure> {
        if self.all {
            return self.to_change().await;
        }
        let place = self.place.resolve()?;
        Ok(vec![StreamObjects::new(place.open(Role::Upload).await?, place.stream)])
    }

    /// The streams, for deleting too: an operator's own credentials.
    ///
    /// # Errors
    /// [`Failure`] that says what to do.
    pub(super) async fn to_change(&self) -> Result<Vec<StreamObjects>, Failure> {
        if self.all {
            let options = self.place.store();
            let store = Arc::new(options.open_bucket().await?);
            let names = streams(store.as_ref()).await?;
            return Ok(names.into_iter().map(|s| StreamObjects::new(store.clone(), s)).collect());
        }
        let place = self.place.resolve()?;
        let store = Arc::new(place.store.open_bucket().await?);
        Ok(vec![StreamObjects::new(store, place.stream)])
    }
}
