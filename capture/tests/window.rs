//! Leases and the seek budget over days, with a virtual clock: whatever the screen does, every moment
//! of the last 24 hours is exact from the objects that expiry by age has left, and within budget.

use std::collections::{BTreeMap, HashMap};

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{
    Digest, DomainKey, Grid, Limits, Manifest, Pack, Picture, Segment, SegmentId, TileRef, TileSize,
};
use proptest::prelude::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const START: u64 = 1_763_900_000_000;
/// Segments live so long, by the lifecycle rule.
const LIFE: u64 = 48 * HOUR;
const BUDGET: SeekBudget = SeekBudget { packs: 8, floor_bytes: 4_000, factor: 2.5, low_mark: 0.75 };

/// What the person does for a while.
#[derive(Debug, Clone, Copy)]
enum Activity {
    Idle,
    /// Changes one spot.
    Type(u8),
    /// Fills the screen with something new.
    Film(u8),
    /// Goes back to a screen of before.
    Return(u8),
    /// The machine sleeps for so many hours.
    Sleep(u8),
    /// Another monitor.
    Resize(bool),
}

fn activity() -> impl Strategy<Value = Activity> {
    prop_oneof![
        3 => Just(Activity::Idle),
        4 => any::<u8>().prop_map(Activity::Type),
        2 => any::<u8>().prop_map(Activity::Film),
        2 => (0_u8..4).prop_map(Activity::Return),
        1 => (1_u8..31).prop_map(Activity::Sleep),
        1 => any::<bool>().prop_map(Activity::Resize),
    ]
}

/// The bucket: what was uploaded and has not expired.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<SegmentId, Vec<u8>>,
    digests: HashMap<SegmentId, Digest>,
}

impl Bucket {
    fn add(&mut self, sealed: Sealed, digest: Digest) {
        self.digests.insert(sealed.id, digest);
        self.objects.insert(sealed.id, sealed.bytes);
    }

    fn expire(&mut self, now_ms: u64) {
        self.objects.retain(|id, _| now_ms - id.first_ms < LIFE);
    }

    /// Shows a segment's only moment from the objects that are left.
    fn check(&self, id: SegmentId) {
        let limits = Limits::default();
        let object = &self.objects[&id];
        let segment = Segment::decode(object, &limits).expect("a segment");
        let manifest = &segment.manifest;
        let screen = manifest.screen(0).expect("a screen");
        let layout = &manifest.layouts[0];
        let info = &layout.surfaces[0];
        let grid = Grid::new(info.width, info.height, manifest.tile).expect("a grid");
        let mut picture = Picture::filled(info.width, info.height, [0; 3]).expect("a picture");
        let mut packs: HashMap<u32, Pack> = HashMap::new();
        for (cell, tile) in screen.cells.iter().enumerate() {
            let pack = packs.entry(tile.pack).or_insert_with(|| {
                let reference = manifest.packs[tile.pack as usize];
                let age = id.first_ms.saturating_sub(reference.segment.first_ms);
                assert!(age < LEASE_MS, "a reference outlived its lease by {age} ms");
                let bytes = self.objects.get(&reference.segment);
                let bytes = bytes.expect("the object of a referenced pack is there");
                let range = reference.offset as usize..(reference.offset + reference.len) as usize;
                Pack::decode_at(&reference, manifest.tile, &bytes[range], &limits).expect("a pack")
            });
            grid.paste(pack.tile(tile.slot).expect("a tile"), cell, picture.rgb_mut());
        }
        assert_eq!(Digest::of(&picture), self.digests[&id], "the moment is exact");
        check_budget(id, manifest, &screen.cells);
    }
}

/// Packs of earlier segments are few, and their bytes in proportion to what the screen shows of them.
fn check_budget(id: SegmentId, manifest: &Manifest, cells: &[TileRef]) {
    let mut shown: Vec<TileRef> = cells.to_vec();
    shown.sort_unstable();
    shown.dedup();
    let (mut earlier, mut bytes, mut need) = (0, 0.0, 0.0);
    for (number, pack) in (0_u32..).zip(&manifest.packs) {
        let tiles = shown.iter().filter(|tile| tile.pack == number).count();
        need += f64::from(pack.len) * tiles as f64 / f64::from(pack.tiles);
        if tiles > 0 && pack.segment != id {
            earlier += 1;
            bytes += f64::from(pack.len);
        }
    }
    assert!(earlier <= BUDGET.packs, "{earlier} earlier packs");
    // The share of a pack that its shown tiles take is an estimate: half as much again is allowed.
    let limit = (need * BUDGET.factor).max(BUDGET.floor_bytes as f64) * 1.5;
    assert!(bytes <= limit, "{bytes} bytes of earlier packs, {limit} allowed");
}

fn draw(width: u32, what: u8) -> Picture {
    let mut state = u32::from(what).wrapping_mul(0x9E37_79B9) | 1;
    let mut picture = Picture::filled(width, 40, [what, 90, 160]).expect("a picture");
    for byte in picture.rgb_mut().iter_mut().step_by(7) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte = (state % 5) as u8 * 50;
    }
    picture
}

fn live(activities: &[Activity], constant: bool) {
    let settings = Settings {
        tile: TileSize::new(8).expect("a size"),
        codec: Codec::DEFAULT,
        interval_ms: 10_000,
        domain: DomainKey::new([3; 32]),
        budget: BUDGET,
        pack_pixels: 1_024,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    let mut bucket = Bucket::default();
    let (mut now_ms, mut width, mut what) = (START, 56, 0_u8);
    let mut picture = draw(width, what);
    let mut step = 0;
    while now_ms < START + 72 * HOUR {
        match activities[step % activities.len()] {
            _ if constant => {}
            Activity::Idle => {}
            Activity::Type(at) => {
                let at = usize::from(at) * 17 % picture.rgb().len();
                picture.rgb_mut()[at] ^= 0x55;
            }
            Activity::Film(frame) => {
                what = frame;
                picture = draw(width, what);
            }
            Activity::Return(frame) => picture = draw(width, frame),
            Activity::Sleep(hours) => now_ms += u64::from(hours) * HOUR,
            Activity::Resize(wide) => {
                width = if wide { 83 } else { 56 };
                picture = draw(width, what);
            }
        }
        let surface = Surface {
            name: "screen".into(),
            x: 0,
            y: 0,
            scale_milli: 1000,
            picture: picture.clone(),
        };
        recorder.shoot(now_ms, vec![surface], false).expect("a shot");
        let sealed = recorder.seal().expect("a segment").expect("a moment");
        bucket.add(sealed, Digest::of(&picture));
        bucket.expire(now_ms);
        recorder.expire(now_ms);
        // Every few hours the whole window is looked at.
        if step % 29 == 0 {
            let window = SegmentId { first_ms: now_ms.saturating_sub(24 * HOUR), writer: 0 };
            bucket.objects.range(window..).for_each(|(id, _)| bucket.check(*id));
        }
        now_ms += 20 * MINUTE;
        step += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_moment_of_the_window_is_exact_and_within_budget_for_three_days(
        activities in prop::collection::vec(activity(), 3..60),
    ) {
        live(&activities, false);
    }
}

#[test]
fn a_screen_that_never_changes_stays_showable() {
    live(&[Activity::Idle], true);
}
