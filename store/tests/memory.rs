//! The store in memory: the shared checks, and what only it offers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deskreel_store::{
    ListPage, MemoryStore, Object, ObjectMeta, ObjectStore, Put, PutHeaders, PutMode, StoreError,
    conformance,
};

#[tokio::test]
async fn memory_keeps_the_stores_contract() {
    conformance::check(&MemoryStore::new(), "scratch/memory").await;
}

#[tokio::test]
async fn the_given_clock_says_when_an_object_was_stored() {
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let clock = Arc::clone(&now);
    let store = MemoryStore::with_clock(move || clock.load(Ordering::Relaxed));
    let put = Put { mode: PutMode::Overwrite, content_type: "text/plain", cache_control: None };
    store.put("early", "1".into(), put).await.unwrap();
    now.store(1_700_000_010_000, Ordering::Relaxed);
    store.put("late", "2".into(), put).await.unwrap();
    let times: Vec<i64> =
        store.list_all("").await.unwrap().iter().map(|object| object.modified_ms).collect();
    assert_eq!(times, [1_700_000_000_000, 1_700_000_010_000]);
}

#[tokio::test]
async fn headers_are_kept_as_they_were_put() {
    let store = MemoryStore::new();
    let put = Put {
        mode: PutMode::Create,
        content_type: "image/webp",
        cache_control: Some("max-age=60, immutable"),
    };
    store.put("a", "1".into(), put).await.unwrap();
    let expected = PutHeaders {
        content_type: "image/webp".into(),
        cache_control: Some("max-age=60, immutable".into()),
    };
    assert_eq!(store.headers("a"), Some(expected));
    assert_eq!(store.headers("b"), None);
}

/// A store that silently ignores `If-None-Match`, as some do.
#[derive(Debug)]
struct Forgetful(MemoryStore);

#[async_trait::async_trait]
impl ObjectStore for Forgetful {
    async fn put(&self, key: &str, bytes: bytes::Bytes, put: Put<'_>) -> Result<(), StoreError> {
        self.0.put(key, bytes, Put { mode: PutMode::Overwrite, ..put }).await
    }

    async fn get(
        &self,
        key: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<Object, StoreError> {
        self.0.get(key, range).await
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        self.0.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.0.list(prefix, start_after, limit).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.0.delete(keys).await
    }
}

#[tokio::test]
async fn a_store_that_ignores_create_passes_when_that_is_expected() {
    let expectations = conformance::Expectations { exclusive_create: false };
    let store = Forgetful(MemoryStore::new());
    conformance::check_with(&store, "scratch", expectations).await;
}

#[tokio::test]
#[should_panic(expected = "create leaves a taken key alone")]
async fn a_store_that_ignores_create_is_found_out_by_name() {
    conformance::check(&Forgetful(MemoryStore::new()), "scratch").await;
}
