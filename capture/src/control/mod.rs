//! Talking to an agent that runs: a socket per stream, for its user alone.
//!
//! [`protocol`] is what is said (pure), [`address`] where; `server` is the agent's end, `client` that of
//! `deskreel status`, `pause` and the like.

pub mod address;
mod client;
pub mod pause;
pub mod protocol;
mod server;
mod usage;

pub use client::{AskError, Conversation, ask};
pub use server::{Host, Serving, serve};
