//! The pure half of a bucket's upkeep: what is wrong, what may go, what must be written anew.

pub mod audit;
pub mod budget;
pub mod facts;
pub mod forget;
mod heir;
pub mod rewrite;
pub mod rollup;
pub mod share;
pub mod sweep;

/// Moments can be shown for so long, milliseconds; readers show no older ones.
pub const WINDOW_MS: u64 = 86_400_000;
/// A tile is referred to for so long after it was stored, milliseconds; then it is stored again.
pub const LEASE_MS: u64 = 86_400_000;
/// Nothing that can be shown refers to a segment older than this: the window after the lease.
pub const LIFETIME_MS: u64 = WINDOW_MS + LEASE_MS;
