//! How much a decoder may be asked for: the guard against hostile bytes.

/// Upper bounds that every decoder keeps, whatever the bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest or of a day's summary, before and after inflating.
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
    /// Runs of cells of all screenshots of one manifest: what its changes take in memory, about 20
    /// bytes each.
    pub runs: usize,
    /// Cell changes of all screenshots of one manifest: what it takes to replay it.
    pub changes: usize,
    /// Runs of equal tiles in one manifest, and the tiles of all of them.
    pub same: usize,
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
    /// Room for six 8K monitors at 16 px or six 4K monitors at 8 px; for a day of summaries; for an
    /// hour of one-second screenshots, or of film on six 4K monitors every 10 s.
    fn default() -> Self {
        Self {
            manifest_bytes: 64 << 20,
            moments: 4_096,
            surfaces: 32,
            layouts: 256,
            packs: 1 << 16,
            cells: 1 << 20,
            runs: 1 << 23,
            changes: 1 << 28,
            same: 1 << 23,
            pack_pixels: 1 << 28,
            pack_bytes: 1 << 30,
            summary: 200_000,
            absences: 10_000,
        }
    }
}
