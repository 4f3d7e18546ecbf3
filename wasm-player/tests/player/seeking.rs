//! Any moment, in any order, from cold or warm: the pixels are those that were captured.

use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input};

use crate::bucket::Bucket;
use crate::driver::{Driver, Request, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, record, shot, shots};

const SIZE: [(u32, u32); 1] = [(200, 120)];

fn recorded(count: u64, per_segment: usize) -> (Bucket, Vec<Shot>) {
    let mut bucket = Bucket::new();
    let shots = shots(count, &SIZE);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, per_segment);
    (bucket, shots)
}

/// A few hundred numbers that look random and are the same every time.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 88_172_645_463_325_252_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

#[test]
fn opening_shows_the_newest_shot_and_knows_them_all() {
    let (bucket, shots) = recorded(20, 1);
    let driver = Driver::opened(bucket, config());
    driver.assert_shows(&shots[19]);
    let times: Vec<u64> = driver.player.marks().iter().map(|mark| mark.time_ms).collect();
    assert_eq!(times, shots.iter().map(|shot| shot.time_ms).collect::<Vec<_>>());
    assert!(driver.events.contains(&Event::LoadedMetadata));
    let gaps: Vec<_> = driver.player.gaps().iter().map(|gap| (gap.from_ms, gap.to_ms)).collect();
    let since = (shots[19].time_ms + INTERVAL_MS, driver.now_ms);
    assert_eq!(gaps, [since], "nothing is missing but what should have come since");
}

#[test]
fn seeking_in_any_order_shows_what_replaying_shows() {
    for per_segment in [1, 6] {
        let (bucket, shots) = recorded(40, per_segment);
        let mut driver = Driver::opened(bucket, config());
        for number in numbers().take(150) {
            let offset_ms = number % (42 * INTERVAL_MS);
            driver.seek(T0 - INTERVAL_MS + offset_ms);
            let index = (offset_ms / INTERVAL_MS).saturating_sub(1).min(39);
            driver.assert_shows(&shots[index as usize]);
        }
        assert!(driver.errors().is_empty());
    }
}

#[test]
fn tiles_stored_again_as_they_were_are_not_drawn_again() {
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    // All of the second is stored again; of the third, too, and a part of it is new.
    let mut shots = vec![shot(T0, &SIZE, 1), shot(T0, &SIZE, 1), shot(T0, &SIZE, 2)];
    for (number, shot) in (0..).zip(&mut shots) {
        shot.time_ms = T0 + number * INTERVAL_MS;
        writer.forget();
        writer.store(&mut bucket, std::slice::from_ref(shot));
    }
    let mut driver = Driver::opened(bucket, config());
    let all = u64::from(SIZE[0].0 * SIZE[0].1);
    assert_eq!(driver.drawn, all);
    driver.seek(shots[1].time_ms);
    driver.assert_shows(&shots[1]);
    assert!((all + 1..2 * all).contains(&driver.drawn), "only what differs: {}", driver.drawn);
    let before = driver.drawn;
    driver.seek(shots[0].time_ms);
    driver.assert_shows(&shots[0]);
    assert_eq!(driver.drawn, before);
}

#[test]
fn a_tiny_cache_changes_the_traffic_and_not_the_picture() {
    let (bucket, shots) = recorded(40, 6);
    let small = Config { pack_bytes: 10_000, sheet_bytes: 3_000, ..config() };
    let mut driver = Driver::opened(bucket, small);
    let mut most = 0;
    for number in numbers().take(100) {
        let index = number % 40;
        driver.seek(T0 + index * INTERVAL_MS);
        driver.assert_shows(&shots[index as usize]);
        most = most.max(driver.player.cached_bytes());
    }
    // The picture's own packs are kept while it is made, so the bound may be passed by those.
    let picture = 200 * 120 * 3 * 4;
    assert!(most <= 10_000 + picture, "{most} bytes were held");
}

#[test]
fn only_what_is_missing_is_fetched() {
    let (bucket, _) = recorded(30, 1);
    let mut driver = Driver::opened(bucket, config());
    driver.seek(T0 + 5 * INTERVAL_MS);
    let before = driver.fetched.len();
    driver.seek(T0 + 29 * INTERVAL_MS);
    driver.seek(T0 + 5 * INTERVAL_MS);
    assert_eq!(driver.fetched.len(), before, "both were here already");
    driver.seek(T0 + 6 * INTERVAL_MS);
    assert_eq!(driver.fetched.len(), before + 1, "one segment holds what differs");
    let mut all = driver.fetched.clone();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), driver.fetched.len(), "nothing was fetched twice");
}

#[test]
fn going_back_costs_what_going_forward_costs() {
    let (bucket, _) = recorded(60, 1);
    let cost = |from: u64, by: i32| {
        let start = Config { start_ms: Some(T0 + from * INTERVAL_MS), ..config() };
        let mut driver = Driver::opened(bucket.clone(), start);
        let before = driver.fetched.len();
        for _ in 0..20 {
            driver.input(Input::Step(by));
            driver.settle();
        }
        driver.fetched.len() - before
    };
    let (forward, back) = (cost(20, 1), cost(40, -1));
    assert!(back <= forward + 2, "{back} requests back, {forward} forward");
}

#[test]
fn late_replies_never_change_the_time_shown() {
    let (bucket, shots) = recorded(30, 1);
    let mut driver = Driver::opened(bucket, config());
    driver.input(Input::Seek { time_ms: T0 + 3 * INTERVAL_MS });
    let late: Vec<Request> = driver.pending.drain(..).collect();
    assert!(!late.is_empty());
    driver.seek(T0 + 20 * INTERVAL_MS);
    driver.assert_shows(&shots[20]);
    let shown = driver.shown_times();
    for request in &late {
        driver.answer(request);
        driver.settle();
        driver.assert_shows(&shots[20]);
    }
    assert_eq!(driver.shown_times(), shown);
}

#[test]
fn what_is_no_longer_wanted_makes_room_for_what_is() {
    let (bucket, shots) = recorded(30, 1);
    let mut driver = Driver::opened(bucket, Config { parallel: 1, ..config() });
    driver.input(Input::Seek { time_ms: T0 });
    let stale = driver.pending[0].clone();
    driver.input(Input::Seek { time_ms: T0 + 10 * INTERVAL_MS });
    assert_eq!(driver.pending.len(), 1, "the first request was cancelled");
    assert_ne!(driver.pending[0].id(), stale.id());
    driver.answer(&stale);
    driver.settle();
    driver.assert_shows(&shots[10]);
}

#[test]
fn a_moment_is_drawn_whole_or_not_at_all() {
    let (bucket, shots) = recorded(30, 1);
    let mut driver = Driver::opened(bucket, config());
    driver.input(Input::Seek { time_ms: T0 + 2 * INTERVAL_MS });
    while driver.shown() != Some((T0 + 2 * INTERVAL_MS, true)) {
        driver.assert_shows(&shots[29]);
        assert!(driver.player.is_seeking());
        assert!(driver.answer_one());
    }
    driver.assert_shows(&shots[2]);
    assert_eq!(driver.events.last(), Some(&Event::Seeked));
}

#[test]
fn steps_go_screenshot_by_screenshot_and_stop_at_the_ends() {
    let (bucket, shots) = recorded(14, 6);
    let mut driver = Driver::opened(bucket, config());
    for index in (0..13).rev() {
        driver.input(Input::Step(-1));
        driver.settle();
        driver.assert_shows(&shots[index]);
    }
    driver.input(Input::Step(-1));
    driver.settle();
    driver.assert_shows(&shots[0]);
    driver.input(Input::Step(5));
    driver.input(Input::Step(2));
    driver.settle();
    driver.assert_shows(&shots[7]);
    driver.input(Input::Step(i32::MAX));
    driver.settle();
    driver.assert_shows(&shots[13]);
}

#[test]
fn screens_of_any_size_and_number_and_changes_between_them() {
    let mut bucket = Bucket::new();
    let layouts: [&[(u32, u32)]; 6] = [
        &[(1, 1)],
        &[(200, 120)],
        &[(200, 120), (90, 160)],
        &[(33, 17)],
        &[(1, 1), (7, 300)],
        &[(200, 120)],
    ];
    let shots: Vec<Shot> =
        (0..18).map(|i| shot(T0 + i * INTERVAL_MS, layouts[i as usize / 3], i)).collect();
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 4);
    let mut driver = Driver::opened(bucket, config());
    for number in numbers().take(100) {
        let index = (number % 18) as usize;
        driver.seek(shots[index].time_ms);
        driver.assert_shows(&shots[index]);
    }
}

#[test]
fn an_8k_screen_is_shown_to_the_pixel() {
    let mut bucket = Bucket::new();
    let shots = [shot(T0, &[(7680, 4320)], 3)];
    record(&mut bucket, &mut Writer::new(1, 128), &shots, 1);
    Driver::opened(bucket, config()).assert_shows(&shots[0]);
}

#[test]
fn a_store_without_ranges_works_too() {
    let (mut bucket, shots) = recorded(30, 3);
    bucket.ignores_ranges = true;
    let mut driver = Driver::opened(bucket, config());
    for index in [3, 29, 0, 17] {
        driver.seek(shots[index].time_ms);
        driver.assert_shows(&shots[index]);
    }
}

#[test]
fn a_manifest_longer_than_the_first_read_is_read_to_its_end() {
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 8);
    let noise = |i: u64| {
        let mut shot = shot(T0 + i * INTERVAL_MS, &[(640, 480)], i);
        let mut state = i + 1;
        for byte in shot.pictures[0].rgb_mut() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 60) as u8 * 16;
        }
        shot
    };
    // So many days of summary that the manifest alone is longer than the first read.
    writer.tail = (0..40_000_u64)
        .zip(numbers())
        .map(|(i, number)| deskreel_format::MomentSummary {
            time_ms: T0 - 500_000_000 + i * 10_000 + number % 7919,
            changed: (number >> 20) as u8 % 128,
            idle: i % 3 == 0,
        })
        .collect();
    let shots = [noise(0), noise(1)];
    record(&mut bucket, &mut writer, &shots, 2);
    let driver = Driver::opened(bucket, config());
    driver.assert_shows(&shots[1]);
    let ranges: Vec<_> = driver.fetched.iter().map(|(_, range)| *range).collect();
    assert_eq!(ranges[0], Some((0, 16_383)));
    assert_eq!(ranges[1].map(|(from, _)| from), Some(16_384));
}
