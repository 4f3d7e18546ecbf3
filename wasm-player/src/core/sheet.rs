//! A manifest as the player keeps it: with what each of its moments needs.

mod copies;

use std::sync::Arc;

use deskreel_format::manifest::INDEX_WRITER;
use deskreel_format::{Digest, Layout, Manifest, Moment, PackRef, SegmentId, StreamName};

pub use copies::{Copies, Copy};

/// A decoded pack's place in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackKey {
    /// The object.
    pub segment: SegmentId,
    /// First byte in it.
    pub offset: u32,
}

impl From<&PackRef> for PackKey {
    fn from(pack: &PackRef) -> Self {
        Self { segment: pack.segment, offset: pack.offset }
    }
}

/// A screenshot: which manifest, and the how-many-eth in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MomentKey {
    /// UTC milliseconds; first, so that keys sort by time.
    pub time_ms: u64,
    /// The segment that lists it.
    pub segment: SegmentId,
    /// Index into the manifest's moments.
    pub index: usize,
}

/// A manifest and, for each of its moments, the packs that its picture takes.
#[derive(Debug)]
pub struct Sheet {
    /// The manifest, its packs located from the start of their objects. Its list of equal tiles is
    /// empty: they are in [`Self::copies`].
    pub manifest: Manifest,
    needs: Vec<Vec<u32>>,
    /// Shared with the questions that took it in, which may outlive it.
    copies: Arc<Copies>,
}

impl Sheet {
    /// Replays the manifest once.
    pub fn new(mut manifest: Manifest) -> Self {
        let same = std::mem::take(&mut manifest.links.same);
        let copies = Arc::new(Copies::new(same, &manifest.packs));
        let needs = manifest.packs_of_moments();
        Self { manifest, needs, copies }
    }

    /// The equal tiles that it names.
    pub fn copies(&self) -> &Arc<Copies> {
        &self.copies
    }

    /// The layout of moment `index`; `None` if there is no such moment.
    pub fn layout(&self, index: usize) -> Option<&Layout> {
        let moment = self.manifest.moments.get(index)?;
        self.manifest.layouts.get(moment.layout as usize)
    }

    /// The packs that moment `index` takes; none if there is no such moment.
    pub fn needs(&self, index: usize) -> impl Iterator<Item = &PackRef> {
        let packs = self.needs.get(index).map(Vec::as_slice).unwrap_or_default();
        packs.iter().filter_map(|pack| self.manifest.packs.get(*pack as usize))
    }

    /// Which packs of the manifest's table are here, to be asked about by [`Self::is_ready`].
    pub fn here(&self, is_here: impl Fn(PackKey) -> bool) -> Vec<bool> {
        self.manifest.packs.iter().map(|pack| is_here(pack.into())).collect()
    }

    /// Whether all packs that moment `index` takes are among those `here`; false if there is no such
    /// moment.
    pub fn is_ready(&self, index: usize, here: &[bool]) -> bool {
        self.needs.get(index).is_some_and(|needs| needs.iter().all(|pack| here[*pack as usize]))
    }

    /// The times of the moments all of whose packs are here.
    pub fn ready(&self, is_here: impl Fn(PackKey) -> bool) -> impl Iterator<Item = u64> + '_ {
        let here = self.here(is_here);
        let moments = self.manifest.moments.iter().enumerate();
        moments
            .filter(move |(index, _)| self.is_ready(*index, &here))
            .map(|(_, moment)| moment.time_ms)
    }

    /// The key of moment `index`.
    pub fn moment_key(&self, index: usize) -> Option<MomentKey> {
        let time_ms = self.manifest.moments.get(index)?.time_ms;
        Some(MomentKey { time_ms, segment: self.manifest.id, index })
    }

    /// Memory held, bytes, about.
    pub fn bytes(&self) -> usize {
        let manifest = &self.manifest;
        let moments = manifest.moments.iter();
        let held = |m: &Moment| m.changes.heap_bytes() + m.digests.capacity() * size_of::<Digest>();
        let moments: usize = moments.map(|moment| held(moment) + size_of::<Moment>()).sum();
        let needs: usize = self.needs.iter().map(|needs| needs.len() * 4 + 24).sum();
        let packs = manifest.packs.len() * size_of::<PackRef>();
        moments
            + needs
            + packs
            + self.copies.heap_bytes()
            + manifest.tail.len() * 16
            + manifest.absences.len() * 24
            + 256
    }
}

/// The key of the object that a manifest lies in: a segment, or an index, which writer 0 stands for.
pub fn object_key(stream: &StreamName, id: SegmentId) -> String {
    if id.writer == INDEX_WRITER { stream.index_key(id.first_ms) } else { stream.segment_key(id) }
}
