//! The codec that stores screen tiles in the fewest bytes: context mixing over the arrangement the tiles
//! have on the screen. `SCREEN.md` is the normative description.
//!
//! Integer arithmetic only, so that every platform reads and writes the same bytes.

mod counters;
mod escape;
mod guesses;
mod lettering;
mod logistic;
mod photo;
mod pixels;
mod range;

pub(in crate::codec) use pixels::Pixels;
