//! The codec that is used unless another is asked for: three times as fast as codec `screen` for about a
//! sixth more bytes. `QUICK.md` is the normative description.
//!
//! One or two counters for each decision in the place of mixed ones, colours spelt by symbols of 16, and
//! a coder that needs no division to read. Integer arithmetic only.

mod escape;
mod flags;
mod guesses;
mod pixels;
mod rans;
mod symbols;

pub(in crate::codec) use pixels::Pixels;
