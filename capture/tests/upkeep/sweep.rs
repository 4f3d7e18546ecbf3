//! Sweeping: what can be shown stays whole, whenever it stops.

use deskreel_store::{ObjectStore, StoreError};
use deskreel_upkeep::plan::WINDOW_MS;
use deskreel_upkeep::plan::sweep::SweepRule;
use deskreel_upkeep::sweep::execute;
use deskreel_upkeep::{Survey, deep};
use std::sync::Arc;

use crate::stream::{Faulty, PUT, START, at, contents, name, objects, recorded};

async fn survey(store: &Arc<Faulty>) -> Survey {
    objects(store).survey(|_, _| ()).await.expect("a survey")
}

async fn sweep(store: &Arc<Faulty>, rule: SweepRule) -> Result<usize, StoreError> {
    let survey = survey(store).await;
    let plan = survey.sweep(rule);
    execute(&objects(store), &plan, |_| ()).await?;
    Ok(plan.doomed().count())
}

/// As if the window began at screenshot `shot`.
fn window_from(shot: u64) -> SweepRule {
    SweepRule { now_ms: at(shot) + WINDOW_MS, grace_ms: 0 }
}

#[tokio::test]
async fn what_is_left_can_be_shown_and_what_nobody_needs_is_gone() {
    let store = recorded(30, 1).await;
    let index = name().index_key(START - 3_600_000);
    store.put(&index, "an old index".into(), PUT).await.expect("room");
    let rule = window_from(20);
    let deleted = sweep(&store, rule).await.expect("a sweep");
    // Each screenshot has tiles of its own, but most are shown by nothing later.
    assert!(deleted > 8, "{deleted}");
    assert!(!contents(&store).await.contains_key(&index));
    let left = survey(&store).await;
    assert_eq!(left.audit(&name(), rule.now_ms), []);
    let deep = deep::audit(&objects(&store), &left, rule.now_ms, || ()).await.expect("an audit");
    assert_eq!(deep.problems, []);
    assert!(deep.exact >= 10, "{}", deep.exact);
    assert_eq!(sweep(&store, rule).await, Ok(0));
}

#[tokio::test]
async fn interrupted_after_any_deletion_and_run_again_it_ends_alike() {
    let origin = recorded(24, 2).await;
    let rule = window_from(16);
    let whole = origin.copy().await;
    let deleted = sweep(&whole, rule).await.expect("a sweep") as i64;
    assert!(deleted >= 4, "{deleted}");
    let end = contents(&whole).await;
    for changes in 0..deleted {
        let store = origin.copy().await;
        store.fail_after(changes);
        assert!(sweep(&store, rule).await.is_err());
        store.fail_after(i64::MAX);
        let between = survey(&store).await;
        assert_eq!(between.audit(&name(), rule.now_ms), [], "after {changes}");
        sweep(&store, rule).await.expect("it goes on");
        assert_eq!(contents(&store).await, end, "interrupted after {changes} deletions");
    }
}
