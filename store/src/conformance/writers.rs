//! Checks of writers that meet at one key.

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Scratch, Verdict, same, same_bytes};
use crate::StoreError;

const WRITERS: u8 = 16;

pub(super) async fn create_twice(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("create/twice");
    scratch.create(&key, "first").await.map_err(|e| format!("the first create: {e}"))?;
    taken(&key, scratch.create(&key, "second").await)?;
    same_bytes("the object", &scratch.get(&key).await?, b"first")?;
    scratch.delete(std::slice::from_ref(&key)).await?;
    scratch.create(&key, "third").await.map_err(|e| format!("create after delete: {e}"))?;
    same_bytes("the object after delete", &scratch.get(&key).await?, b"third")
}

pub(super) async fn one_winner(scratch: &Scratch<'_>) -> Verdict {
    // Several rounds, since a race that is lost now and then is the one that hurts.
    for round in 0..4 {
        let key = scratch.key(&format!("create/race-{round}"));
        let outcomes =
            join_all((0..WRITERS).map(|writer| scratch.create(&key, body(writer)))).await;
        let mut winners = Vec::new();
        for (writer, outcome) in (0..WRITERS).zip(outcomes) {
            match outcome {
                Ok(()) => winners.push(writer),
                error => taken(&key, error)?,
            }
        }
        let [winner] = winners[..] else {
            return Err(format!("in round {round} writers {winners:?} were all told they won"));
        };
        same_bytes("the winner's object", &scratch.get(&key).await?, &body(winner))?;
    }
    Ok(())
}

pub(super) async fn no_mixture(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("create/mixture");
    let outcomes = join_all((0..WRITERS).map(|writer| scratch.put(&key, body(writer)))).await;
    outcomes.into_iter().collect::<Result<(), String>>()?;
    let stays = scratch.get(&key).await?;
    let Some(&writer) = stays.first() else { return Err("the object is empty".to_owned()) };
    same_bytes("the object that stays", &stays, &body(writer))
}

fn taken(key: &str, outcome: Result<(), StoreError>) -> Verdict {
    match outcome {
        Err(StoreError::AlreadyExists { key: named }) => {
            same("the key in AlreadyExists", &named.as_str(), &key)
        }
        outcome => Err(format!("create of a taken key gave {outcome:?}")),
    }
}

/// Each writer's bytes tell whose they are, everywhere and by their length.
fn body(writer: u8) -> Bytes {
    vec![writer; 100_000 + usize::from(writer)].into()
}
