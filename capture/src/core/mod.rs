//! The agent's pure core: which tiles are new, what is stored, what a seek costs. No I/O, no clock.

pub mod area;
pub mod budget;
pub mod exclusion;
pub mod known;
pub mod layout;
pub mod outbox;
mod packing;
pub mod recorder;
pub mod rival;
pub mod sampling;
pub mod screen;
pub mod sealed;
pub mod spread;
pub mod tail;
pub mod tuning;
