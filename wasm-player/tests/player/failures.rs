//! What is missing, corrupt, refused or late is shown and named, never passed over.

use deskreel_player::core::{Event, Input, PlayerError, Status};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{Shot, T0, Writer, record, shot, shots, stream};

const SIZE: [(u32, u32); 1] = [(200, 120)];

fn recorded() -> (Bucket, Vec<Shot>, Vec<String>) {
    let mut bucket = Bucket::new();
    let shots = shots(20, &SIZE);
    let ids = record(&mut bucket, &mut Writer::new(1, 16), &shots, 1);
    let keys = ids.iter().map(|id| stream().segment_key(*id)).collect();
    (bucket, shots, keys)
}

fn has_hatch(driver: &Driver) -> bool {
    driver.canvas[0].2.chunks_exact(4).any(|pixel| pixel == [255, 0, 170, 255])
}

#[test]
fn a_missing_pack_leaves_a_marked_hole_and_its_name() {
    let (mut bucket, shots, keys) = recorded();
    bucket.objects.remove(&keys[0]);
    let mut driver = Driver::opened(bucket.clone(), config());
    assert_eq!(driver.shown(), Some((shots[19].time_ms, false)));
    assert!(has_hatch(&driver));
    assert!(
        driver
            .errors()
            .iter()
            .any(|e| matches!(e, PlayerError::Missing { object, .. } if *object == keys[0]))
    );
    // What is there is right.
    let right = driver.canvas[0].2.chunks_exact(4).zip(shots[19].pictures[0].rgb().chunks_exact(3));
    assert!(right.filter(|(a, b)| a[..3] == **b).count() > 1000);
    // It names the object again for every picture with a hole in it.
    let before = driver.errors().len();
    driver.seek(shots[18].time_ms);
    assert_eq!(driver.shown(), Some((shots[18].time_ms, false)));
    assert!(driver.errors().len() > before);
}

#[test]
fn a_corrupt_pack_is_asked_for_once_more_and_then_is_a_hole() {
    let (mut bucket, shots, keys) = recorded();
    let object = bucket.objects.get_mut(&keys[5]).unwrap();
    *object.last_mut().unwrap() ^= 1;
    let mut driver = Driver::opened(bucket.clone(), config());
    driver.seek(shots[5].time_ms);
    assert_eq!(driver.shown(), Some((shots[5].time_ms, false)));
    assert!(has_hatch(&driver));
    let named = driver.errors().into_iter().any(|error| match error {
        PlayerError::Corrupt { object, reason, .. } => {
            *object == keys[5] && reason.contains("checksum")
        }
        _ => false,
    });
    assert!(named, "{:?}", driver.errors());
    let ranged = driver.fetched.iter().filter(|(key, range)| *key == keys[5] && range.is_some());
    assert_eq!(ranged.count(), 1, "the pack came with its manifest, then alone");
}

#[test]
fn damage_that_was_the_caches_own_heals() {
    let (bucket, shots, keys) = recorded();
    let mut driver = Driver::opened(bucket.clone(), config());
    driver.bucket.objects.get_mut(&keys[5]).unwrap()[40] ^= 1;
    driver.input(Input::Seek { time_ms: shots[5].time_ms });
    assert!(driver.answer_one());
    driver.bucket = bucket;
    driver.settle();
    driver.assert_shows(&shots[5]);
    assert!(driver.errors().is_empty());
}

#[test]
fn an_unreadable_manifest_is_named_and_the_moment_before_is_shown() {
    for damage in [0, 1, 2] {
        let (mut bucket, shots, keys) = recorded();
        let object = bucket.objects.get_mut(&keys[10]).unwrap();
        match damage {
            0 => object[50] ^= 4,
            1 => object.truncate(20),
            _ => {
                bucket.objects.remove(&keys[10]);
                // Listed a moment ago, swept since.
            }
        }
        let mut driver = Driver::opened(bucket, config());
        driver.seek(shots[10].time_ms);
        assert_eq!(driver.shown().map(|(time_ms, _)| time_ms), Some(shots[9].time_ms));
        if damage < 2 {
            assert!(driver.errors().iter().any(|error| error.object() == keys[10]));
        }
        assert!(driver.events.contains(&Event::Seeked));
    }
}

#[test]
fn a_segment_swept_after_it_was_listed_is_named() {
    let (bucket, shots, keys) = recorded();
    let mut driver = Driver::opened(bucket, config());
    driver.bucket.objects.remove(&keys[10]);
    driver.seek(shots[10].time_ms);
    assert_eq!(driver.shown().map(|(time_ms, _)| time_ms), Some(shots[9].time_ms));
    assert!(driver.errors().iter().any(|e| e.object() == keys[10] && e.code() == "missing"));
}

#[test]
fn pixels_that_are_not_those_captured_are_told() {
    let mut bucket = Bucket::new();
    let mut wrong = shot(T0, &SIZE, 1);
    let right = shot(T0, &SIZE, 2);
    // Every checksum holds, and yet the digest is that of another picture.
    let id = Writer::new(1, 16).store(&mut bucket, std::slice::from_ref(&wrong));
    let key = stream().segment_key(id);
    let limits = deskreel_format::Limits::default();
    let object = bucket.objects[&key].clone();
    let segment = deskreel_format::Segment::decode(&object, &limits).unwrap();
    let mut manifest = segment.manifest;
    manifest.moments[0].digests = vec![deskreel_format::Digest::of(&right.pictures[0])];
    for pack in &mut manifest.packs {
        pack.offset -= segment.packs_start;
    }
    let packs = [object[segment.packs_start as usize..].to_vec()];
    bucket.put(&key, deskreel_format::Segment::encode(&manifest, &packs).unwrap());
    let driver = Driver::opened(bucket, config());
    assert_eq!(driver.shown(), Some((T0, false)));
    let expected = PlayerError::Mismatch { object: key, surface: 0, time_ms: T0 };
    assert_eq!(driver.errors(), [&expected]);
    wrong.time_ms = 0;
}

#[test]
fn a_network_that_comes_back_is_used_at_once() {
    let (bucket, shots, _) = recorded();
    let mut driver = Driver::opened(bucket, config());
    driver.input(Input::Seek { time_ms: T0 });
    for _ in 0..3 {
        while let Some(request) = driver.pending.pop_front() {
            driver.input(Input::Reply { id: request.id(), status: 0, body: Vec::new() });
        }
        driver.now_ms = driver.wake_ms.unwrap();
        driver.input(Input::Tick);
    }
    assert_eq!(driver.player.status(), Status::Offline);
    driver.assert_shows(&shots[19]);
    driver.input(Input::Online);
    driver.settle();
    driver.assert_shows(&shots[0]);
    assert_eq!(driver.player.status(), Status::Ready);
    assert!(driver.errors().is_empty());
}

#[test]
fn pauses_between_tries_grow_and_stay_bounded() {
    let (bucket, ..) = recorded();
    let mut driver = Driver::opened(bucket, config());
    driver.input(Input::Seek { time_ms: T0 });
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let failed_at = driver.now_ms;
        while let Some(request) = driver.pending.pop_front() {
            driver.input(Input::Reply { id: request.id(), status: 503, body: Vec::new() });
        }
        while driver.pending.is_empty() {
            driver.now_ms = driver.wake_ms.unwrap();
            driver.input(Input::Tick);
            // News are looked for meanwhile, and do not count.
            driver.pending.retain(|request| matches!(request, crate::driver::Request::Fetch(..)));
        }
        pauses.push(driver.now_ms - failed_at);
    }
    assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
}

#[test]
fn an_expired_grant_is_renewed_and_the_request_repeated() {
    let (bucket, shots, _) = recorded();
    let mut driver = Driver::opened(bucket, config());
    driver.now_ms += 60_000;
    driver.input(Input::Seek { time_ms: T0 });
    let request = driver.pending.pop_front().unwrap();
    let body = b"<Error><Code>ExpiredToken</Code></Error>".to_vec();
    driver.input(Input::Reply { id: request.id(), status: 403, body });
    assert_eq!(driver.grants, 2);
    driver.settle();
    driver.assert_shows(&shots[0]);
}

#[test]
fn a_grant_that_cannot_be_renewed_waits_for_a_person() {
    let (bucket, shots, _) = recorded();
    let mut driver = Driver::opened(bucket, config());
    driver.grant_status = 401;
    driver.pass(43_200_000);
    assert_eq!(driver.player.status(), Status::Locked { reason: None });
    driver.input(Input::Seek { time_ms: T0 });
    assert!(driver.pending.is_empty(), "without a grant nothing is asked");
    driver.grant_status = 200;
    driver.input(Input::Renew { token: Some("t".into()) });
    driver.settle();
    driver.assert_shows(&shots[0]);
}

#[test]
fn a_store_that_refuses_to_list_is_told() {
    let (bucket, ..) = recorded();
    let mut driver = Driver::new(bucket, config());
    driver.input(Input::Tick);
    let request = driver.pending.pop_front().unwrap();
    driver.input(Input::Reply { id: request.id(), status: 403, body: Vec::new() });
    assert!(matches!(driver.player.status(), Status::Denied { .. }));
}

#[test]
fn a_listing_that_is_none_is_told_and_asked_for_again() {
    let (bucket, shots, _) = recorded();
    let mut driver = Driver::new(bucket, config());
    driver.input(Input::Tick);
    let request = driver.pending.pop_front().unwrap();
    driver.input(Input::Reply { id: request.id(), status: 200, body: b"<html>".to_vec() });
    assert_eq!(driver.errors()[0].code(), "listing");
    driver.pass(1_000);
    driver.assert_shows(&shots[19]);
}
