//! Regions against brute force: every answer is what comparing the captured pixels gives.

use deskreel_format::grid::Rect;
use deskreel_format::roll::roll_hour;
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{Limits, Manifest, Segment};
use deskreel_player::core::player::Config;
use deskreel_player::core::regions::{Answer, Question, Region};
use deskreel_player::core::sheet::Sheet;
use deskreel_player::core::{Event, Input};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, record, shot, shots};

fn pixels(shot: &Shot, surface: usize, rect: Rect) -> Vec<u8> {
    let picture = &shot.pictures[surface];
    let (right, bottom) =
        ((rect.x + rect.width).min(picture.width()), (rect.y + rect.height).min(picture.height()));
    let mut pixels = vec![picture.width() as u8, picture.height() as u8];
    for y in rect.y..bottom {
        let from = ((y * picture.width() + rect.x) * 3) as usize;
        let to = ((y * picture.width() + right) * 3) as usize;
        pixels.extend_from_slice(&picture.rgb()[from..to]);
    }
    pixels
}

fn ask(driver: &mut Driver, surface: usize, rect: Rect, seen: bool) -> Vec<u64> {
    driver.events.clear();
    driver.input(Input::Region { id: 5, surface, rect, seen });
    driver.settle();
    let found = driver.events.iter().find_map(|event| match event {
        Event::RegionFound { id: 5, times, sure: true } => Some(times.clone()),
        _ => None,
    });
    found.expect("an answer that is sure")
}

fn changes(shots: &[Shot], surface: usize, rect: Rect) -> Vec<u64> {
    let pairs = shots.windows(2);
    let changed = pairs.filter(|p| pixels(&p[0], surface, rect) != pixels(&p[1], surface, rect));
    changed.map(|pair| pair[1].time_ms).collect()
}

/// Moments, out of stretches.
fn inside(shots: &[Shot], stretches: &[u64]) -> Vec<u64> {
    let is_in = |time: u64| stretches.chunks(2).any(|ends| (ends[0]..ends[1]).contains(&time));
    shots.iter().map(|shot| shot.time_ms).filter(|time| is_in(*time)).collect()
}

fn seen(shots: &[Shot], at: usize, surface: usize, rect: Rect) -> Vec<u64> {
    let wanted = pixels(&shots[at], surface, rect);
    let same = shots.iter().filter(|shot| pixels(shot, surface, rect) == wanted);
    same.map(|shot| shot.time_ms).collect()
}

/// A recording in which everything comes again, and agents that forget in between what they stored:
/// so every tile is stored several times.
fn forgetful() -> (Bucket, Vec<Shot>) {
    let mut bucket = Bucket::new();
    let seeds = [1, 2, 3, 3, 2, 1, 4, 4, 1, 2, 5, 5, 5, 1];
    let shots: Vec<Shot> = (0_u64..70)
        .map(|i| shot(T0 + i * INTERVAL_MS, &[(200, 120), (90, 60)], seeds[i as usize % 14]))
        .collect();
    for (writer, part) in (1..).zip(shots.chunks(11)) {
        record(&mut bucket, &mut Writer::new(writer, 16), part, 1 + writer as usize % 3);
    }
    (bucket, shots)
}

fn rects() -> impl Iterator<Item = (usize, Rect)> {
    let aligned = |(x, y, width, height): (u32, u32, u32, u32)| Rect {
        x: x * 16,
        y: y * 16,
        width: width * 16,
        height: height * 16,
    };
    [
        (0, (0, 0, 1, 1)),
        (0, (3, 1, 4, 3)),
        (0, (0, 0, 13, 8)),
        (0, (0, 2, 13, 4)),
        (0, (6, 5, 7, 3)),
        (1, (0, 0, 2, 2)),
        (1, (1, 2, 5, 2)),
    ]
    .into_iter()
    .map(move |(surface, cells)| (surface, aligned(cells)))
}

/// The same by one agent that stores everything again now and then, and says so.
fn remembering() -> (Bucket, Vec<Shot>) {
    let mut bucket = Bucket::new();
    let (_, shots) = forgetful();
    let mut writer = Writer::new(1, 16);
    writer.remembers = true;
    for (number, part) in shots.chunks(5).enumerate() {
        record(&mut bucket, &mut writer, part, 1 + number % 3);
        if number % 2 == 0 {
            writer.forget();
        }
    }
    (bucket, shots)
}

#[test]
fn where_manifests_say_what_was_stored_again_they_alone_answer() {
    let (bucket, shots) = remembering();
    let limits = Limits::default();
    let manifests: Vec<Manifest> =
        bucket.objects.values().map(|o| Segment::decode(o, &limits).unwrap().manifest).collect();
    assert!(manifests.iter().any(|manifest| !manifest.links.same.is_empty()));
    let all: Vec<&Manifest> = manifests.iter().collect();
    let hours = [0, 1].map(|hour| roll_hour(hour_start(T0) + hour * HOUR_MS, &all).unwrap());
    let rolled: Vec<Manifest> = hours.into_iter().flatten().map(|hour| hour.manifest).collect();
    let answer = |question, surface, rect, manifests: &[&Manifest]| {
        let mut region = Region::new(question, surface, rect);
        manifests.iter().for_each(|manifest| region.take(&Sheet::new((*manifest).clone())));
        match region.answer(0, INTERVAL_MS) {
            Answer::Times(times) => times,
            Answer::Compare(pairs) => panic!("{} pairs are to be compared", pairs.len()),
        }
    };
    let late: Vec<&Manifest> = rolled[..1].iter().chain(&manifests[30..]).collect();
    for told in [all, rolled.iter().collect(), late] {
        let first_ms = told.iter().flat_map(|m| &m.moments).map(|m| m.time_ms).min();
        assert_eq!(first_ms, Some(T0));
        for (surface, rect) in rects() {
            let found = answer(Question::History, surface, rect, &told);
            assert_eq!(found, changes(&shots, surface, rect), "{rect:?}");
            for at in [0, 30, 69] {
                let question = Question::Seen(shots[at].time_ms);
                let found = inside(&shots, &answer(question, surface, rect, &told));
                assert_eq!(found, seen(&shots, at, surface, rect), "{at} {rect:?}");
            }
        }
    }
}

#[test]
fn region_history_is_what_comparing_all_pixels_gives() {
    let (bucket, shots) = forgetful();
    let mut driver = Driver::opened(bucket, config());
    for (surface, rect) in rects() {
        assert_eq!(
            ask(&mut driver, surface, rect, false),
            changes(&shots, surface, rect),
            "{rect:?}"
        );
    }
}

#[test]
fn seen_when_finds_every_moment_that_looked_the_same_and_no_other() {
    let (bucket, shots) = forgetful();
    let mut driver = Driver::opened(bucket, config());
    for at in [0, 13, 30, 69] {
        driver.seek(shots[at].time_ms);
        for (surface, rect) in rects() {
            let stretches = ask(&mut driver, surface, rect, true);
            let found = inside(&shots, &stretches);
            assert_eq!(found, seen(&shots, at, surface, rect), "{at} {rect:?}");
        }
    }
}

#[test]
fn one_agents_recording_is_answered_too_and_a_tiny_cache_suffices() {
    let mut bucket = Bucket::new();
    let shots = shots(60, &[(200, 120)]);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 4);
    let small = Config { pack_bytes: 10_000, sheet_bytes: 3_000, stored_bytes: 5_000, ..config() };
    let mut driver = Driver::opened(bucket, small);
    for (_, rect) in rects() {
        assert_eq!(ask(&mut driver, 0, rect, false), changes(&shots, 0, rect), "{rect:?}");
        let found = ask(&mut driver, 0, rect, true);
        assert_eq!(inside(&shots, &found), seen(&shots, 59, 0, rect), "{rect:?}");
    }
}

#[test]
fn an_answer_that_rests_on_a_tile_that_is_gone_is_not_called_sure() {
    let (mut bucket, _) = forgetful();
    let keys: Vec<String> = bucket.objects.keys().cloned().collect();
    for key in &keys[5..20] {
        let object = bucket.objects.get_mut(key).unwrap();
        *object.last_mut().unwrap() ^= 1;
    }
    let mut driver = Driver::opened(bucket, config());
    driver.events.clear();
    let rect = Rect { x: 0, y: 0, width: 180, height: 120 };
    driver.input(Input::Region { id: 1, surface: 0, rect, seen: false });
    driver.settle();
    let is_unsure = |event: &Event| matches!(event, Event::RegionFound { id: 1, sure: false, .. });
    assert!(driver.events.iter().any(is_unsure), "{} events", driver.events.len());
}

#[test]
fn another_question_ends_the_one_before() {
    let (bucket, shots) = forgetful();
    let mut driver = Driver::opened(bucket, config());
    let rect = Rect { x: 0, y: 0, width: 16, height: 16 };
    driver.input(Input::Region { id: 1, surface: 0, rect, seen: false });
    assert_eq!(ask(&mut driver, 0, rect, false), changes(&shots, 0, rect));
    let first = driver.events.iter().find(|event| matches!(event, Event::RegionFound { .. }));
    assert_eq!(first, Some(&Event::RegionFound { id: 1, times: Vec::new(), sure: false }));
}

#[test]
fn a_question_that_was_taken_back_is_answered_without_certainty_and_asks_for_nothing_more() {
    let (bucket, _) = forgetful();
    let mut driver = Driver::opened(bucket, config());
    let rect = Rect { x: 0, y: 0, width: 16, height: 16 };
    driver.input(Input::Region { id: 7, surface: 0, rect, seen: false });
    driver.input(Input::EndRegion);
    let none = Event::RegionFound { id: 7, times: Vec::new(), sure: false };
    assert!(driver.events.contains(&none));
    driver.settle();
    let answers = driver.events.iter().filter(|e| matches!(e, Event::RegionFound { .. }));
    assert_eq!(answers.count(), 1);
    driver.input(Input::EndRegion);
}

#[test]
fn what_is_certain_is_told_while_the_rest_is_read() {
    let (bucket, shots) = remembering();
    let mut driver = Driver::opened(bucket, config());
    for (surface, rect) in rects() {
        let found = ask(&mut driver, surface, rect, false);
        let told = driver.events.iter().filter_map(|event| match event {
            Event::RegionProgress { times, .. } => Some(times.clone()),
            _ => None,
        });
        let told: Vec<Vec<u64>> = told.collect();
        assert!(told.iter().flatten().all(|time| found.contains(time)), "{rect:?}");
        assert_eq!(found, changes(&shots, surface, rect));
        assert!(found.is_empty() || told.last().is_some_and(|last| !last.is_empty()), "{rect:?}");
    }
}
