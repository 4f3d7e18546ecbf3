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
fn a_timer_that_is_over_before_its_time_is_set_again() {
    let shots = shots(8, &SIZE);
    let mut driver = opened(&shots, 3, T0);
    driver.input(Input::Play);
    driver.settle();
    while driver.player.is_playing() {
        let wake_ms = driver.wake_ms.take().expect("playing goes on by itself");
        driver.now_ms = driver.now_ms.max(wake_ms - 1);
        driver.input(Input::Tick);
        driver.settle();
        assert_eq!(driver.wake_ms.take(), Some(wake_ms), "it was not that time yet");
        driver.now_ms = wake_ms;
        driver.input(Input::Tick);
        driver.settle();
    }
    driver.assert_shows(&shots[7]);
    assert!(driver.events.contains(&Event::Ended));
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
    let kinds: Vec<_> = gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(kinds, [Some(AbsenceKind::Locked), None], "the last one lasts until now");
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

/// A recording in which nobody is there and nothing changes from the 5th shot to the 24th.
fn with_an_idle_stretch() -> (Bucket, Vec<Shot>) {
    let shot = |index: u64| {
        let seed = if (5..25).contains(&index) { 4 } else { index };
        shot(T0 + index * INTERVAL_MS, &SIZE, seed)
    };
    let shots: Vec<Shot> = (0..30).map(shot).collect();
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    writer.idle = Some((shots[5].time_ms, shots[24].time_ms));
    record(&mut bucket, &mut writer, &shots, 30);
    (bucket, shots)
}

#[test]
fn skipping_idle_stretches_leaves_one_at_once_and_holds_what_happened_for_its_time() {
    let (bucket, shots) = with_an_idle_stretch();
    let config = Config { start_ms: Some(shots[3].time_ms), ..config() };
    let mut driver = Driver::opened(bucket, config);
    driver.input(Input::SkipIdle(true));
    driver.input(Input::Play);
    driver.pass(INTERVAL_MS + 100);
    driver.assert_shows(&shots[4]);
    driver.pass(INTERVAL_MS - 200);
    driver.assert_shows(&shots[4]);
    driver.pass(200);
    driver.assert_shows(&shots[25]);
    // Asked in the middle of one, it does not wait for the picture's time to be over.
    driver.input(Input::SkipIdle(false));
    driver.seek(shots[10].time_ms + 10);
    driver.pass(100);
    driver.assert_shows(&shots[10]);
    driver.input(Input::SkipIdle(true));
    driver.settle();
    driver.assert_shows(&shots[25]);
}

#[test]
fn a_seek_into_an_idle_stretch_shows_it_while_paused() {
    let (bucket, shots) = with_an_idle_stretch();
    let config = Config { start_ms: Some(shots[12].time_ms), ..config() };
    let mut driver = Driver::opened(bucket, config);
    driver.input(Input::SkipIdle(true));
    driver.pass(60_000);
    driver.assert_shows(&shots[12]);
}

#[test]
fn idle_to_the_end_is_skipped_to_the_newest() {
    let shots: Vec<Shot> =
        (0..30).map(|index: u64| shot(T0 + index * INTERVAL_MS, &SIZE, index.min(4))).collect();
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    writer.idle = Some((shots[5].time_ms, shots[29].time_ms));
    record(&mut bucket, &mut writer, &shots, 30);
    let config = Config { start_ms: Some(shots[8].time_ms), ..config() };
    let mut driver = Driver::opened(bucket, config);
    driver.input(Input::SkipIdle(true));
    driver.input(Input::Play);
    driver.settle();
    driver.assert_shows(&shots[29]);
    assert!(driver.player.has_ended());
}

#[test]
fn a_stretch_is_played_again_and_again_in_either_direction_until_told_otherwise() {
    let shots = shots(20, &SIZE);
    let mut driver = opened(&shots, 20, T0);
    driver.input(Input::Repeat(Some((shots[8].time_ms, shots[5].time_ms))));
    assert_eq!(driver.player.repeated(), Some((shots[5].time_ms, shots[8].time_ms)));
    driver.assert_shows(&shots[0]);
    driver.input(Input::SetRate(10.0));
    driver.input(Input::Play);
    driver.settle();
    driver.events.clear();
    driver.pass(6_500);
    let expected: Vec<u64> = [5, 6, 7].iter().cycle().take(7).map(|i| shots[*i].time_ms).collect();
    let mut shown = driver.shown_times();
    shown.dedup();
    assert_eq!(shown, expected[1..], "it was on the first one when the events were cleared");
    driver.input(Input::SetRate(-10.0));
    driver.events.clear();
    driver.pass(6_000);
    assert!(driver.shown_times().iter().all(|t| (shots[5].time_ms..=shots[8].time_ms).contains(t)));
    driver.input(Input::SetRate(10.0));
    driver.input(Input::Repeat(None));
    driver.pass(20_000);
    driver.assert_shows(&shots[19]);
    assert!(driver.player.has_ended());
}

#[test]
fn a_stretch_that_ends_with_the_recording_is_repeated_too_without_spinning() {
    let shots = shots(4, &SIZE);
    let mut driver = opened(&shots, 4, T0);
    let last_ms = shots[3].time_ms;
    driver.input(Input::Repeat(Some((last_ms, last_ms + 3_600_000))));
    driver.input(Input::Play);
    driver.events.clear();
    driver.pass(60_000);
    driver.assert_shows(&shots[3]);
    assert!(driver.player.is_playing() && driver.events.len() < 1_000);
}

#[test]
fn a_preview_is_the_nearest_moment_that_is_here_and_asks_for_nothing() {
    let shots = shots(20, &[(64, 48), (32, 48)]);
    let mut driver = opened(&shots, 20, shots[4].time_ms);
    driver.seek(shots[9].time_ms);
    let before = (driver.fetched.len(), driver.listed, driver.shown());
    let preview = driver.player.preview(shots[4].time_ms + 3, 96).expect("a preview");
    assert_eq!(preview.time_ms, shots[4].time_ms);
    assert_eq!((preview.width, preview.height), (96, 48));
    let pixels = preview.rgba.chunks_exact(96 * 4);
    for (y, row) in pixels.enumerate() {
        let line = |picture: usize, width: usize| {
            shots[4].pictures[picture].rgb()[y * width * 3..(y + 1) * width * 3].to_vec()
        };
        let rgb: Vec<u8> = row.chunks_exact(4).flat_map(|p| p[..3].to_vec()).collect();
        assert_eq!(rgb, [line(0, 64), line(1, 32)].concat(), "row {y}");
    }
    let small = driver.player.preview(shots[9].time_ms, 32).expect("a preview");
    assert_eq!((small.time_ms, small.width, small.height), (shots[9].time_ms, 32, 16));
    assert!(small.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
    assert_eq!((driver.fetched.len(), driver.listed, driver.shown()), before);
}
