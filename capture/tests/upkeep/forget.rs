//! Forgetting: what only forgotten moments showed is nowhere, everything else is exact.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use deskreel_capture::reader::StreamReader;
use deskreel_format::{Absence, AbsenceKind, Limits, MomentSummary, Segment};
use deskreel_store::ObjectStore;
use deskreel_upkeep::forget::{Forgotten, Request, execute};
use deskreel_upkeep::plan::budget::SeekBudget;
use deskreel_upkeep::{UpkeepError, deep};

use crate::stream::{
    Faulty, PUT, at, contents, name, objects, picture, range, recorded, recorder, shown, tiles,
};

fn request(shots: Range<u64>) -> Request {
    let budget = SeekBudget::NONE;
    Request { range: range(shots), now_ms: at(60), agent_stopped: true, budget }
}

async fn forget(store: &Arc<Faulty>, shots: Range<u64>) -> Result<Forgotten, UpkeepError> {
    execute(&objects(store), &request(shots), |_, _, _| ()).await
}

/// Forgets, and lets no moment need more than so many packs, unless it did before.
async fn forget_within(
    packs: usize,
    store: &Arc<Faulty>,
    shots: Range<u64>,
) -> Result<Forgotten, UpkeepError> {
    let budget = SeekBudget { packs, ..SeekBudget::NONE };
    let request = Request { budget, ..request(shots) };
    execute(&objects(store), &request, |_, _, _| ()).await
}

/// Every kept screenshot is exact, no other is there, and nothing at all is wrong.
async fn assert_kept(store: &Arc<Faulty>, kept: impl IntoIterator<Item = u64>) {
    let (objects, now_ms) = (objects(store), at(60));
    let survey = objects.survey(|_, _| ()).await.expect("a survey");
    assert_eq!(survey.audit(&name(), now_ms), []);
    let deep = deep::audit(&objects, &survey, now_ms, || ()).await.expect("an audit");
    assert_eq!((deep.problems.as_slice(), deep.gone), ([].as_slice(), 0));
    let kept: Vec<u64> = kept.into_iter().collect();
    let times: BTreeSet<u64> = survey.segments.iter().flat_map(|s| s.moments.clone()).collect();
    assert_eq!(times, kept.iter().map(|shot| at(*shot)).collect());
    let reader = StreamReader::new(store.clone(), name());
    for shot in kept {
        let (time, surfaces) = reader.frame(at(shot)).await.expect("a frame");
        assert_eq!(time, at(shot));
        assert!(surfaces[0].picture == picture(shot), "screenshot {shot} differs");
    }
}

#[tokio::test]
async fn no_pixel_that_only_forgotten_moments_showed_is_left_and_the_rest_is_exact() {
    for (batch, shots) in
        [(1, 5..9), (1, 0..3), (1, 17..20), (6, 4..9), (6, 6..12), (4, 0..20), (3, 7..8)]
    {
        let store = recorded(20, batch).await;
        let before = tiles(&store).await;
        let kept: Vec<u64> = (0..20).filter(|shot| !shots.contains(shot)).collect();
        let needed = shown(kept.clone());
        let secret: BTreeSet<_> = &shown(shots.clone()) - &needed;
        assert!(secret.is_subset(&before) && secret.len() as u64 >= 4 * (shots.end - shots.start));
        let done = forget(&store, shots.clone()).await.expect("it can be forgotten");
        assert_eq!(done.moments as u64, shots.end - shots.start);
        // Not one tile too many, not one too few.
        assert_eq!(tiles(&store).await, needed, "batches of {batch}, without {shots:?}");
        assert_kept(&store, kept).await;
        for key in contents(&store).await.keys() {
            for shot in shots.clone() {
                assert!(!key.contains(&at(shot).to_string()), "{key} tells of screenshot {shot}");
            }
        }
    }
}

#[tokio::test]
async fn interrupted_after_any_change_and_run_again_it_ends_alike() {
    for (batch, packs) in [(1, usize::MAX), (4, usize::MAX), (1, 3), (2, 4)] {
        let origin = recorded(14, batch).await;
        let whole = origin.copy().await;
        forget_within(packs, &whole, 3..6).await.expect("it can be forgotten");
        let end = contents(&whole).await;
        let kept = || (0..14).filter(|shot| !(3..6).contains(shot));
        let mut interrupted = 0;
        for changes in 0.. {
            let store = origin.copy().await;
            store.fail_after(changes);
            let failed = forget_within(packs, &store, 3..6).await.is_err();
            store.fail_after(i64::MAX);
            if !failed {
                assert_eq!(contents(&store).await, end);
                break;
            }
            interrupted += 1;
            assert_no_dangling(&store).await;
            // Twice more: the second of them is interrupted too, somewhere else.
            store.fail_after(changes / 2);
            let _ = forget_within(packs, &store, 3..6).await;
            assert_no_dangling(&store).await;
            store.fail_after(i64::MAX);
            forget_within(packs, &store, 3..6).await.expect("it goes on");
            assert_eq!(contents(&store).await, end, "interrupted after {changes} changes");
        }
        assert!(interrupted > 6, "{interrupted}");
        assert_kept(&whole, kept()).await;
    }
}

/// Whenever a run stops, everything that is there can be shown.
async fn assert_no_dangling(store: &Arc<Faulty>) {
    let survey = objects(store).survey(|_, _| ()).await.expect("a survey");
    assert_eq!(survey.audit(&name(), at(60)), []);
    let reader = StreamReader::new(store.clone(), name());
    for shot in (0..3).chain(6..14) {
        let (time, surfaces) = reader.frame(at(shot)).await.expect("a frame");
        assert!(time == at(shot) && surfaces[0].picture == picture(shot), "screenshot {shot}");
    }
}

/// For each moment, how many packs it shows tiles of.
async fn packs_shown(store: &Arc<Faulty>) -> BTreeMap<u64, usize> {
    let mut shown = BTreeMap::new();
    for (key, bytes) in contents(store).await {
        if key.starts_with("segments/") {
            let manifest = Segment::decode(&bytes, &Limits::default()).expect("a segment").manifest;
            for (index, moment) in manifest.moments.iter().enumerate() {
                let screen = manifest.screen(index).expect("a screen");
                let packs: BTreeSet<u32> = screen.cells.iter().map(|cell| cell.pack).collect();
                shown.insert(moment.time_ms, packs.len());
            }
        }
    }
    shown
}

#[tokio::test]
async fn no_moment_becomes_dearer_than_it_was_and_the_budget_allows() {
    let mut cleaned = 0;
    for (batch, shots) in [(1, 5..9), (1, 0..3), (1, 0..12), (6, 4..9), (3, 7..8)] {
        let (lax, tight) = (recorded(20, batch).await, recorded(20, batch).await);
        let before = packs_shown(&lax).await;
        forget(&lax, shots.clone()).await.expect("it can be forgotten");
        forget_within(3, &tight, shots.clone()).await.expect("it can be forgotten");
        let (lax, within) = (packs_shown(&lax).await, packs_shown(&tight).await);
        for (time, packs) in &within {
            assert!(
                *packs <= before[time].max(3),
                "{time}: {packs} packs, before {}",
                before[time]
            );
        }
        cleaned += lax.iter().filter(|(time, packs)| **packs > before[time].max(3)).count();
        assert_kept(&tight, (0..20).filter(|shot| !shots.contains(shot))).await;
    }
    assert!(cleaned > 0, "nothing here ever becomes dearer: the test shows nothing");
}

#[tokio::test]
async fn forgetting_again_and_elsewhere_changes_only_what_it_must() {
    let store = recorded(20, 2).await;
    forget(&store, 15..17).await.expect("it can be forgotten");
    let once = contents(&store).await;
    assert_eq!(forget(&store, 15..17).await.expect("nothing to do"), Forgotten::default());
    assert_eq!(contents(&store).await, once);
    // What does not refer to it keeps its objects.
    let first: BTreeMap<_, _> =
        once.iter().filter(|(key, _)| **key < name().segments_from(at(14))).collect();
    assert_eq!(first.len(), 7);
    forget(&store, 3..4).await.expect("it can be forgotten");
    let kept = (0..20).filter(|shot| ![3, 15, 16].contains(shot));
    assert_eq!(tiles(&store).await, shown(kept.clone()));
    assert_kept(&store, kept).await;
}

#[tokio::test]
async fn summaries_lose_the_forgotten_moments_and_absences_stay() {
    let store = recorded(4, 1).await;
    let limits = Limits::default();
    let mut manifest = {
        let key = contents(&store).await.into_keys().next().expect("a segment");
        Segment::decode(&store.get(&key, None).await.expect("it").bytes, &limits)
            .expect("it")
            .manifest
    };
    // A segment of absences alone, in the range, and one with a summary, after it.
    manifest.id.first_ms = at(2) + 1;
    (manifest.moments, manifest.packs, manifest.layouts) = (vec![], vec![], vec![]);
    manifest.links = deskreel_format::Links::default();
    let absence = Absence { from_ms: at(2), to_ms: at(2) + 1, kind: AbsenceKind::Paused };
    manifest.absences = vec![absence];
    let listed = |shot| MomentSummary { time_ms: at(shot), changed: 1, idle: false };
    manifest.tail = vec![listed(1), listed(2)];
    let bytes = Segment::encode(&manifest, &[]).expect("a segment");
    store.put(&name().segment_key(manifest.id), bytes.into(), PUT).await.expect("room");
    forget(&store, 2..3).await.expect("it can be forgotten");
    let (mut absences, mut tails) = (Vec::new(), Vec::new());
    for bytes in contents(&store).await.into_values() {
        let manifest = Segment::decode(&bytes, &limits).expect("a segment").manifest;
        absences.extend(manifest.absences);
        tails.extend(manifest.tail);
    }
    assert_eq!((absences, tails), (vec![absence], vec![listed(1)]));
}

#[tokio::test]
async fn a_stream_that_is_being_recorded_is_left_alone() {
    let store = recorded(3, 1).await;
    let before = contents(&store).await;
    // The store's clock stands at the first screenshot.
    let request = Request { agent_stopped: false, now_ms: at(1), ..request(1..2) };
    let refused = execute(&objects(&store), &request, |_, _, _| ()).await;
    assert!(matches!(refused, Err(UpkeepError::Recording { age_s: 10, .. })), "{refused:?}");
    assert_eq!(contents(&store).await, before);
    let later = Request { now_ms: at(60), ..request };
    execute(&objects(&store), &later, |_, _, _| ()).await.expect("nobody records");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_stops_it_before_anything_is_changed() {
    let store = recorded(3, 1).await;
    let id = deskreel_format::SegmentId { first_ms: at(1) + 5, writer: 9 };
    store.put(&name().segment_key(id), "damaged".into(), PUT).await.expect("room");
    let before = contents(&store).await;
    let refused = forget(&store, 1..2).await;
    assert!(matches!(refused, Err(UpkeepError::Unreadable { count: 1, .. })), "{refused:?}");
    assert_eq!(contents(&store).await, before);
}

#[tokio::test]
async fn two_writers_that_share_tiles_and_overlap_are_both_rewritten() {
    let store = recorded(6, 1).await;
    // Another run of the same agent, at the same times and between, knows nothing of the first.
    let mut other = recorder(3);
    for shot in 2..9 {
        let surface = deskreel_capture::source::Surface {
            name: "a".into(),
            x: 0,
            y: 0,
            scale_milli: 1000,
            picture: picture(shot),
        };
        other.shoot(at(shot), vec![surface], true).expect("a screenshot");
        let sealed = other.seal().expect("a segment").expect("it has a screenshot");
        store.put(&name().segment_key(sealed.id), sealed.bytes.into(), PUT).await.expect("room");
    }
    let done = forget(&store, 2..4).await.expect("it can be forgotten");
    assert_eq!(done.moments, 4);
    let kept = || (0..9).filter(|shot| ![2, 3].contains(shot));
    assert_eq!(tiles(&store).await, shown(kept()));
    assert_kept(&store, kept()).await;
}

#[tokio::test]
async fn monitors_that_come_and_go_within_a_segment_stay_exact() {
    let origin = recorded(0, 1).await;
    let mut recorder = recorder(7);
    let surface = |shot: u64, name: &str, x| deskreel_capture::source::Surface {
        name: name.into(),
        x,
        y: 0,
        scale_milli: 1000,
        picture: picture(shot),
    };
    // Two monitors at screenshots 2, 3, 6 and 7; the second one shows what the first will show.
    let surfaces = |shot: u64| match shot / 2 % 2 {
        0 => vec![surface(shot, "left", 0)],
        _ => vec![surface(shot, "left", 0), surface(shot + 1, "right", 75)],
    };
    for shot in 0..10 {
        recorder.shoot(at(shot), surfaces(shot), false).expect("a screenshot");
        if shot % 5 == 4 {
            let sealed = recorder.seal().expect("a segment").expect("it has screenshots");
            let key = name().segment_key(sealed.id);
            origin.put(&key, sealed.bytes.into(), PUT).await.expect("room");
        }
    }
    for forgotten in [0..1, 1..2, 2..4, 1..7, 3..5, 0..10] {
        let store = origin.copy().await;
        forget(&store, forgotten.clone()).await.expect("it can be forgotten");
        let reader = StreamReader::new(store.clone(), name());
        let kept: Vec<u64> = (0..10).filter(|shot| !forgotten.contains(shot)).collect();
        for shot in &kept {
            let (time, found) = reader.frame(at(*shot)).await.expect("a frame");
            let pictures: Vec<_> = found.into_iter().map(|s| (s.name, s.picture)).collect();
            let expected: Vec<_> =
                surfaces(*shot).into_iter().map(|s| (s.name, s.picture)).collect();
            assert!(time == at(*shot) && pictures == expected, "{shot} without {forgotten:?}");
        }
        let seen = kept.iter().flat_map(|shot| match shot / 2 % 2 {
            0 => vec![*shot],
            _ => vec![*shot, *shot + 1],
        });
        assert_eq!(tiles(&store).await, shown(seen), "without {forgotten:?}");
    }
}
