//! Deskreel's thin server: grants of temporary keys, sweep and audit, the player's files, and, for
//! those who have no store, an S3 store on the local disk, behind one address.
//!
//! ```text
//! /BUCKET/KEY          S3, signed requests only
//! /-/player/           the player's static files
//! /-/health            {"status": "ok", "version": ...}
//! /-/api/streams       names of the streams recorded here
//! /-/api/grant         temporary keys for one stream
//! ```
//!
//! [`start`] runs it in-process with the embedded store, [`gateway`] in front of MinIO or AWS; the
//! binary `deskreel-server` and the Lambda functions are thin shells around them.
//!
//! Layers, each knowing only those before it: pure decisions ([`access`], [`cors`], [`lifecycle`]
//! plans), the disk ([`backend`], which knows no protocol), S3 over the disk, HTTP beside S3.

pub mod access;
pub mod backend;
pub mod clock;
pub mod config;
pub mod cors;
pub mod embedded;
pub mod gateway;
pub mod grant;
mod http;
pub mod lifecycle;
pub mod publish;
mod run;
mod s3;
pub mod token;
pub mod work;

pub use config::{AuthToken, ConfigError, ServeConfig};
pub use http::{Api, Door, api_router};
pub use run::{Running, StartError, start};
