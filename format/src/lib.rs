//! Deskreel's bytes and keys: everything that ends up in a bucket, and nothing else.
//!
//! This crate is pure: no I/O, no clock, no threads. `FORMAT.md` beside it is the normative
//! description of what it reads and writes; each decoder takes [`Limits`], is total on arbitrary
//! bytes, and names what is wrong and where ([`FormatError`]).

pub mod cells;
pub mod codec;
pub mod digest;
pub mod error;
pub mod grid;
pub mod index;
pub mod key;
pub mod layout;
pub mod limits;
pub mod links;
pub mod manifest;
pub mod pack;
pub mod picture;
pub mod pixels;
pub mod roll;
pub mod seek;
pub mod segment;
pub mod sharing;
pub mod shown;
pub mod storyboard;
pub mod summary;
pub mod tile;
pub mod time;
mod wire;

pub use cells::{CellChange, Changes, Rest, TileRef};
pub use digest::Digest;
pub use error::FormatError;
pub use grid::{Grid, TileSize};
pub use index::{DaySummary, Index};
pub use key::{SegmentId, StreamName};
pub use layout::{Layout, SurfaceInfo};
pub use limits::Limits;
pub use links::{Chain, Links, SameTiles};
pub use manifest::{Absence, AbsenceKind, Manifest, Moment, PackRef, Screen};
pub use pack::Pack;
pub use picture::{Picture, PictureError};
pub use segment::{Segment, SegmentHeader};
pub use storyboard::Storyboard;
pub use summary::MomentSummary;
pub use tile::{DomainKey, TileHash};
