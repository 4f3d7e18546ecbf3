//! The capture agent: screens in, segments out; and the reader that proves what is stored.
//!
//! `core` decides and does no I/O; everything else is the shell around it.

pub mod agent;
pub mod begin;
pub mod cli;
pub mod config;
pub mod control;
pub mod core;
mod granted;
pub mod journal;
pub mod location;
pub mod lock;
pub mod manifests;
pub mod outbox;
pub mod packs;
pub mod picture;
pub mod reader;
pub mod recording;
pub mod rival;
pub mod secret;
pub mod service;
pub mod source;
pub mod spool;
