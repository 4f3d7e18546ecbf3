//! The screens of a manifest, kept here and there, so that going to a moment need not begin at the
//! first: an hour's manifest has 360 moments and hundreds of thousands of changes.

use std::collections::BTreeMap;

use deskreel_format::manifest::Screen;
use deskreel_format::{Manifest, TileRef};

/// The screens of the manifest that was asked for last.
#[derive(Debug, Default)]
pub struct Replay {
    /// The number of the manifest; 0 for none.
    number: u64,
    /// The screen asked for last, and the index of its moment.
    last: Option<(usize, Screen)>,
    /// By index of their moments.
    kept: BTreeMap<usize, Screen>,
    bytes: usize,
}

/// Every so many moments a screen is kept.
const EVERY: usize = 16;
/// Bytes of screens kept, at most. An hour of three monitors of 1920 x 1080 pixels takes 4 MB.
const ROOM: usize = 8 << 20;

impl Replay {
    /// The whole screen of moment `index`, as [`Manifest::screen`] gives it. `number` is not 0 and that
    /// of no other manifest.
    pub fn screen(&mut self, number: u64, manifest: &Manifest, index: usize) -> Option<&Screen> {
        if self.number != number {
            *self = Self { number, ..Self::default() };
        }
        let moments = manifest.moments.get(..=index)?;
        let kept = self.kept.range(..=index).next_back();
        let last = self.last.take().filter(|(at, _)| *at <= index);
        let (mut at, mut screen) = match (kept, last) {
            (Some((kept_at, _)), Some((at, screen))) if at >= *kept_at => (at, screen),
            (None, Some(last)) => last,
            (Some((at, screen)), _) => (*at, screen.clone()),
            (None, None) => (0, Screen::of(moments.first()?)),
        };
        for moment in &moments[at + 1..] {
            at += 1;
            screen.apply(moment);
            if at % EVERY == 0 {
                self.keep(at, &screen);
            }
        }
        self.last = Some((at, screen));
        self.last.as_ref().map(|(_, screen)| screen)
    }

    /// Memory held, bytes.
    pub fn bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |(_, screen)| bytes_of(screen));
        self.bytes + last
    }

    fn keep(&mut self, at: usize, screen: &Screen) {
        let bytes = bytes_of(screen);
        if self.bytes + bytes > ROOM {
            (self.kept, self.bytes) = (BTreeMap::new(), 0);
        }
        if bytes <= ROOM && self.kept.insert(at, screen.clone()).is_none() {
            self.bytes += bytes;
        }
    }
}

fn bytes_of(screen: &Screen) -> usize {
    screen.cells.len() * size_of::<TileRef>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskreel_format::{CellChange, Links, Moment, SegmentId, TileSize};

    /// `count` moments that change a cell each, and all of them where the layout changes.
    fn manifest(count: u32, cells: u32) -> Manifest {
        let change = |cell: u32, slot: u32| CellChange { cell, to: TileRef { pack: 0, slot } };
        let moment = |at: u32| {
            let layout = at / 50;
            let changes = match at % 50 {
                0 => (0..cells).map(|cell| change(cell, at)).collect(),
                _ => [change(at * 7 % cells, at)].into_iter().collect(),
            };
            let (time_ms, digests) = (u64::from(at), Vec::new());
            Moment { time_ms, layout, idle: false, digests, changes }
        };
        Manifest {
            id: SegmentId { first_ms: 0, writer: 1 },
            tile: TileSize::ALL[1],
            interval_ms: 1,
            layouts: Vec::new(),
            packs: Vec::new(),
            moments: (0..count).map(moment).collect(),
            absences: Vec::new(),
            tail: Vec::new(),
            links: Links::default(),
        }
    }

    #[test]
    fn screens_are_the_same_in_whatever_order_they_are_asked_for() {
        let manifests = [manifest(120, 11), manifest(90, 5)];
        let mut replay = Replay::default();
        let mut at = 0;
        for _ in 0..500 {
            at = (at * 37 + 11) % 130;
            for (number, manifest) in (1..).zip(&manifests) {
                let (seen, meant) = (replay.screen(number, manifest, at), manifest.screen(at));
                assert_eq!(seen, meant.as_ref(), "{at}");
                let seen = replay.screen(number, manifest, at / 2);
                assert_eq!(seen, manifest.screen(at / 2).as_ref());
            }
        }
        assert_eq!(replay.screen(3, &manifest(0, 1), 0), None);
    }

    #[test]
    fn memory_of_screens_is_bounded() {
        let manifest = manifest(100, 300_000);
        let mut replay = Replay::default();
        for at in (0..100).rev().step_by(9) {
            assert_eq!(replay.screen(1, &manifest, at), manifest.screen(at).as_ref());
            let held: usize = replay.kept.values().map(|screen| screen.cells.len() * 8).sum();
            assert!(replay.bytes == held && held <= ROOM);
        }
        assert!(replay.bytes() > 0);
    }
}
