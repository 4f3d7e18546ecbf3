//! The capture agent.
pub mod source;
