//! Decoding beside the page's thread: late, lost and failed decodings never change what is right.

use deskreel_format::Picture;
use deskreel_player::core::player::Config;
use deskreel_player::core::{Event, Input, TransferId};

use crate::bucket::Bucket;
use crate::driver::{Driver, Request, config};
use crate::recording::{INTERVAL_MS, Shot, T0, Writer, layout, record, shots};

fn recorded(size: (u32, u32)) -> (Bucket, Vec<Shot>) {
    let mut bucket = Bucket::new();
    let shots = shots(20, &[size]);
    record(&mut bucket, &mut Writer::new(1, 16), &shots, 1);
    (bucket, shots)
}

/// A player that holds back what it is to decode, with so many decoders.
fn holding(bucket: Bucket, ready: usize, coming: bool) -> Driver {
    let mut driver = Driver::new(bucket, config());
    driver.holds_work = true;
    driver.input(Input::Decoders { ready, coming, bytes: 0 });
    driver.input(Input::Tick);
    driver.settle();
    driver
}

fn work_off(driver: &mut Driver) {
    while driver.decode_one() {
        driver.settle();
    }
}

#[test]
fn every_decoder_has_work_and_nothing_is_decoded_twice() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 1, false);
    let mut most = 0;
    let mut done = Vec::new();
    while let Some((_, job, here)) = driver.decodings.front() {
        assert!(!here);
        done.push(job.place);
        most = most.max(driver.decodings.len());
        driver.decode_one();
    }
    driver.assert_shows(&shots[19]);
    assert_eq!(most, 2, "two for each decoder: one at work and one to go on with");
    let count = done.len();
    done.sort_by_key(|place| (place.segment, place.offset));
    done.dedup();
    assert_eq!(done.len(), count);
}

#[test]
fn a_late_decoding_never_changes_the_moment_shown_and_is_kept() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 1, false);
    work_off(&mut driver);
    driver.seek(T0 + 3 * INTERVAL_MS);
    let late: Vec<_> = driver.decodings.drain(..).collect();
    assert!(!late.is_empty());
    // The decoder is busy with what nobody waits for any more; another one comes.
    driver.input(Input::Decoders { ready: 4, coming: false, bytes: 0 });
    driver.seek(T0 + 17 * INTERVAL_MS);
    work_off(&mut driver);
    driver.assert_shows(&shots[17]);
    for (id, job, _) in late {
        let tiles = job.decode(&Config::limits()).map_err(|error| error.to_string());
        driver.input(Input::Decoded { id, tiles: tiles.clone() });
        driver.assert_shows(&shots[17]);
        // Once is enough; an answer to nothing is nothing.
        driver.input(Input::Decoded { id, tiles });
        driver.assert_shows(&shots[17]);
    }
    driver.seek(T0 + 3 * INTERVAL_MS);
    work_off(&mut driver);
    driver.assert_shows(&shots[3]);
}

#[test]
fn work_of_a_decoder_that_died_is_done_again_elsewhere() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 2, false);
    let lost: Vec<_> = driver.decodings.drain(..).collect();
    driver.input(Input::Decoders { ready: 0, coming: false, bytes: 0 });
    for (id, ..) in lost {
        driver.input(Input::DecoderLost { id });
    }
    assert_eq!(driver.decodings.len(), 1, "on the page's thread one after the other");
    while let Some((.., here)) = driver.decodings.front() {
        assert!(here);
        driver.decode_one();
    }
    driver.assert_shows(&shots[19]);
    assert!(driver.errors().is_empty());
}

#[test]
fn decoders_that_never_come_are_waited_for_and_then_done_without() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 0, true);
    assert!(driver.decodings.is_empty());
    driver.pass(1_000);
    assert!(driver.decodings.is_empty());
    driver.pass(1_000);
    assert!(driver.decodings.front().is_some_and(|(.., here)| *here));
    work_off(&mut driver);
    driver.assert_shows(&shots[19]);
}

#[test]
fn a_decoder_that_gives_other_tiles_is_not_believed() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 8, false);
    let (id, job, _) = driver.decodings.pop_front().unwrap();
    let mut tiles = job.decode(&Config::limits()).unwrap();
    tiles.truncate(tiles.len() / 2 / 768 * 768 + 768 * usize::from(job.place.tiles == 1));
    tiles.truncate(tiles.len().saturating_sub(1));
    driver.input(Input::Decoded { id, tiles: Ok(tiles) });
    driver.settle();
    work_off(&mut driver);
    driver.assert_shows(&shots[19]);
    assert!(
        driver
            .fetched
            .iter()
            .any(|(key, range)| key.contains(&job.place.segment.to_string()) && range.is_some())
    );
}

#[test]
fn a_large_picture_is_drawn_first_and_called_exact_only_when_it_is_proved() {
    let (bucket, shots) = recorded((1000, 800));
    let mut driver = holding(bucket, 4, false);
    driver.events.clear();
    work_off(&mut driver);
    assert_eq!(driver.shown(), Some((shots[19].time_ms, false)), "drawn, not proved");
    assert!(driver.player.is_proving());
    let mut turns = 0;
    while std::mem::take(&mut driver.soon) {
        driver.input(Input::Tick);
        turns += 1;
    }
    driver.assert_shows(&shots[19]);
    assert_eq!(turns, 2, "3.2 MB at 2 MB a turn");
    let time_ms = shots[19].time_ms;
    let shown: Vec<&Event> =
        driver.events.iter().filter(|event| matches!(event, Event::Shown { .. })).collect();
    let expected = [
        &Event::Shown { time_ms, exact: false, proving: true },
        &Event::Shown { time_ms, exact: true, proving: false },
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_proof_is_of_the_picture_shown_and_of_no_other() {
    let (bucket, shots) = recorded((1000, 800));
    let mut driver = holding(bucket, 4, false);
    work_off(&mut driver);
    driver.input(Input::Tick);
    driver.seek(shots[4].time_ms);
    work_off(&mut driver);
    assert_eq!(driver.shown(), Some((shots[4].time_ms, false)));
    while std::mem::take(&mut driver.soon) {
        driver.input(Input::Tick);
    }
    driver.assert_shows(&shots[4]);
    assert_eq!(driver.events.iter().filter(|event| **event == Event::Seeked).count(), 1);
    assert!(driver.errors().is_empty());
}

#[test]
fn a_picture_of_the_same_decoded_tiles_is_proved_once_and_one_decoded_anew_again() {
    let (bucket, shots) = recorded((1000, 800));
    let mut driver = holding(bucket, 4, false);
    let look = |driver: &mut Driver, shot: &Shot| {
        driver.seek(shot.time_ms);
        work_off(driver);
        let at_once = driver.shown() == Some((shot.time_ms, true));
        while std::mem::take(&mut driver.soon) {
            driver.input(Input::Tick);
        }
        driver.assert_shows(shot);
        at_once
    };
    assert!(!look(&mut driver, &shots[19]));
    assert!(!look(&mut driver, &shots[4]));
    assert!(look(&mut driver, &shots[19]), "seen before");
    assert!(look(&mut driver, &shots[4]), "seen before");
    // Too little room to keep more than one picture: packs are decoded anew.
    driver.input(Input::Decoders { ready: 4, coming: false, bytes: usize::MAX });
    look(&mut driver, &shots[12]);
    assert!(!look(&mut driver, &shots[4]), "its tiles are others");
}

#[test]
fn a_decoder_that_is_stuck_is_not_waited_for_for_ever() {
    let (bucket, shots) = recorded((200, 120));
    let mut driver = holding(bucket, 1, false);
    let stuck: Vec<_> = driver.decodings.drain(..).collect();
    driver.pass(31_000);
    assert!(!driver.decodings.is_empty());
    work_off(&mut driver);
    driver.assert_shows(&shots[19]);
    for (id, job, _) in stuck {
        let tiles = job.decode(&Config::limits()).map_err(|error| error.to_string());
        driver.input(Input::Decoded { id, tiles });
        driver.assert_shows(&shots[19]);
    }
}

/// A newest screenshot most of whose tiles lie side by side in an older object, and the request for them.
fn waiting_for_a_span() -> (Driver, Vec<Shot>, Request) {
    let mut bucket = Bucket::new();
    let mut writer = Writer::new(1, 16);
    // Each paints another band and leaves the ones before: the last is made of packs of them all.
    let size = (320, 144);
    let mut picture = Picture::filled(size.0, size.1, [9, 9, 9]).unwrap();
    let shots: Vec<Shot> = (0..9)
        .map(|number| {
            let band = size.0 as usize * 16 * 3;
            let rgb = &mut picture.rgb_mut()[number * band..][..band];
            rgb.iter_mut().enumerate().for_each(|(i, value)| *value = (i / 7 * (number + 3)) as u8);
            let time_ms = T0 + number as u64 * INTERVAL_MS;
            Shot { time_ms, layout: layout(&[size]), pictures: vec![picture.clone()] }
        })
        .collect();
    writer.store(&mut bucket, &shots[..8]);
    writer.store(&mut bucket, &shots[8..]);
    let mut driver = Driver::new(bucket, config());
    driver.holds_work = true;
    driver.input(Input::Decoders { ready: 2, coming: false, bytes: 0 });
    driver.input(Input::Tick);
    for _ in 0..100 {
        let has_parts = |r: &Request| matches!(r, Request::Fetch(.., parts) if !parts.is_empty());
        if let Some(at) = driver.pending.iter().position(has_parts) {
            let request = driver.pending.remove(at).unwrap();
            return (driver, shots, request);
        }
        assert!(driver.answer_one() || driver.decode_one(), "nothing asks for a span");
    }
    panic!("no span is asked for");
}

#[test]
fn a_pack_is_decoded_before_the_rest_of_its_span_came_and_only_once() {
    let (mut driver, shots, request) = waiting_for_a_span();
    let Request::Fetch(id, key, range, parts) = &request else { unreachable!() };
    let (status, body) = driver.bucket.get(key, *range);
    assert_eq!(status, 206);
    work_off(&mut driver);
    driver.parts(*id, &parts[..1], &body);
    let first = driver.decodings.front().expect("the first pack goes to a decoder").1.place;
    assert_eq!(first.len as usize, parts[0]);
    assert!(driver.decode_one());
    // Nothing but the rest is asked for, and what came is not decoded again.
    assert!(driver.pending.is_empty());
    driver.input(Input::Reply { id: *id, status, body });
    while let Some((_, job, _)) = driver.decodings.front() {
        assert_ne!(job.place, first);
        driver.decode_one();
        driver.settle();
    }
    driver.assert_shows(&shots[8]);
}

#[test]
fn a_part_that_is_damaged_or_of_no_request_changes_nothing() {
    let (mut driver, shots, request) = waiting_for_a_span();
    let Request::Fetch(id, key, range, parts) = &request else { unreachable!() };
    let (status, mut body) = driver.bucket.get(key, *range);
    work_off(&mut driver);
    driver.input(Input::Part { id: TransferId(id.0 + 1_000), from: 0, bytes: body.clone() });
    driver.input(Input::Part { id: *id, from: usize::MAX, bytes: body.clone() });
    driver.input(Input::Part { id: *id, from: 1, bytes: Vec::new() });
    assert!(driver.decodings.is_empty());
    body[parts[0] - 1] ^= 1;
    driver.parts(*id, &parts[..1], &body);
    assert!(driver.decode_one());
    driver.input(Input::Reply { id: *id, status, body });
    driver.settle();
    work_off(&mut driver);
    // The damaged pack was asked for once more, and came whole.
    driver.assert_shows(&shots[8]);
    assert!(driver.errors().is_empty(), "{:?}", driver.errors());
}
