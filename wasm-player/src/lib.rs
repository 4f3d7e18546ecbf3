//! Deskreel's player: decides in a pure core, touches the browser in a thin shell.
//!
//! [`core`] takes bytes and the time and says what to fetch and draw; it runs and is tested
//! anywhere. [`sign`] makes the URLs. The `web` module (only on wasm32) carries the core's wishes
//! out and holds no decision of its own.

pub mod core;
pub mod sign;
#[cfg(target_arch = "wasm32")]
mod web;
