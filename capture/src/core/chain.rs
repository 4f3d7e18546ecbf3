//! Remembers, for the manifests, which tiles were stored again and how far the memory of it reaches.
//!
//! Readers conclude from two different references along a chain that the tiles differ. So whenever the
//! recorder may have forgotten a tile that it had shown, the chain must break: a break costs a reader
//! work, a missing one would be a lie.

use std::collections::HashMap;

use deskreel_format::{Chain, Links, TileHash, TileRef};

use super::known::Place;

/// The chain of one recorder, and the links of the segment being built.
#[derive(Debug, Default)]
pub(super) struct ChainKeeper {
    /// Time of the screenshot before, while the chain goes on from it.
    last_ms: Option<u64>,
    after_ms: Option<u64>,
    breaks: Vec<u32>,
    same: Vec<(Place, Place)>,
}

impl ChainKeeper {
    /// Something may have been forgotten: the chain ends with the screenshot before the next one.
    pub(super) fn end(&mut self) {
        self.last_ms = None;
    }

    /// Tiles of these hashes, slot by slot, were stored in a pack; `before` tells where they were.
    pub(super) fn stored(
        &mut self,
        before: &HashMap<TileHash, Place>,
        pack: u32,
        hashes: &[TileHash],
    ) {
        let pair = |(slot, hash)| Some((*before.get(hash)?, Place { pack, slot }));
        self.same.extend((0_u32..).zip(hashes).filter_map(pair));
    }

    /// A tile is shown from another place from here on.
    pub(super) fn moved(&mut self, from: Place, to: Place) {
        self.same.push((from, to));
    }

    /// Another screenshot was added as moment `index` of the segment.
    pub(super) fn add(&mut self, time_ms: u64, index: usize) {
        match (index, self.last_ms) {
            (0, last_ms) => self.after_ms = last_ms,
            (index, None) => self.breaks.push(index as u32),
            _ => {}
        }
        self.last_ms = Some(time_ms);
    }

    /// The packs that links name.
    pub(super) fn packs(&self) -> impl Iterator<Item = u32> + '_ {
        self.same.iter().flat_map(|(from, to)| [from.pack, to.pack])
    }

    /// The segment is complete, with `moments` moments: its links, places by `to_ref`.
    pub(super) fn take(&mut self, moments: usize, to_ref: impl Fn(&Place) -> TileRef) -> Links {
        let pairs = std::mem::take(&mut self.same);
        let same = Links::same_of(pairs.iter().map(|(from, to)| (to_ref(from), to_ref(to))));
        let mut breaks = std::mem::take(&mut self.breaks);
        if self.last_ms.is_none() {
            breaks.push(moments as u32);
        }
        let after_ms = self.after_ms.take();
        Links { same, chain: Some(Chain { after_ms, breaks }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keeper: &mut ChainKeeper, moments: usize) -> Chain {
        let links = keeper.take(moments, |place| TileRef { pack: place.pack, slot: place.slot });
        links.chain.unwrap()
    }

    #[test]
    fn a_chain_reaches_from_segment_to_segment_until_something_is_forgotten() {
        let mut keeper = ChainKeeper::default();
        keeper.add(10, 0);
        keeper.add(20, 1);
        assert_eq!(taken(&mut keeper, 2), Chain { after_ms: None, breaks: vec![] });
        keeper.add(30, 0);
        keeper.end();
        keeper.add(40, 1);
        assert_eq!(taken(&mut keeper, 2), Chain { after_ms: Some(20), breaks: vec![1] });
        keeper.add(50, 0);
        keeper.end();
        assert_eq!(taken(&mut keeper, 1), Chain { after_ms: Some(40), breaks: vec![1] });
        keeper.add(60, 0);
        assert_eq!(taken(&mut keeper, 1), Chain { after_ms: None, breaks: vec![] });
    }
}
