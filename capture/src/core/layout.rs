//! What a manifest says of the monitors.

use deskreel_format::{Layout, SurfaceInfo};

use crate::source::Surface;

/// The layout of some surfaces; names are cut to what the format takes.
pub(super) fn layout_of(surfaces: &[Surface]) -> Layout {
    let info = |s: &Surface| SurfaceInfo {
        name: s.name.chars().take(60).collect(),
        x: s.x,
        y: s.y,
        scale_milli: s.scale_milli,
        width: s.picture.width(),
        height: s.picture.height(),
    };
    Layout { surfaces: surfaces.iter().map(info).collect() }
}
