//! The server as its clients see it: started in-process or as the real program, driven with the
//! AWS SDK, presigned URLs and plain HTTP.

mod access;
mod crash;
mod listing;
mod objects;
mod program;
mod settings;
mod support;
mod web;
