//! A bucket's upkeep, for agents, operators and the server alike: `plan` decides and does no I/O;
//! everything else reads what the plans need and does what they decide.

pub mod abandoned;
pub mod deep;
mod error;
pub mod forget;
pub mod plan;
pub mod probe;
pub mod rollup;
pub mod share;
pub mod survey;
pub mod sweep;

pub use error::UpkeepError;
pub use survey::Survey;
