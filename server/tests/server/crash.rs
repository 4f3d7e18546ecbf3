//! A server killed in the middle of a storm of PUTs loses nothing it acknowledged, and shows
//! nothing that is not whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::program::Program;
use crate::support::BUCKET;

const WRITERS: usize = 16;

/// The bytes of one version of an object, which say themselves what they must be.
fn content(key: &str, version: u32) -> Vec<u8> {
    let length = 1 + (version as usize * 7919 + key.len() * 104_729) % 200_000;
    let mut seed = blake3::Hasher::new();
    seed.update(key.as_bytes()).update(&version.to_le_bytes());
    let mut bytes = vec![0; length + 4];
    bytes[..4].copy_from_slice(&version.to_le_bytes());
    seed.finalize_xof().fill(&mut bytes[4..]);
    bytes
}

fn version_of(key: &str, bytes: &[u8]) -> u32 {
    let (version, _) = bytes.split_first_chunk::<4>().expect("cut short");
    let version = u32::from_le_bytes(*version);
    assert!(bytes == content(key, version), "`{key}` is not whole");
    version
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_keeps_what_it_acknowledged_and_shows_nothing_torn() {
    let data = tempfile::tempdir().unwrap();
    // The newest version of each key that the server said it has.
    let acknowledged = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    for round in 0..4_u32 {
        let mut program = Program::serve(data.path());
        let s3 = program.root(data.path());
        let so_far = acknowledged.lock().unwrap().clone();
        verify(&s3, &so_far).await;

        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (s3, acknowledged) = (s3.clone(), acknowledged.clone());
                tokio::spawn(async move {
                    for i in 0.. {
                        // Every third key is new, the others are replaced again and again.
                        let key = match i % 3 {
                            0 => format!("segments/desk/{round}/{writer}/{i}"),
                            _ => format!("segments/desk/again/{writer}-{}", i % 5),
                        };
                        let version = round * 1_000_000 + i;
                        let body = content(&key, version).into();
                        let put = s3.put_object().bucket(BUCKET).key(&key).body(body);
                        if put.send().await.is_err() {
                            return;
                        }
                        acknowledged.lock().unwrap().insert(key, version);
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(700 + 130 * u64::from(round))).await;
        // However slow the machine is, some are to be there before the power goes.
        let wanted = so_far.len() + WRITERS + 2;
        for _ in 0..600 {
            if acknowledged.lock().unwrap().len() >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // SIGKILL on Unix: no handler, no destructor runs.
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 4 * WRITERS, "only {} objects were stored", acknowledged.len());
    let program = Program::serve(data.path());
    verify(&program.root(data.path()), &acknowledged).await;
    assert_eq!(std::fs::read_dir(data.path().join("tmp")).unwrap().count(), 0);
}

async fn verify(s3: &aws_sdk_s3::Client, acknowledged: &BTreeMap<String, u32>) {
    let mut found = BTreeMap::new();
    let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let key = object.key().unwrap();
            let got = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
            let bytes = got.body.collect().await.unwrap().to_vec();
            assert_eq!(object.size(), Some(bytes.len() as i64));
            found.insert(key.to_owned(), version_of(key, &bytes));
        }
    }
    for (key, version) in acknowledged {
        let stored = found.get(key);
        // A newer version may have been stored without its answer getting through.
        assert!(stored >= Some(version), "`{key}`: acknowledged {version}, found {stored:?}");
    }
}
