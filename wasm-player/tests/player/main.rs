//! The player's core against recordings in memory, with time passed in by hand.

#![allow(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]

mod bucket;
mod decoding;
mod driver;
mod failures;
mod indexed;
mod line;
mod playing;
mod recording;
mod regions;
mod scrubbing;
mod seeking;
mod streams;
