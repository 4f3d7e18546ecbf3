//! A day with indexes of its hours: it opens with few requests, and every moment is what it is
//! without them.

use std::collections::BTreeMap;

use deskreel_format::roll::{HourSummary, index, roll_hour};
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{Index, Limits, Manifest, Segment, SegmentId};
use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input};

use crate::bucket::Bucket;
use crate::driver::{Driver, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, shot, stream};

const SIZE: [(u32, u32); 1] = [(96, 64)];

/// A recording as an agent leaves it: every hour that is over has an index, and the newest segments
/// list the moments since.
struct Day {
    bucket: Bucket,
    shots: Vec<Shot>,
    hours: Vec<u64>,
}

fn day(count: u64, per_segment: usize) -> Day {
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    let shots: Vec<Shot> = (0..count).map(|i| shot(T0 + i * INTERVAL_MS, &SIZE, i % 977)).collect();
    let mut ids = Vec::new();
    let mut hour_ms = hour_start(T0);
    for batch in shots.chunks(per_segment) {
        if hour_start(batch[0].time_ms) > hour_ms {
            hour_ms = hour_start(batch[0].time_ms);
            writer.tail.retain(|moment| moment.time_ms >= hour_ms);
        }
        ids.push(writer.store(&mut bucket, batch));
    }
    let mut day = Day { bucket, shots, hours: Vec::new() };
    day.roll(&ids);
    day
}

impl Day {
    fn roll(&mut self, ids: &[SegmentId]) {
        let manifests: Vec<Manifest> = ids
            .iter()
            .map(|id| {
                let bytes = &self.bucket.objects[&stream().segment_key(*id)];
                Segment::decode(bytes, &Limits::default()).unwrap().manifest
            })
            .collect();
        let last_hour = hour_start(self.shots.last().unwrap().time_ms);
        let mut hours: BTreeMap<u64, HourSummary> = BTreeMap::new();
        for hour_ms in (hour_start(T0)..last_hour).step_by(HOUR_MS as usize) {
            let near = manifests.iter().filter(|manifest| {
                (hour_ms.saturating_sub(600_000)..hour_ms + HOUR_MS).contains(&manifest.id.first_ms)
            });
            let near: Vec<&Manifest> = near.collect();
            let rolled = roll_hour(hour_ms, &near).unwrap().unwrap();
            hours.insert(hour_ms, rolled.summary);
            let object = index(rolled.manifest, &hours).encode().unwrap();
            self.bucket.put(&stream().index_key(hour_ms), object);
            self.hours.push(hour_ms);
        }
    }

    fn open(&self, config: Config) -> Driver {
        let mut driver = Driver::new(self.bucket.clone(), config);
        driver.now_ms = self.shots.last().unwrap().time_ms + 1_000;
        driver.input(Input::Tick);
        driver.settle();
        driver
    }

    fn assert_lists_all(&self, driver: &Driver) {
        let known: Vec<u64> = driver.player.marks().iter().map(|mark| mark.time_ms).collect();
        let times: Vec<u64> = self.shots.iter().map(|shot| shot.time_ms).collect();
        assert!(known == times, "{} of {} times", known.len(), times.len());
        assert!(driver.player.gaps().is_empty(), "{:?}", driver.player.gaps());
    }
}

#[test]
fn a_whole_day_opens_with_few_requests_and_bytes() {
    let day = day(8_640, 1);
    let driver = day.open(config());
    driver.assert_shows(&day.shots[8_639]);
    assert!(driver.events.contains(&Event::LoadedMetadata));
    day.assert_lists_all(&driver);
    let requests = driver.grants + driver.listed + driver.fetched.len();
    assert!(requests <= 12, "{requests} requests");
    assert!(driver.received <= 250_000, "{} bytes", driver.received);
}

#[test]
fn a_day_that_is_over_is_found_by_its_newest_index() {
    let day = day(2_000, 1);
    let mut driver = Driver::new(day.bucket.clone(), config());
    driver.now_ms = day.shots.last().unwrap().time_ms + 30 * HOUR_MS;
    driver.input(Input::Tick);
    let mut turns = 0;
    while driver.shown().is_none() && turns < 20 {
        turns += 1;
        let asked: Vec<_> = driver.pending.drain(..).collect();
        asked.iter().for_each(|request| driver.answer(request));
    }
    // What is new and the indexes, the newest segments, the newest of them, and what it needs.
    assert!(turns <= 4, "{turns} round trips");
    driver.settle();
    driver.assert_shows(&day.shots[1_999]);
    day.assert_lists_all(&driver);
    // An index of a time without segments leads nowhere, and the stream is found all the same.
    let mut other = day.bucket.clone();
    let index = other.objects[&stream().index_key(day.hours[0])].clone();
    other.put(
        &stream().index_key(day.shots[1_999].time_ms / HOUR_MS * HOUR_MS + 5 * HOUR_MS),
        index,
    );
    let mut driver = Driver::opened(other, config());
    driver.pass(1_000);
    driver.assert_shows(&day.shots[1_999]);
}

#[test]
fn every_moment_of_an_indexed_day_is_exact_in_any_order() {
    for per_segment in [1, 7] {
        let day = day(1_300, per_segment);
        let mut driver = day.open(config());
        day.assert_lists_all(&driver);
        let mut state = 12_345_u64;
        for _ in 0..120 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let index = (state >> 33) as usize % day.shots.len();
            driver.seek(day.shots[index].time_ms + state % INTERVAL_MS);
            driver.assert_shows(&day.shots[index]);
        }
        assert!(driver.errors().is_empty());
        // A hop within an hour that was read takes no manifest any more.
        let listed = driver.listed;
        driver.seek(day.shots[500].time_ms);
        driver.seek(day.shots[520].time_ms);
        assert_eq!(driver.listed, listed);
    }
}

#[test]
fn steps_cross_the_hours_of_an_indexed_day() {
    let day = day(1_300, 7);
    let mut driver = day.open(config());
    driver.seek(day.shots[0].time_ms);
    for shot in &day.shots[1..] {
        driver.input(Input::Step(1));
        driver.settle();
        assert_eq!(driver.shown(), Some((shot.time_ms, true)));
    }
    for shot in day.shots.iter().rev().skip(1) {
        driver.input(Input::Step(-1));
        driver.settle();
        assert_eq!(driver.shown(), Some((shot.time_ms, true)));
    }
}

#[test]
fn an_hour_whose_index_is_missing_or_corrupt_is_read_from_its_segments() {
    let whole = day(1_500, 5);
    for damage in 0..4 {
        let mut day = Day {
            bucket: whole.bucket.clone(),
            shots: whole.shots.clone(),
            hours: whole.hours.clone(),
        };
        for hour in [day.hours[1], *day.hours.last().unwrap()] {
            let key = stream().index_key(hour);
            let object = day.bucket.objects.get_mut(&key).unwrap();
            match damage {
                0 => object.truncate(20),
                1 => object[40] ^= 1,
                2 => *object.last_mut().unwrap() ^= 1,
                _ => {
                    day.bucket.objects.remove(&key);
                }
            }
        }
        let mut driver = day.open(Config { ahead: 8, ..config() });
        for index in [0, 400, 401, 900, 1_100, 1_499, 300, 780] {
            driver.seek(day.shots[index].time_ms);
            driver.assert_shows(&day.shots[index]);
        }
        let named = driver.errors().iter().any(|error| error.object().ends_with(".idx"));
        assert_eq!(named, damage < 3, "{:?}", driver.errors());
    }
}

#[test]
fn an_index_is_read_in_whatever_pieces_it_comes() {
    for piece in [40, 1_000] {
        let mut day = day(900, 1);
        day.bucket.index_piece = Some(piece);
        let mut driver = day.open(Config { ahead: 8, ..config() });
        day.assert_lists_all(&driver);
        for index in [100, 101, 500, 499, 899] {
            driver.seek(day.shots[index].time_ms);
            driver.assert_shows(&day.shots[index]);
        }
        assert!(driver.errors().is_empty());
        let key = stream().index_key(day.hours[0]);
        let froms = driver.fetched.iter().filter(|(got, _)| *got == key);
        let froms: Vec<u64> = froms.map(|(_, range)| range.map_or(0, |(from, _)| from)).collect();
        let object = day.bucket.objects[&key].len();
        assert!(froms.len() >= object / piece && froms.is_sorted(), "{object} {froms:?}");
    }
}

#[test]
fn an_index_that_ends_too_soon_is_named_and_its_hour_read_from_segments() {
    let mut day = day(900, 1);
    day.bucket.index_piece = Some(1_000);
    let key = stream().index_key(day.hours[0]);
    let object = day.bucket.objects.get_mut(&key).unwrap();
    object.truncate(object.len() - 3);
    let mut driver = day.open(Config { ahead: 8, ..config() });
    for index in [100, 99, 101] {
        driver.seek(day.shots[index].time_ms);
        driver.assert_shows(&day.shots[index]);
    }
    assert!(driver.errors().iter().any(|error| error.object() == key), "{:?}", driver.errors());
}

#[test]
fn an_index_that_lies_about_a_picture_is_not_believed() {
    let mut day = day(800, 1);
    let hour = day.hours[0];
    let key = stream().index_key(hour);
    let mut index = Index::decode(&day.bucket.objects[&key], &Limits::default()).unwrap();
    for moment in &mut index.manifest.moments {
        moment.digests[0].0[3] ^= 1;
    }
    day.bucket.put(&key, index.encode().unwrap());
    let mut driver = day.open(config());
    driver.seek(day.shots[100].time_ms);
    driver.assert_shows(&day.shots[100]);
    driver.seek(day.shots[7].time_ms);
    driver.assert_shows(&day.shots[7]);
}

#[test]
fn what_was_uploaded_after_its_hour_was_indexed_is_found() {
    let mut day = day(1_000, 1);
    let late = shot(day.shots[990].time_ms - HOUR_MS + 3_000, &SIZE, 4);
    let mut driver = day.open(config());
    driver.input(Input::Follow(true));
    let mut more = driver.bucket.clone();
    Writer::new(9, 16).store(&mut more, std::slice::from_ref(&late));
    driver.bucket = more;
    // A long look back comes every few minutes.
    driver.pass(40 * INTERVAL_MS);
    driver.seek(late.time_ms);
    driver.assert_shows(&late);
    day.shots.push(late);
    day.shots.sort_by_key(|shot| shot.time_ms);
    day.assert_lists_all_times(&driver);
}

impl Day {
    fn assert_lists_all_times(&self, driver: &Driver) {
        let known: Vec<u64> = driver.player.marks().iter().map(|mark| mark.time_ms).collect();
        let times: Vec<u64> = self.shots.iter().map(|shot| shot.time_ms).collect();
        assert!(known == times, "{} of {} times", known.len(), times.len());
    }
}

#[test]
fn following_is_as_young_as_the_upload_allows() {
    let day = day(400, 1);
    let mut writer = Writer::new(2, 16);
    let mut driver = day.open(config());
    driver.input(Input::Follow(true));
    let last_ms = day.shots[399].time_ms;
    for step in 1..12 {
        let next = shot(last_ms + step * INTERVAL_MS, &SIZE, 500 + step);
        // Stored a second after it was taken.
        driver.pass(next.time_ms + 1_000 - driver.now_ms);
        let mut more = driver.bucket.clone();
        writer.store(&mut more, std::slice::from_ref(&next));
        driver.bucket = more;
        driver.pass(2_000);
        driver.assert_shows(&next);
    }
}

#[test]
fn a_moment_of_an_unread_hour_is_shown_from_its_own_segment() {
    let day = day(1_300, 1);
    let mut driver = day.open(Config { ahead: 0, ..config() });
    driver.fetched.clear();
    driver.seek(day.shots[200].time_ms + 3);
    driver.assert_shows(&day.shots[200]);
    let index = stream().index_key(hour_start(day.shots[200].time_ms));
    assert!(!driver.fetched.iter().any(|(key, _)| *key == index), "the index was read");
    // Steps need the hour's index, and land where they should.
    driver.input(Input::Step(1));
    driver.settle();
    driver.assert_shows(&day.shots[201]);
    driver.input(Input::Step(-2));
    driver.settle();
    driver.assert_shows(&day.shots[199]);
    assert!(driver.errors().is_empty());
}

#[test]
fn where_segments_hold_several_moments_one_guess_is_wrong_and_no_error() {
    let day = day(1_300, 7);
    let mut driver = day.open(Config { ahead: 0, ..config() });
    for index in [201, 600, 950, 30] {
        driver.seek(day.shots[index].time_ms);
        driver.assert_shows(&day.shots[index]);
    }
    assert!(driver.errors().is_empty(), "{:?}", driver.errors());
    let is_there = |key: &String| day.bucket.objects.contains_key(key);
    assert_eq!(driver.fetched.iter().filter(|(key, _)| !is_there(key)).count(), 1);
}
