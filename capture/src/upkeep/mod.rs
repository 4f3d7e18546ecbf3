//! The bucket's upkeep: what the pure plans of `core::upkeep` need is read, what they decide is done.

pub mod deep;
pub mod forget;
pub mod probe;
pub mod survey;
pub mod sweep;

pub use survey::{Survey, UpkeepError};
