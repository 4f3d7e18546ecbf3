//! What every store must do: one list of checks, called by the tests of each implementation.
//!
//! The checks take the contract of [`ObjectStore`] at its word and nothing more. Add a backend's
//! surprise here, not in that backend's tests, so that all of them are held to it.

mod bodies;
mod deleting;
mod listing;
mod names;
mod writers;

use bytes::Bytes;

use crate::{ObjectStore, Put, PutMode, StoreError};

/// How a check ends: done, or what was seen instead.
type Verdict = Result<(), String>;

/// Which promises the store under test makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectations {
    /// [`PutMode::Create`] lets exactly one writer win. Some stores ignore the condition silently;
    /// with `false` only what correctness rests on is checked: the object is one writer's, whole.
    pub exclusive_create: bool,
}

impl Default for Expectations {
    fn default() -> Self {
        Self { exclusive_create: true }
    }
}

/// Runs every check against `store` below `scratch_prefix`, which is emptied before and after.
///
/// # Panics
/// With the name of the first check that fails and what it saw.
pub async fn check(store: &dyn ObjectStore, scratch_prefix: &str) {
    check_with(store, scratch_prefix, Expectations::default()).await;
}

/// [`check`], for a store that promises less.
///
/// # Panics
/// With the name of the first check that fails and what it saw.
pub async fn check_with(
    store: &dyn ObjectStore,
    scratch_prefix: &str,
    Expectations { exclusive_create }: Expectations,
) {
    let scratch = Scratch { store, prefix: scratch_prefix.trim_end_matches('/') };
    pass("the scratch prefix can be emptied", scratch.empty().await);

    pass("what was put is got, and replaced when told so", bodies::round_trip(&scratch).await);
    pass("an empty object is an object", bodies::empty(&scratch).await);
    pass("five megabytes come back the same", bodies::large(&scratch).await);
    pass("ranges give just their bytes, up to the end", bodies::ranges(&scratch).await);
    pass("ranges without a byte are a typed error", bodies::ranges_outside(&scratch).await);
    pass("what is not there is NotFound by its key", bodies::absent(&scratch).await);
    if exclusive_create {
        pass("create leaves a taken key alone", writers::create_twice(&scratch).await);
        pass("of 16 creators at once one wins", writers::one_winner(&scratch).await);
    }
    pass("of 16 writers at once one's bytes stay, whole", writers::no_mixture(&scratch).await);
    pass("listings are in the order of bytes", listing::byte_order(&scratch).await);
    pass("pages join without gap or overlap", listing::paging(&scratch).await);
    pass("start_after need not exist", listing::start_after(&scratch).await);
    pass("a prefix is text, not a folder", listing::prefix_is_text(&scratch).await);
    pass("deleting is repeatable and precise", deleting::idempotent(&scratch).await);
    pass("more than a thousand are listed and deleted", deleting::many(&scratch).await);
    pass("odd characters in keys survive every verb", names::odd_keys(&scratch).await);
    pass("keys outside of the rules are refused", names::refused_keys(&scratch).await);

    pass("the scratch prefix can be emptied again", scratch.empty().await);
}

fn pass(name: &str, verdict: Verdict) {
    if let Err(seen) = verdict {
        panic!("conformance check '{name}' failed: {seen}");
    }
}

/// The store under test and the part of it the checks may fill.
struct Scratch<'a> {
    store: &'a dyn ObjectStore,
    prefix: &'a str,
}

impl Scratch<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Verdict {
        let put = plain(PutMode::Overwrite);
        self.store.put(key, bytes.into(), put).await.map_err(|e| format!("put '{key}': {e}"))
    }

    async fn create(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        self.store.put(key, bytes.into(), plain(PutMode::Create)).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, String> {
        let object = self.store.get(key, None).await.map_err(|e| format!("get '{key}': {e}"))?;
        same("the size beside the bytes", &object.size, &(object.bytes.len() as u64))?;
        Ok(object.bytes)
    }

    /// The keys of a page, and whether more follow.
    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, bool), String> {
        let page =
            self.store.list(prefix, start_after, limit).await.map_err(|e| {
                format!("list '{prefix}' after {start_after:?}, {limit} at most: {e}")
            })?;
        Ok((page.objects.into_iter().map(|object| object.key).collect(), page.more))
    }

    async fn delete(&self, keys: &[String]) -> Verdict {
        self.store.delete(keys).await.map_err(|e| format!("delete of {} keys: {e}", keys.len()))
    }

    async fn empty(&self) -> Verdict {
        let all = self.store.list_all(&self.key("")).await.map_err(|e| format!("list_all: {e}"))?;
        let keys: Vec<String> = all.into_iter().map(|object| object.key).collect();
        self.delete(&keys).await?;
        same("what is left", &self.list(&self.key(""), None, 10).await?, &(Vec::new(), false))
    }
}

fn plain(mode: PutMode) -> Put<'static> {
    Put { mode, content_type: "application/octet-stream", cache_control: Some("max-age=60") }
}

/// `size` bytes that differ from neighbour to neighbour and from page to page.
fn pattern(size: usize) -> Bytes {
    (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Verdict {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what} is {seen:?} and should be {expected:?}"))
}

/// Compares contents without printing megabytes.
fn same_bytes(what: &str, seen: &[u8], expected: &[u8]) -> Verdict {
    same(&format!("the length of {what}"), &seen.len(), &expected.len())?;
    match seen.iter().zip(expected).position(|(seen, expected)| seen != expected) {
        None => Ok(()),
        Some(at) => Err(format!("{what} differs from byte {at} on")),
    }
}

fn is_not_found<T: std::fmt::Debug>(verb: &str, key: &str, seen: Result<T, StoreError>) -> Verdict {
    match seen {
        Err(StoreError::NotFound { key: named }) => {
            same("the key in NotFound", &named.as_str(), &key)
        }
        seen => Err(format!("{verb} of missing '{key}' gave {seen:?}")),
    }
}
