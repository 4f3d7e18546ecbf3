//! Scrubbing: something near is shown at once, the exact moment as soon as it is here.

use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, record, shots};

fn opened(config: Config) -> (Driver, Vec<Shot>) {
    let mut bucket = Bucket::new();
    let shots = shots(60, &[(200, 120)]);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 1);
    (Driver::opened(bucket, config), shots)
}

#[test]
fn the_nearest_moment_that_is_here_is_shown_while_the_exact_one_travels() {
    let (mut driver, shots) = opened(config());
    for index in [10, 30] {
        driver.seek(shots[index].time_ms);
    }
    driver.events.clear();
    // Nothing is answered, yet each seek shows what is nearest, and says which it is.
    for (target, nearest) in [(12, 10), (25, 30), (19, 10), (50, 59), (44, 30), (31, 30)] {
        driver.input(Input::Seek { time_ms: shots[target].time_ms });
        driver.assert_shows(&shots[nearest]);
        assert!(driver.player.is_seeking());
        assert_eq!(driver.player.position(driver.now_ms), shots[target].time_ms);
    }
    assert!(!driver.events.contains(&Event::Seeked));
    driver.settle();
    driver.assert_shows(&shots[31]);
    assert_eq!(driver.events.iter().filter(|event| **event == Event::Seeked).count(), 1);
}

#[test]
fn a_moment_farther_away_than_the_one_shown_is_never_shown_instead() {
    let (mut driver, shots) = opened(config());
    driver.seek(shots[10].time_ms);
    driver.seek(shots[40].time_ms);
    driver.input(Input::Seek { time_ms: shots[42].time_ms });
    driver.assert_shows(&shots[40]);
    driver.input(Input::Seek { time_ms: shots[35].time_ms });
    driver.assert_shows(&shots[40]);
}

#[test]
fn every_cached_moment_of_a_scrub_is_shown_exactly_and_at_once() {
    let (mut driver, shots) = opened(config());
    for shot in &shots {
        driver.seek(shot.time_ms);
    }
    let before = (driver.fetched.len(), driver.listed);
    for step in 0..600_u64 {
        let index = (step * 7 % 60) as usize;
        driver.input(Input::Seek { time_ms: shots[index].time_ms });
        driver.assert_shows(&shots[index]);
    }
    assert_eq!((driver.fetched.len(), driver.listed), before);
}

#[test]
fn what_lies_in_the_direction_of_travel_is_fetched_ahead() {
    for (from, to) in [(50, 30), (10, 30)] {
        let ahead = Config { ahead: 6, start_ms: Some(T0 + from * INTERVAL_MS), ..config() };
        let (mut driver, shots) = opened(ahead);
        driver.seek(shots[to as usize].time_ms);
        let step = if to > from { 1_i64 } else { -1 };
        let fetched = driver.fetched.len();
        for count in 1..=6 {
            let index = (to as i64 + step * count) as usize;
            driver.input(Input::Seek { time_ms: shots[index].time_ms });
            driver.assert_shows(&shots[index]);
        }
        assert!(driver.fetched.len() >= fetched);
    }
}

#[test]
fn decoders_memory_counts_against_the_bound_of_tiles() {
    let (mut driver, shots) = opened(Config { pack_bytes: 400_000, ..config() });
    driver.input(Input::Decoders { ready: 2, coming: false, bytes: 380_000 });
    for shot in shots.iter().rev() {
        driver.seek(shot.time_ms);
        driver.assert_shows(shot);
    }
    let picture = 200 * 120 * 3 * 4;
    let held = driver.player.cached_bytes();
    assert!(held <= 20_000 + picture, "{held} bytes");
}
