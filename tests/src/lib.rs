//! What whole-system tests and the demo need from the world around Deskreel.

pub mod browser;
pub mod desktop;
pub mod product;
