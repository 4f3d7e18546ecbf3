//! Deskreel's thin local server: an S3 store on the local disk, grants of temporary keys, and the
//! player's files, behind one address.
//!
//! ```text
//! /BUCKET/KEY          S3, signed requests only
//! /-/player/           the player's static files
//! /-/health            {"status": "ok", "version": ...}
//! /-/api/streams       names of the streams recorded here
//! /-/api/grant         temporary keys for one stream
//! ```
//!
//! [`start`] runs it in-process; the binary `deskreel-server` is a thin shell around it.
//!
//! Layers, each knowing only those before it: pure decisions ([`access`], [`cors`], [`lifecycle`]
//! plans), the disk ([`backend`], which knows no protocol), S3 over the disk, HTTP beside S3.

pub mod access;
pub mod backend;
pub mod clock;
pub mod config;
pub mod cors;
mod http;
pub mod lifecycle;
mod run;
mod s3;

pub use config::{AuthToken, ConfigError, ServeConfig};
pub use run::{Running, StartError, start};
