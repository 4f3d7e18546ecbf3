//! What a screenshot is compared with, and what came of it.

use std::collections::HashMap;

use deskreel_format::{Digest, Layout, TileHash};

use super::known::Place;
use super::screen::{Dirty, Screen};
use crate::source::Surface;

/// The screenshot before, to compare with.
pub(super) struct Previous {
    pub(super) layout: Layout,
    pub(super) digests: Vec<Digest>,
    pub(super) hashes: Vec<TileHash>,
    pub(super) places: Vec<Place>,
    /// Number of the screenshot: a screen that did not show just this one is all new.
    pub(super) number: u64,
}

/// What the cells of a screenshot are, before anything is stored.
pub(super) struct Lookup {
    pub(super) hashes: Vec<TileHash>,
    pub(super) places: Vec<Option<Place>>,
    /// Cells whose tile must be stored, ascending.
    pub(super) missing: Vec<usize>,
    /// Tiles that were found in the commons alone.
    pub(super) borrowed: HashMap<TileHash, Place>,
    pub(super) changed: usize,
    /// Places of the screenshot before, if its layout was the same.
    pub(super) before: Option<Vec<Place>>,
}

/// The digest of each surface: that of the screenshot before where nothing changed.
pub(super) fn digests(screen: &Screen, previous: Option<&Previous>) -> Vec<Digest> {
    let surfaces = screen.surfaces().iter().zip(screen.dirty()).enumerate();
    let digest = |(index, (surface, dirty)): (usize, (&Surface, &Dirty))| match previous {
        Some(previous) if !dirty.any() => previous.digests[index],
        _ => Digest::of(&surface.picture),
    };
    surfaces.map(digest).collect()
}
