//! Deskreel's object store: one small trait, S3 and in-memory, and the suite both must pass.
//!
//! Everything Deskreel keeps lives behind [`ObjectStore`]: five verbs on whole objects. [`S3Store`]
//! speaks to any S3 endpoint, [`MemoryStore`] serves tests, and [`conformance::check`] is the list of
//! promises that every implementation is held to.

pub mod conformance;
mod error;
mod key;
mod memory;
mod object_store;
mod s3;

pub use error::StoreError;
pub use key::MAX_KEY_BYTES;
pub use memory::{MemoryStore, PutHeaders};
pub use object_store::{ListPage, Object, ObjectMeta, ObjectStore, Put, PutMode};
pub use s3::{Credentials, LifecycleRule, S3Config, S3Store};
