//! Streams as they come: empty, old, long, by several writers, growing.

use deskreel_format::time::{DAY_MS, HOUR_MS};
use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input, Status};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, record, shot, shots};

const SIZE: [(u32, u32); 1] = [(40, 30)];

#[test]
fn an_empty_stream_says_so_and_notices_when_it_begins() {
    let mut driver = Driver::opened(Bucket::new(), config());
    assert_eq!(driver.player.status(), Status::Empty);
    assert_eq!((driver.player.window(), driver.shown()), (None, None));
    driver.seek(T0);
    driver.input(Input::Step(1));
    driver.input(Input::Play);
    driver.input(Input::Pause);
    driver.settle();
    let shots = [shot(driver.now_ms, &SIZE, 1)];
    let mut bucket = Bucket::new();
    Writer::new(1, 16).store(&mut bucket, &shots);
    driver.bucket = bucket;
    driver.pass(2 * INTERVAL_MS);
    driver.assert_shows(&shots[0]);
    assert_eq!(driver.player.status(), Status::Ready);
}

#[test]
fn an_old_recording_has_its_own_window() {
    let mut bucket = Bucket::new();
    let shots = shots(5, &SIZE);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 5);
    let mut driver = Driver::new(bucket, config());
    driver.now_ms = T0 + 90 * DAY_MS;
    driver.input(Input::Tick);
    driver.settle();
    driver.pass(1_000);
    let end_ms = T0 + 5 * INTERVAL_MS;
    assert_eq!(driver.player.window(), Some((end_ms - DAY_MS, end_ms)));
    driver.assert_shows(&shots[4]);
}

#[test]
fn only_the_last_24_hours_are_shown() {
    let mut bucket = Bucket::new();
    let times = [0, 1, 30, 47, 48];
    let shots: Vec<Shot> = times.iter().map(|h| shot(T0 + h * HOUR_MS, &SIZE, *h)).collect();
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 1);
    let mut driver = Driver::new(bucket, config());
    driver.now_ms = T0 + 49 * HOUR_MS;
    driver.input(Input::Tick);
    driver.settle();
    let marks: Vec<u64> = driver.player.marks().iter().map(|mark| mark.time_ms).collect();
    assert_eq!(marks, [30, 47, 48].map(|h| T0 + h * HOUR_MS));
    driver.seek(T0);
    driver.assert_shows(&shots[2]);
    driver.input(Input::Step(-1));
    driver.settle();
    driver.assert_shows(&shots[2]);
    // The window moves on with the clock.
    driver.pass(6 * HOUR_MS);
    assert_eq!(driver.player.marks().len(), 2);
}

#[test]
fn a_whole_day_is_listed_by_pages_and_loads_with_few_requests() {
    let mut bucket = Bucket::new();
    bucket.page = 100;
    let mut writer = Writer::new(1, 16);
    let shots: Vec<Shot> =
        (0..8_640).map(|i| shot(T0 + i * INTERVAL_MS, &[(16, 16)], i / 500)).collect();
    for shot in &shots {
        writer.tail.clear();
        writer.store(&mut bucket, std::slice::from_ref(shot));
    }
    let mut driver = Driver::new(bucket, config());
    driver.now_ms = shots[8_639].time_ms + 1_000;
    driver.input(Input::Tick);
    driver.settle();
    driver.assert_shows(&shots[8_639]);
    assert!(driver.fetched.len() <= 3, "{:?}", driver.fetched);
    assert!(driver.player.marks().len() >= 8_639);
    for index in [1, 4_000, 8_000, 17] {
        driver.seek(shots[index].time_ms + 3);
        driver.assert_shows(&shots[index]);
    }
}

#[test]
fn segments_of_several_writers_are_one_stream() {
    let mut bucket = Bucket::new();
    let all = shots(40, &SIZE);
    let (a, b): (Vec<Shot>, Vec<Shot>) =
        all.iter().cloned().partition(|s| s.time_ms / 20_000 % 2 == 0);
    record(&mut bucket, &mut Writer::new(1, 16), &a, 6);
    record(&mut bucket, &mut Writer::new(2, 16), &b, 4);
    let mut driver = Driver::opened(bucket, config());
    driver.seek(0);
    for shot in &all {
        driver.assert_shows(shot);
        driver.input(Input::Step(1));
        driver.settle();
    }
    for shot in all.iter().rev().skip(1) {
        driver.input(Input::Step(-1));
        driver.settle();
        driver.assert_shows(shot);
    }
}

#[test]
fn what_is_not_a_segment_is_passed_over() {
    let mut bucket = Bucket::new();
    let shots = shots(3, &SIZE);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 1);
    bucket.put("segments/desk/2023-11-14/22/readme.txt", vec![1]);
    bucket.put("segments/desk/2099-01-01/00/readme.txt", vec![1]);
    bucket.put("segments/desk/junk/x", vec![1]);
    let driver = Driver::opened(bucket, config());
    driver.assert_shows(&shots[2]);
}

#[test]
fn a_batched_recording_is_known_moment_by_moment_when_it_has_loaded() {
    let mut bucket = Bucket::new();
    let shots = shots(60, &SIZE);
    let mut writer = Writer::new(1, 16);
    for batch in shots.chunks(6) {
        writer.tail.clear();
        writer.store(&mut bucket, batch);
    }
    let mut driver = Driver::new(bucket, Config { ahead: 8, ..config() });
    driver.input(Input::Tick);
    while !driver.events.contains(&Event::LoadedMetadata) {
        assert!(driver.answer_one());
    }
    let times: Vec<u64> = driver.player.marks().iter().map(|mark| mark.time_ms).collect();
    assert_eq!(times, shots.iter().map(|shot| shot.time_ms).collect::<Vec<_>>());
}

#[test]
fn batches_that_were_only_listed_are_no_gaps() {
    let mut bucket = Bucket::new();
    let shots = shots(60, &SIZE);
    let mut writer = Writer::new(1, 16);
    for batch in shots.chunks(6) {
        writer.tail.clear();
        writer.store(&mut bucket, batch);
    }
    let driver = Driver::opened(bucket, config());
    let last_ms = shots[59].time_ms;
    let gaps = driver.player.gaps();
    assert!(gaps.iter().all(|gap| gap.from_ms > last_ms), "{gaps:?}");
    assert!(driver.events.contains(&Event::LoadedMetadata));
}
