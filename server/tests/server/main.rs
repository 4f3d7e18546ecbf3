//! The server as its clients see it: started in-process or as the real program, driven with the
//! AWS SDK, presigned URLs and plain HTTP.

#![allow(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]

mod access;
mod conformance;
mod crash;
mod listing;
mod objects;
mod program;
mod settings;
mod support;
mod web;
