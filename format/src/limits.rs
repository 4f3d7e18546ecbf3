//! How much a decoder may be asked for: the guard against hostile bytes.

/// Upper bounds that every decoder keeps, whatever the bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest after inflating.
    pub manifest_bytes: usize,
    /// Screenshots in one manifest.
    pub moments: usize,
    /// Surfaces (monitors) in one layout.
    pub surfaces: usize,
    /// Distinct layouts in one manifest.
    pub layouts: usize,
    /// Packs that one manifest may refer to.
    pub packs: usize,
    /// Cells of all surfaces of one screenshot.
    pub cells: usize,
    /// Cell changes of all screenshots of one manifest.
    pub changes: usize,
    /// Pixels of one pack, edge padding included.
    pub pack_pixels: usize,
    /// Bytes of one pack as stored.
    pub pack_bytes: usize,
    /// Entries of a summary.
    pub summary: usize,
    /// Absences in one manifest.
    pub absences: usize,
}

impl Default for Limits {
    /// Room for six 8K monitors at 16 px, a day of summaries, an hour of one-second screenshots.
    fn default() -> Self {
        Self {
            manifest_bytes: 64 << 20,
            moments: 4_096,
            surfaces: 32,
            layouts: 256,
            packs: 1 << 16,
            cells: 1 << 20,
            changes: 1 << 24,
            pack_pixels: 1 << 28,
            pack_bytes: 1 << 30,
            summary: 200_000,
            absences: 10_000,
        }
    }
}
