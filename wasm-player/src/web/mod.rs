//! The browser's side: carries the core's wishes out and brings it what came of them.
//!
//! Nothing is decided here. Everything about time, tiles, retries and caches is in [`crate::core`];
//! what takes long is decoded beside the page's thread, by [`decoders`].

mod decoders;
mod fetch;
mod handle;
mod screen;
mod shell;
mod tell;
