//! Looks now and again at what the commons hold, and hands out what this desktop has to share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskreel_format::sharing::CommonsIndex;
use deskreel_format::{DomainKey, SegmentId};
use deskreel_store::ObjectStore;

use super::Shared;
use crate::commons::CommonsReader;
use crate::core::recorder::Recorder;

/// Between two looks at the index of the commons, at least: most find it unchanged.
const LOOK: Duration = Duration::from_secs(600);

/// How tiles are shared with other desktops.
#[derive(Debug)]
pub(super) struct Sharing {
    key: DomainKey,
    /// Until the first look takes it.
    reader: Mutex<Option<CommonsReader>>,
    /// An index that the recorder does not know yet.
    news: Mutex<Option<CommonsIndex>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sharing {
    pub(super) fn new(reader: CommonsReader) -> Self {
        let key = reader.key().clone();
        Self { key, reader: Mutex::new(Some(reader)), news: Mutex::default() }
    }
}

impl Shared {
    /// Tells the recorder what the commons hold, and takes what it has to share.
    pub(super) fn exchange(&self, recorder: &mut Recorder) {
        let Some(sharing) = &self.sharing else { return };
        let news = lock(&sharing.news).take();
        if let Some(index) = news {
            recorder.set_commons(&index);
        }
        let now_ms = (self.clock)();
        let Some((candidates, writer)) = recorder.take_candidates(now_ms) else { return };
        match candidates.encode(&sharing.key) {
            Ok(bytes) => {
                let id = SegmentId { first_ms: now_ms, writer };
                self.beside().add(self.stream.candidates_key(id), bytes);
                self.changed();
            }
            Err(error) => tracing::warn!(%error, "no list of candidates can be written"),
        }
    }
}

/// Looks for ever.
pub(super) async fn run(shared: &Shared, store: Arc<dyn ObjectStore>) {
    let Some(sharing) = &shared.sharing else { return };
    let Some(mut reader) = lock(&sharing.reader).take() else { return };
    let mut is_told = false;
    loop {
        match reader.look(store.as_ref()).await {
            Ok(Some(index)) => {
                tracing::debug!(packs = index.packs.len(), "the commons changed");
                *lock(&sharing.news) = Some(index);
                is_told = false;
            }
            Ok(None) => {}
            // Recording goes on; it only stores more than it had to.
            Err(error) if is_told => tracing::debug!(%error, "the commons cannot be read"),
            Err(error) => {
                tracing::warn!(%error, "the commons cannot be read: nothing is shared");
                is_told = true;
            }
        }
        // Not all desktops at once.
        let jitter = LOOK.mul_f64(rand::random::<f64>() / 2.0);
        tokio::time::sleep(LOOK + jitter).await;
    }
}
