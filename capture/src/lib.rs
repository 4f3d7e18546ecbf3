//! The capture agent: screens in, segments out.
pub mod core;
pub mod source;
