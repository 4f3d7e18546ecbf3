//! Upkeep on a store in memory: real segments, requests that fail at any point, pixels compared.

#[path = "upkeep/forget.rs"]
mod forget;
#[path = "upkeep/stream.rs"]
mod stream;
#[path = "upkeep/sweep.rs"]
mod sweep;
#[path = "upkeep/verify.rs"]
mod verify;
