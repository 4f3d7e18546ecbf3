//! The player's core: no I/O, no clock, no browser.
//!
//! [`Player::handle`] takes the time and an [`Input`]; [`Player::poll_output`] gives what is to be
//! done until it is empty. Times are UTC milliseconds.

pub mod access;
pub mod boards;
pub mod cache;
pub mod compositor;
pub mod decoding;
pub mod discovery;
pub mod failure;
pub mod io;
pub mod listing;
pub mod plan;
pub mod playback;
pub mod player;
pub mod preview;
mod proofs;
pub mod regions;
pub mod replay;
pub mod sheet;
pub mod timeline;
pub mod transfers;

pub use access::{Ask, Grant, Source};
pub use decoding::{DecodeId, DecodeJob};
pub use io::{Event, Input, Output, PlayerError, Status, TransferId};
pub use player::{Config, Player};
