//! A store whose keys a server gives for a time: new ones are got before they end, and the old ones
//! used until then.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskreel_store::{ListPage, Object, ObjectMeta, ObjectStore, Put, S3Store, StoreError};

use crate::core::renewal::Renewal;
use crate::location::{Door, Entered, LocationError};

/// A store behind a Deskreel server's door.
#[derive(Debug)]
pub(crate) struct GrantedStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    door: Door,
    began: Instant,
    keys: RwLock<Keys>,
    /// Who asks for new keys; others wait and take them too.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Keys {
    store: S3Store,
    /// Counts the keys that were given.
    number: u64,
    /// `None` if the server did not say when they end.
    renewal: Option<Renewal>,
}

impl GrantedStore {
    /// Asks for keys, and goes on doing so in time for as long as the store is used.
    ///
    /// # Errors
    /// Any [`LocationError`] of asking.
    pub(crate) async fn enter(door: Door) -> Result<Self, LocationError> {
        let began = Instant::now();
        let entered = door.enter().await?;
        let keys = RwLock::new(Keys::of(entered, 0, 0));
        let shared = Arc::new(Shared { door, began, keys, asking: tokio::sync::Mutex::default() });
        tokio::spawn(keep_fresh(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }
}

impl Keys {
    fn of(entered: Entered, number: u64, asked_ms: u64) -> Self {
        let life_ms = entered.life.map(|life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        let renewal = life_ms.map(|life_ms| Renewal::new(asked_ms, life_ms, rand::random()));
        Self { store: entered.store, number, renewal }
    }
}

/// Renews keys when they are due, until the store is gone.
async fn keep_fresh(store: Weak<Shared>) {
    loop {
        let Some(shared) = store.upgrade() else { return };
        let keys = shared.keys();
        let Some(renewal) = keys.renewal else { return };
        let now_ms = shared.now_ms();
        if now_ms < renewal.due_ms() {
            drop(shared);
            // Not all at once: a store that is gone must not keep this for hours.
            let pause = (renewal.due_ms() - now_ms).min(60_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            continue;
        }
        if let Err(error) = shared.renew(keys.number).await {
            tracing::warn!(%error, "access cannot be renewed yet; what was granted goes on");
            let mut keys = shared.keys.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(renewal) = &mut keys.renewal {
                renewal.failed(shared.now_ms(), rand::random());
            }
        }
    }
}

impl Shared {
    /// Milliseconds since the store was opened.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// New keys in place of those with `number`; those that somebody else got meanwhile are as good.
    async fn renew(&self, number: u64) -> Result<S3Store, StoreError> {
        let _asking = self.asking.lock().await;
        let keys = self.keys();
        if keys.number != number {
            return Ok(keys.store);
        }
        let asked_ms = self.now_ms();
        let entered = self.door.enter().await.map_err(|error| match error {
            LocationError::Store(error) => error,
            LocationError::Unreachable { origin, reason } => {
                StoreError::Unreachable { endpoint: origin, reason, attempts: 1 }
            }
            other => StoreError::InvalidConfig { reason: other.to_string() },
        })?;
        let keys = Keys::of(entered, number + 1, asked_ms);
        let store = keys.store.clone();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(store)
    }
}

/// Runs a request, and once more with fresh keys if these had ended after all: the machine slept, or
/// the server was down for long.
macro_rules! renewing {
    ($self:ident, $store:ident => $request:expr) => {{
        let Keys { store: $store, number, .. } = $self.0.keys();
        match $request.await {
            Err(StoreError::CredentialsExpired) => {
                let $store = $self.0.renew(number).await?;
                $request.await
            }
            outcome => outcome,
        }
    }};
}

#[async_trait::async_trait]
impl ObjectStore for GrantedStore {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        renewing!(self, store => store.put(key, bytes.clone(), put))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        renewing!(self, store => store.get(key, range.clone()))
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        renewing!(self, store => store.head(key))
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        renewing!(self, store => store.list(prefix, start_after, limit))
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        renewing!(self, store => store.delete(keys))
    }
}
