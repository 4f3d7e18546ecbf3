//! Verifying: each kind of damage is found and named, and a whole stream is clean.

use deskreel_format::{Digest, Limits, Segment};
use deskreel_store::{ObjectStore, Put, PutMode};
use deskreel_upkeep::deep;
use deskreel_upkeep::plan::WINDOW_MS;
use deskreel_upkeep::plan::audit::Fault;
use std::sync::Arc;

use crate::stream::{Faulty, PUT, at, contents, name, objects, recorded};

/// What is wrong at `now_ms`: without and with looking at pixels.
async fn faults(store: &Arc<Faulty>, now_ms: u64) -> (Vec<(Fault, String)>, Vec<(Fault, String)>) {
    let objects = objects(store);
    let survey = objects.survey(|_, _| ()).await.expect("a survey");
    let deep = deep::audit(&objects, &survey, now_ms, || ()).await.expect("an audit");
    let named = |problems: Vec<deskreel_upkeep::plan::audit::Problem>| {
        problems.into_iter().map(|problem| (problem.fault, problem.object)).collect()
    };
    (named(survey.audit(&name(), now_ms)), named(deep.problems))
}

async fn keys(store: &Faulty) -> Vec<String> {
    contents(store).await.into_keys().collect()
}

async fn replace(store: &Faulty, key: &str, bytes: Vec<u8>) {
    let put = Put { mode: PutMode::Overwrite, ..PUT };
    store.put(key, bytes.into(), put).await.expect("room");
}

#[tokio::test]
async fn a_whole_stream_is_clean_and_every_moment_counted() {
    for batch in [1, 5] {
        let store = recorded(12, batch).await;
        assert_eq!(faults(&store, at(20)).await, (vec![], vec![]));
        let objects = objects(&store);
        let survey = objects.survey(|_, _| ()).await.expect("a survey");
        let deep = deep::audit(&objects, &survey, at(20), || ()).await.expect("an audit");
        assert_eq!(deep.exact, 12);
        assert!(deep.packs >= 12 / batch);
    }
}

#[tokio::test]
async fn a_segment_that_is_gone_is_missed_by_all_that_show_its_tiles() {
    let store = recorded(6, 1).await;
    let all = keys(&store).await;
    store.delete(&all[..1]).await.expect("it was there");
    let (structure, pixels) = faults(&store, at(20)).await;
    let missed: Vec<&String> = structure.iter().map(|(_, key)| key).collect();
    // The cells that never change lie in the first segment.
    assert_eq!(missed, all[1..].iter().collect::<Vec<_>>());
    assert!(structure.iter().all(|(fault, _)| *fault == Fault::MissingObject));
    assert!(pixels.iter().all(|(fault, _)| *fault == Fault::Inexact) && pixels.len() == 5);
    // Moments that cannot be shown any more may lose their tiles.
    assert_eq!(faults(&store, at(6) + WINDOW_MS).await, (vec![], vec![]));
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_found() {
    let origin = recorded(3, 1).await;
    let key = keys(&origin).await.remove(1);
    let whole = contents(&origin).await.remove(&key).expect("it was listed");
    let start =
        Segment::decode(&whole, &Limits::default()).expect("a segment").packs_start as usize;
    for at_byte in (0..whole.len()).step_by(7).chain([4, 8, 12, start, start + 8, whole.len() - 1])
    {
        let store = origin.copy().await;
        let mut damaged = whole.to_vec();
        damaged[at_byte] ^= 0x10;
        replace(&store, &key, damaged).await;
        let (structure, pixels) = faults(&store, at(20)).await;
        if at_byte < start {
            assert!(structure.contains(&(Fault::Unreadable, key.clone())), "byte {at_byte}");
        } else {
            // The manifest is whole: only decoding finds it.
            assert_eq!(structure, [], "byte {at_byte}");
            assert!(pixels.contains(&(Fault::DamagedPack, key.clone())), "byte {at_byte}");
        }
    }
}

#[tokio::test]
async fn a_cut_object_a_wrong_key_and_a_wrong_digest_are_named() {
    let store = recorded(4, 1).await;
    let all = keys(&store).await;
    let whole = contents(&store).await;
    replace(&store, &all[1], whole[&all[1]][..whole[&all[1]].len() - 1].to_vec()).await;
    replace(&store, &all[2], whole[&all[3]].to_vec()).await;
    replace(&store, "segments/desk/note.txt", b"hello".to_vec()).await;
    let (structure, _) = faults(&store, at(20)).await;
    assert!(structure.contains(&(Fault::Unreadable, all[1].clone())));
    assert!(structure.contains(&(Fault::Unreadable, all[2].clone())));
    assert!(structure.contains(&(Fault::ForeignKey, "segments/desk/note.txt".to_owned())));

    let store = recorded(1, 1).await;
    let key = keys(&store).await.remove(0);
    let bytes = contents(&store).await.remove(&key).expect("it was listed");
    let mut segment = Segment::decode(&bytes, &Limits::default()).expect("a segment");
    segment.manifest.moments[0].digests[0] = Digest([9; 16]);
    for pack in &mut segment.manifest.packs {
        pack.offset -= segment.packs_start;
    }
    let mut packs: Vec<_> = segment.manifest.packs.clone();
    packs.sort_by_key(|pack| pack.offset);
    let start = segment.packs_start as usize;
    let cut = |pack: &deskreel_format::PackRef| {
        bytes[start + pack.offset as usize..][..pack.len as usize].to_vec()
    };
    let packs: Vec<Vec<u8>> = packs.iter().map(cut).collect();
    replace(&store, &key, Segment::encode(&segment.manifest, &packs).expect("a segment")).await;
    let (structure, pixels) = faults(&store, at(20)).await;
    assert_eq!((structure, pixels), (vec![], vec![(Fault::Inexact, key)]));
}
