//! The browser's side: carries the core's wishes out and brings it what came of them.
//!
//! Nothing is decided here. Everything about time, tiles, retries and caches is in [`crate::core`];
//! moving the player into a worker means replacing these files alone.

mod fetch;
mod handle;
mod screen;
mod shell;
mod tell;
