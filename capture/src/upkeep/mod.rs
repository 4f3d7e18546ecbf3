//! The bucket's upkeep: what the pure plans of `core::upkeep` need is read, what they decide is done.

pub mod deep;
mod error;
pub mod forget;
pub mod probe;
pub mod survey;
pub mod sweep;

pub use error::UpkeepError;
pub use survey::Survey;
