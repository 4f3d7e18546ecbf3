//! Deskreel's bytes and keys.
pub mod picture;
pub use picture::Picture;
