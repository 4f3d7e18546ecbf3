//! Playing by stepping the clock.

use deskreel_format::{Absence, AbsenceKind};
use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, record, shot, shots};

const SIZE: [(u32, u32); 1] = [(80, 60)];

fn opened(shots: &[Shot], per_segment: usize, start: u64) -> Driver {
    let mut bucket = Bucket::new();
    record(&mut bucket, &mut Writer::new(1, 16), shots, per_segment);
    let config = Config { start_ms: Some(start), ahead: 4, ..config() };
    let mut driver = Driver::opened(bucket, config);
    driver.events.clear();
    driver
}

#[test]
fn playing_shows_every_shot_at_its_time_and_ends() {
    let shots = shots(8, &SIZE);
    let mut driver = opened(&shots, 3, T0);
    driver.input(Input::Play);
    driver.pass(INTERVAL_MS - 1);
    driver.assert_shows(&shots[0]);
    driver.pass(1);
    driver.assert_shows(&shots[1]);
    driver.input(Input::SetRate(10.0));
    driver.pass(3_000);
    driver.assert_shows(&shots[4]);
    driver.pass(60_000);
    driver.assert_shows(&shots[7]);
    assert_eq!(driver.shown_times(), shots[1..].iter().map(|s| s.time_ms).collect::<Vec<_>>());
    assert!(driver.events.contains(&Event::Ended));
    assert!(!driver.player.is_playing());
    driver.input(Input::Play);
    driver.settle();
    driver.assert_shows(&shots[0]);
}

#[test]
fn playing_backward_shows_every_shot_too() {
    let shots = shots(8, &SIZE);
    let mut driver = opened(&shots, 3, T0 + 7 * INTERVAL_MS);
    driver.input(Input::SetRate(-10.0));
    driver.input(Input::Play);
    driver.pass(60_000);
    let backward: Vec<u64> = shots[..7].iter().rev().map(|shot| shot.time_ms).collect();
    assert_eq!(driver.shown_times(), backward);
    assert!(driver.events.contains(&Event::Ended));
}

#[test]
fn playing_waits_for_bytes_and_goes_on_from_there() {
    let shots = shots(8, &SIZE);
    let mut driver = opened(&shots, 1, T0);
    driver.input(Input::Play);
    driver.settle();
    // From here on nothing is answered for a long time.
    let (mut now_ms, end_ms) = (driver.now_ms, driver.now_ms + 300_000);
    while now_ms < end_ms {
        now_ms += 1_000;
        driver.now_ms = now_ms;
        driver.input(Input::Tick);
    }
    let (stuck, _) = driver.shown().unwrap();
    assert!(stuck < shots[7].time_ms);
    assert!(driver.events.contains(&Event::Waiting));
    driver.settle();
    driver.pass(INTERVAL_MS / 2);
    let (shown, _) = driver.shown().unwrap();
    assert_eq!(shown, stuck + INTERVAL_MS, "it went on where it waited");
    assert!(driver.events.contains(&Event::Playing));
}

#[test]
fn gaps_are_leapt_over_and_named() {
    let times = [0, 10, 20, 3_000, 3_010];
    let shots: Vec<Shot> = times.iter().map(|s| shot(T0 + s * 1000, &SIZE, *s / 10)).collect();
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    record(&mut bucket, &mut writer, &shots[..3], 1);
    let (from_ms, to_ms) = (T0 + 25_000, T0 + 2_999_000);
    writer.absences.push(Absence { from_ms, to_ms, kind: AbsenceKind::Locked });
    record(&mut bucket, &mut writer, &shots[3..], 1);
    let config = Config { start_ms: Some(T0), ahead: 4, ..config() };
    let mut driver = Driver::opened(bucket, config);
    driver.pass(1_000);
    let gaps = driver.player.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].kind, Some(AbsenceKind::Locked));
    driver.input(Input::Play);
    driver.pass(30_000);
    driver.assert_shows(&shots[3]);
    driver.input(Input::SetRate(-1.0));
    driver.pass(1_000);
    driver.assert_shows(&shots[2]);
    driver.pass(5_000);
    driver.assert_shows(&shots[2]);
    driver.pass(6_000);
    driver.assert_shows(&shots[1]);
}

#[test]
fn at_high_rates_shots_are_passed_over_and_the_clock_holds() {
    let shots = shots(300, &SIZE);
    let mut driver = opened(&shots, 30, T0);
    driver.input(Input::SetRate(2_000.0));
    driver.input(Input::Play);
    driver.pass(1_000);
    let (shown, exact) = driver.shown().unwrap();
    assert!(exact);
    let passed_ms = shown - T0;
    assert!((1_800_000..=2_000_000).contains(&passed_ms), "{passed_ms}");
    assert!(driver.shown_times().len() <= 64);
}

#[test]
fn playing_fetches_ahead_in_its_direction() {
    let shots = shots(30, &SIZE);
    let mut driver = opened(&shots, 1, T0 + 15 * INTERVAL_MS);
    driver.fetched.clear();
    driver.input(Input::Play);
    driver.settle();
    let buffered = driver.player.buffered();
    let (_, end_ms) = *buffered
        .iter()
        .find(|(from, to)| (*from..*to).contains(&(T0 + 15 * INTERVAL_MS)))
        .unwrap();
    assert!(end_ms >= T0 + 19 * INTERVAL_MS, "four ahead: {buffered:?}");
    driver.pass(2 * INTERVAL_MS);
    assert!(!driver.events.contains(&Event::Waiting));
}

#[test]
fn following_shows_each_new_shot_and_any_seek_ends_it() {
    let all = shots(8, &SIZE);
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    record(&mut bucket, &mut writer, &all[..5], 1);
    let mut driver = Driver::opened(bucket, config());
    driver.input(Input::Follow(true));
    driver.assert_shows(&all[4]);
    let mut more = driver.bucket.clone();
    writer.store(&mut more, &all[5..6]);
    driver.bucket = more;
    driver.pass(INTERVAL_MS + 1_000);
    driver.assert_shows(&all[5]);
    driver.seek(T0);
    let mut more = driver.bucket.clone();
    writer.store(&mut more, &all[6..7]);
    driver.bucket = more;
    driver.pass(3 * INTERVAL_MS);
    driver.assert_shows(&all[0]);
    assert_eq!(driver.player.marks().len(), 7, "the slider knows it nevertheless");
}
