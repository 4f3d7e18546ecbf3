//! A store that notes how long each request took and how many bytes it moved.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskreel_capture::core::spread::Spread;
use deskreel_store::{ListPage, Object, ObjectMeta, ObjectStore, Put, StoreError};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// `POST /-/api/grant`, with making the client that uses it.
    Grant,
    /// `PUT` of an object.
    Put,
    /// `GET` of an object or a range.
    Get,
    /// A page of a listing.
    List,
}

/// One request.
#[derive(Debug, Clone, Copy)]
struct Note {
    verb: Verb,
    bytes: u64,
    took: Duration,
    failed: bool,
}

/// All requests of a run.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Vec<Note>>);

/// All requests of a kind.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Which.
    pub verb: Verb,
    /// How many.
    pub count: usize,
    /// How many of them failed, after the store client's own attempts.
    pub failed: usize,
    /// Bytes of bodies.
    pub bytes: u64,
    /// How long they took, microseconds, own attempts of the client included.
    pub micros: Spread,
    /// 99 of 100 took at most so long, microseconds.
    pub p99_micros: u64,
}

impl Notes {
    /// Runs a request of `verb`; `bytes` tells how many its answer, or the request, held.
    ///
    /// # Errors
    /// As the request's.
    pub async fn time<T, E>(
        &self,
        verb: Verb,
        request: impl Future<Output = Result<T, E>>,
        bytes: impl Fn(&T) -> u64,
    ) -> Result<T, E> {
        let began = Instant::now();
        let outcome = request.await;
        let moved = outcome.as_ref().map_or(0, bytes);
        let note = Note { verb, bytes: moved, took: began.elapsed(), failed: outcome.is_err() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        outcome
    }

    /// What it comes to, by kind.
    pub fn figures(&self) -> Vec<Figures> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |verb| {
            let notes: Vec<Note> = notes.iter().copied().filter(|note| note.verb == verb).collect();
            let mut micros: Vec<u64> =
                notes.iter().map(|note| note.took.as_micros() as u64).collect();
            micros.sort_unstable();
            let rank = (micros.len() * 99).div_ceil(100).saturating_sub(1);
            Figures {
                verb,
                count: notes.len(),
                failed: notes.iter().filter(|note| note.failed).count(),
                bytes: notes.iter().map(|note| note.bytes).sum(),
                p99_micros: micros.get(rank).copied().unwrap_or(0),
                micros: Spread::of(micros),
            }
        };
        [Verb::Grant, Verb::Put, Verb::Get, Verb::List].map(of).into()
    }
}

/// An [`ObjectStore`] whose requests are noted.
#[derive(Debug)]
pub struct Measured {
    /// What answers.
    pub store: Arc<dyn ObjectStore>,
    /// Where they are noted.
    pub notes: Arc<Notes>,
}

#[async_trait::async_trait]
impl ObjectStore for Measured {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        let size = bytes.len() as u64;
        self.notes.time(Verb::Put, self.store.put(key, bytes, put), |()| size).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        let size = |object: &Object| object.bytes.len() as u64;
        self.notes.time(Verb::Get, self.store.get(key, range), size).await
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        self.notes.time(Verb::Get, self.store.head(key), |_| 0).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.notes.time(Verb::List, self.store.list(prefix, start_after, limit), |_| 0).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.store.delete(keys).await
    }
}
