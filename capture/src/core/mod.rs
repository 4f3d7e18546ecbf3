//! The agent's pure core: which tiles are new, what is stored, what a seek costs. No I/O, no clock.

pub mod area;
mod chain;
mod compare;
pub mod exclusion;
pub mod export;
pub mod known;
pub mod layout;
pub mod outbox;
mod packing;
pub mod recorder;
pub mod renewal;
pub mod rival;
pub mod sampling;
pub mod screen;
pub mod sealed;
mod sharing;
pub mod shot;
pub mod spread;
pub mod storyboard;
pub mod tail;
pub mod tuning;

// Whoever writes segments anew keeps the same budget.
pub use deskreel_upkeep::plan::budget;
