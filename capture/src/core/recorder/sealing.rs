//! The recorder completes a segment: its manifest, links and packs in one object.

use std::collections::HashMap;

use deskreel_format::{CellChange, FormatError, Manifest, Moment, Segment, TileRef};

use super::super::known::{PackTiles, Place};
use super::super::sealed::{Sealed, refers};
use super::{Open, Recorder};

impl Recorder {
    /// Completes the segment being built; `None` when it holds no screenshot.
    ///
    /// # Errors
    /// [`FormatError::Limit`] when it would be larger than an object may be.
    pub fn seal(&mut self) -> Result<Option<Sealed>, FormatError> {
        let Some(open) = self.open.take().filter(|open| !open.moments.is_empty()) else {
            return Ok(None);
        };
        let (mut manifest, blobs) = self.manifest_of(&open);
        manifest.absences = std::mem::take(&mut self.absences);
        manifest.tail = self.tail.before(open.id.first_ms);
        let bytes = Segment::encode(&manifest, &blobs)?;
        let packs_start = bytes.len() - blobs.iter().map(Vec::len).sum::<usize>();
        let mut packs = Vec::new();
        for (number, _, hashes) in open.packs {
            let mut pack = self.known.pack(number);
            pack.offset += packs_start as u32;
            self.known.relocate(number, pack);
            packs.push(PackTiles { pack, hashes });
        }
        let refers = refers(&manifest);
        let last_ms = manifest.moments.last().map_or(open.id.first_ms, |moment| moment.time_ms);
        let moments = manifest.moments.len();
        Ok(Some(Sealed { id: open.id, bytes, packs, refers, moments, last_ms }))
    }

    /// The manifest, whose table holds just the packs that it uses, most used first.
    fn manifest_of(&mut self, open: &Open) -> (Manifest, Vec<Vec<u8>>) {
        let mut uses: HashMap<u32, usize> = HashMap::new();
        for (_, place) in open.moments.iter().flat_map(|m| &m.changes) {
            *uses.entry(place.pack).or_default() += 1;
        }
        self.chain.packs().for_each(|pack| *uses.entry(pack).or_default() += 1);
        let mut table: Vec<u32> = uses.keys().copied().collect();
        table.sort_unstable_by_key(|pack| (std::cmp::Reverse(uses[pack]), *pack));
        let index: HashMap<u32, u32> =
            table.iter().enumerate().map(|(i, p)| (*p, i as u32)).collect();
        let to_ref = |place: &Place| TileRef { pack: index[&place.pack], slot: place.slot };
        let moments = open.moments.iter().map(|moment| Moment {
            time_ms: moment.time_ms,
            layout: moment.layout,
            idle: moment.idle,
            digests: moment.digests.clone(),
            changes: moment
                .changes
                .iter()
                .map(|(cell, place)| CellChange { cell: *cell, to: to_ref(place) })
                .collect(),
        });
        let manifest = Manifest {
            id: open.id,
            tile: self.settings.tile,
            interval_ms: self.settings.interval_ms,
            layouts: open.layouts.clone(),
            packs: table.iter().map(|pack| self.known.pack(*pack)).collect(),
            moments: moments.collect(),
            absences: Vec::new(),
            tail: Vec::new(),
            links: self.chain.take(open.moments.len(), to_ref),
        };
        (manifest, open.packs.iter().map(|(_, bytes, _)| bytes.clone()).collect())
    }
}
