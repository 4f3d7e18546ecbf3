//! The player's core against recordings in memory, with time passed in by hand.

mod bucket;
mod driver;
mod failures;
mod playing;
mod recording;
mod seeking;
mod streams;
