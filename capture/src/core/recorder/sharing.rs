//! The recorder among other desktops: refers to tiles of the commons, and tells of its own.

use deskreel_format::sharing::{Candidates, CommonsIndex};

use super::super::compare::Lookup;
use super::super::known::PackTiles;
use super::super::sharing::Sharer;
use super::Recorder;

impl Recorder {
    /// From here on, [`Recorder::take_candidates`] tells what other desktops may share.
    pub fn share(&mut self) {
        self.sharer.get_or_insert_with(Sharer::default);
    }

    /// The commons are from now on what `index` says.
    pub fn set_commons(&mut self, index: &CommonsIndex) {
        let packs = index.packs.iter().filter(|pack| pack.tile == self.settings.tile);
        let packs: Vec<PackTiles> =
            packs.map(|pack| PackTiles { pack: pack.pack, hashes: pack.hashes.clone() }).collect();
        self.known.set_commons(&packs);
    }

    /// A list of candidates, with the time of the screenshot after which it is due, UTC milliseconds,
    /// and the writer of this run; `None` as long as there is nothing to say.
    pub fn take_candidates(&mut self, now_ms: u64) -> Option<(Candidates, u32)> {
        let candidates = self.sharer.as_mut()?.take(now_ms, self.settings.tile)?;
        Some((candidates, self.writer))
    }

    /// Finds new places for the cells whose tiles are past their lease: where the tile lies a second
    /// time, or in the commons; else it must be stored again. Returns the number of the latter.
    pub(super) fn renew_leases(&self, now_ms: u64, screen: &mut Lookup) -> usize {
        let before = screen.missing.len();
        for (cell, (hash, place)) in screen.hashes.iter().zip(&mut screen.places).enumerate() {
            let Some(old) = *place else { continue };
            if self.known.in_lease(old.pack, now_ms) {
                continue;
            }
            *place = self.known.find(hash, now_ms);
            if place.is_none() {
                *place = self.known.find_shared(hash, now_ms);
                match place {
                    Some(shared) => drop(screen.borrowed.insert(*hash, *shared)),
                    None => screen.missing.push(cell),
                }
            }
        }
        screen.missing.sort_unstable();
        screen.missing.len() - before
    }

    /// Takes the borrowed tiles that the screen really shows for known ones. Returns how many of its
    /// cells show one.
    pub(super) fn adopt(&mut self, screen: &mut Lookup) -> usize {
        let mut cells = 0;
        let mut borrowed = std::mem::take(&mut screen.borrowed);
        let mut adopted = std::collections::HashSet::new();
        for (hash, place) in screen.hashes.iter().zip(&screen.places) {
            let Some(place) = place else { continue };
            if adopted.contains(hash) {
                cells += 1;
            } else if borrowed.get(hash) == Some(place) {
                borrowed.remove(hash);
                adopted.insert(*hash);
                cells += 1;
                if let Some(before) = self.known.adopt(*hash, *place) {
                    self.chain.moved(before, *place);
                }
            }
        }
        cells
    }
}
