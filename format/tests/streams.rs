//! Recordings of random desktops come back pixel for pixel, from wherever they are entered.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod simulated;

use std::collections::BTreeMap;

use deskreel_format::roll::{self, RolledHour};
use deskreel_format::{Digest, Index, Limits, Manifest, Segment, TileSize, time};
use proptest::prelude::*;
use simulated::recording::{Recording, START_MS, draw};
use simulated::{Dice, anything};

/// The uncompressed manifest of a segment, by FORMAT.md and not by the crate.
fn body(object: &[u8]) -> Vec<u8> {
    let len = u32::from_le_bytes(object[8..12].try_into().unwrap()) as usize;
    miniz_oxide::inflate::decompress_to_vec(&object[32..32 + len]).unwrap()
}

fn recordings() -> impl Strategy<Value = Recording> {
    (any::<u64>(), 0_usize..3, 1_usize..14, 1_usize..5).prop_map(|(seed, size, shots, each)| {
        Recording::of_random_desktop(seed, TileSize::ALL[size], shots, each)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_screenshot_is_shown_pixel_for_pixel_from_its_segment_alone(all in recordings()) {
        for shot in &all.shots {
            let (number, index) = shot.place;
            let manifest = all.segment(number).manifest;
            let moment = &manifest.moments[index];
            prop_assert_eq!(moment.time_ms, shot.time_ms);
            let screen = manifest.screen(index).unwrap();
            let layout = &manifest.layouts[screen.layout as usize];
            prop_assert_eq!(layout, &shot.layout);
            let pictures = draw(layout, manifest.tile, &screen.cells, |pack| {
                all.pack(manifest.tile, &manifest.packs[pack as usize])
            });
            prop_assert!(pictures == shot.pictures);
            let digests: Vec<Digest> = pictures.iter().map(Digest::of).collect();
            prop_assert_eq!(&moment.digests, &digests);
        }
    }

    #[test]
    fn replaying_the_hours_index_shows_what_entering_at_each_segment_shows(all in recordings()) {
        let (first, last) = (time::hour_start(START_MS), time::hour_start(START_MS) + time::HOUR_MS);
        for index in [all.index(first), all.index(last)].into_iter().chain(rolled(&all)) {
            let bytes = index.encode().unwrap();
            let index = Index::decode(&bytes, &Limits::default()).unwrap();
            let rolled = &index.manifest;
            let shots = all.shots.iter().filter(|s| time::hour_start(s.time_ms) == rolled.id.first_ms);
            let mut screen: Option<deskreel_format::Screen> = None;
            let mut count = 0;
            for (moment, shot) in rolled.moments.iter().zip(shots) {
                match &mut screen {
                    Some(screen) => screen.apply(moment),
                    None => screen = Some(deskreel_format::Screen::of(moment)),
                }
                let linear = screen.as_ref().unwrap();
                prop_assert_eq!(linear, &rolled.screen(count).unwrap());
                let cold_manifest = all.segment(shot.place.0).manifest;
                let cold = cold_manifest.screen(shot.place.1).unwrap();
                prop_assert_eq!(
                    &rolled.layouts[linear.layout as usize],
                    &cold_manifest.layouts[cold.layout as usize]
                );
                prop_assert_eq!(linear.cells.len(), cold.cells.len());
                for (a, b) in linear.cells.iter().zip(&cold.cells) {
                    let (pack, other) =
                        (rolled.packs[a.pack as usize], cold_manifest.packs[b.pack as usize]);
                    prop_assert_eq!((pack, a.slot), (other, b.slot));
                }
                count += 1;
            }
            prop_assert_eq!(count, rolled.moments.len());
            prop_assert_eq!(index.summary.moments.len(), count);
        }
    }

    #[test]
    fn manifests_of_recordings_come_back_with_own_packs_located_in_the_object(all in recordings()) {
        for (number, written) in all.manifests.iter().enumerate() {
            let segment = all.segment(number);
            let mut expected = written.clone();
            for pack in expected.packs.iter_mut().filter(|pack| pack.segment == written.id) {
                pack.offset += segment.packs_start;
            }
            prop_assert_eq!(&segment.manifest, &expected);
            let object = &all.objects[number].1;
            prop_assert_eq!(segment.object_len as usize, object.len());
            // The start of the object is enough.
            let start = &object[..segment.packs_start as usize];
            prop_assert_eq!(&Segment::decode(start, &Limits::default()).unwrap(), &segment);
        }
    }

    #[test]
    fn any_manifest_comes_back_and_has_one_form(seed: u64) {
        let mut dice = Dice::new(seed);
        let id = anything::segment_id(&mut dice);
        let manifest = anything::manifest(&mut dice, id);
        let object = Segment::encode(&manifest, &[]).unwrap();
        let segment = Segment::decode(&object, &Limits::default()).unwrap();
        prop_assert_eq!(&segment.manifest, &manifest);
        let again = Segment::encode(&segment.manifest, &[]).unwrap();
        prop_assert_eq!(body(&again), body(&object));
        prop_assert_eq!(&Segment::decode(&again, &Limits::default()).unwrap().manifest, &manifest);
    }

    #[test]
    fn any_index_comes_back_and_its_summary_stands_alone(seed: u64) {
        let index = anything::index(&mut Dice::new(seed));
        let object = index.encode().unwrap();
        prop_assert_eq!(&Index::decode(&object, &Limits::default()).unwrap(), &index);
        let limits = Limits::default();
        let end = deskreel_format::DaySummary::end(&object[..16], &limits).unwrap();
        let alone = deskreel_format::DaySummary::decode(&object[..end], &limits).unwrap();
        prop_assert_eq!(alone, index.summary);
    }
}

/// The same indexes as the crate rolls them, from manifests in disorder.
fn rolled(all: &Recording) -> Vec<Index> {
    let mut manifests: Vec<Manifest> =
        (0..all.objects.len()).map(|number| all.segment(number).manifest).collect();
    manifests.reverse();
    let manifests: Vec<&Manifest> = manifests.iter().collect();
    let first = time::hour_start(START_MS);
    let mut hours = BTreeMap::new();
    let mut indexes = Vec::new();
    for hour in [first, first + time::HOUR_MS] {
        let Some(RolledHour { manifest, summary }) = roll::roll_hour(hour, &manifests).unwrap()
        else {
            continue;
        };
        let mut alone = BTreeMap::from([(hour, summary.clone())]);
        let mut index = roll::index(manifest, &alone);
        assert_eq!(roll::hours_of(&index.summary), alone);
        // What the reference tells of the hour alone; then with the hour before.
        let reference = all.index(hour);
        let times = |index: &Index| -> Vec<u64> {
            index.summary.moments.iter().map(|moment| moment.time_ms).collect()
        };
        assert_eq!(times(&index), times(&reference));
        indexes.push(index.clone());
        hours.insert(hour, summary);
        alone.clone_from(&hours);
        index = roll::index(index.manifest, &hours);
        assert_eq!(index.summary.hours, hours.keys().copied().collect::<Vec<_>>());
        assert_eq!(roll::hours_of(&index.summary), alone);
    }
    indexes
}

#[test]
fn a_roll_keeps_the_greater_id_of_two_moments_of_one_time_and_refuses_two_tile_sizes() {
    let all = Recording::of_random_desktop(5, TileSize::ALL[0], 6, 2);
    let one = all.segment(0).manifest;
    let mut other = one.clone();
    other.id.writer = one.id.writer.wrapping_add(1).max(1);
    other.moments[0].idle = !one.moments[0].idle;
    let winner = if other.id > one.id { &other } else { &one };
    let hour = time::hour_start(one.id.first_ms);
    for both in [[&one, &other], [&other, &one]] {
        let rolled = roll::roll_hour(hour, &both).unwrap().unwrap();
        assert_eq!(rolled.manifest.moments.len(), one.moments.len());
        assert_eq!(rolled.manifest.moments[0].idle, winner.moments[0].idle);
    }
    other.tile = TileSize::ALL[1];
    let error = roll::roll_hour(hour, &[&one, &other]).unwrap_err();
    assert!(error.to_string().contains("tile size changed"), "{error}");
    assert_eq!(roll::roll_hour(hour + 5 * time::HOUR_MS, &[&one]).unwrap(), None);
}

/// A random manifest with one thing done to it is not written.
fn refused(spoil: impl Fn(&mut Manifest), reason: &str) {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let id = anything::segment_id(&mut dice);
        let mut manifest = anything::manifest(&mut dice, id);
        if manifest.moments.len() < 3 {
            continue;
        }
        spoil(&mut manifest);
        let error = Segment::encode(&manifest, &[]).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_manifest_that_no_reader_would_take_is_not_written() {
    refused(|m| m.moments.swap(0, 2), "");
    refused(|m| m.moments[1].time_ms = m.moments[0].time_ms, "one time");
    refused(|m| m.moments[0].time_ms = m.id.first_ms - 1, "out of range");
    refused(|m| m.moments[0].layout = 99, "layout");
    refused(|m| m.moments[0].changes = std::iter::empty().collect(), "every cell");
    refused(|m| m.packs.clear(), "pack outside the table");
    refused(|m| m.packs.iter_mut().for_each(|p| p.tiles = 0), "slot outside its pack");
    refused(|m| m.packs[0].segment.writer = 0, "writer");
    refused(|m| m.packs[0].segment = m.id, "own pack");
    refused(|m| m.id.writer = 0, "writer 0");
    refused(|m| m.interval_ms = 0, "interval");
    refused(|m| m.layouts[0].surfaces.clear(), "no surface");
    refused(|m| m.layouts[0].surfaces[0].width = 16_385, "surface side");
    refused(|m| m.moments.iter_mut().for_each(|m| m.digests.clear()), "");
}

#[test]
fn an_index_that_is_not_of_one_hour_is_not_written() {
    let index = anything::index(&mut Dice::new(3));
    assert!(index.encode().is_ok() && !index.manifest.moments.is_empty());
    let spoilt = |spoil: fn(&mut Index)| {
        let mut index = index.clone();
        spoil(&mut index);
        index.encode().unwrap_err().to_string()
    };
    assert!(spoilt(|i| i.manifest.id.writer = 1).contains("not that of an hour"));
    assert!(spoilt(|i| i.manifest.id.first_ms -= 1).contains("not that of an hour"));
    assert!(spoilt(|i| i.manifest.id.first_ms -= time::HOUR_MS).contains("outside its hour"));
    let last_at = |after: u64| {
        let mut index = index.clone();
        let start_ms = index.manifest.id.first_ms;
        index.manifest.moments.last_mut().unwrap().time_ms = start_ms + after;
        index.encode().map_err(|error| error.to_string())
    };
    assert!(last_at(time::HOUR_MS - 1).is_ok());
    assert!(last_at(time::HOUR_MS).unwrap_err().contains("outside its hour"));
    assert!(spoilt(|i| i.summary.hours = vec![1]).contains("not be read back"));
    assert!(
        spoilt(|i| i.manifest.tail =
            vec![deskreel_format::MomentSummary { time_ms: 1, changed: 0, idle: false }])
        .contains("tail")
    );
}
