//! Checks of deleting, one by one and by the thousand.

use futures_util::future::join_all;

use super::{Scratch, Verdict, is_not_found, same};

/// More than S3 lists or deletes at once.
const MANY: usize = 1005;
/// Requests under way at once.
const AT_ONCE: usize = 67;

pub(super) async fn idempotent(scratch: &Scratch<'_>) -> Verdict {
    let keys: Vec<String> = ["a", "b", "c"].map(|n| scratch.key(&format!("delete/{n}"))).into();
    for key in &keys {
        scratch.put(key, "abc").await?;
    }
    let missing = scratch.key("delete/missing");
    scratch.delete(&[]).await?;
    scratch.delete(std::slice::from_ref(&missing)).await?;
    scratch.delete(&[keys[0].clone(), missing, keys[1].clone()]).await?;
    for key in &keys[..2] {
        is_not_found("get", key, scratch.store.get(key, None).await)?;
        is_not_found("head", key, scratch.store.head(key).await)?;
    }
    let left = scratch.list(&scratch.key("delete/"), None, 10).await?;
    same("what is left", &left, &(vec![keys[2].clone()], false))?;
    scratch.delete(&keys).await?;
    scratch.delete(&keys).await?;
    let left = scratch.list(&scratch.key("delete/"), None, 10).await?;
    same("what is left at last", &left, &(Vec::new(), false))
}

pub(super) async fn many(scratch: &Scratch<'_>) -> Verdict {
    let keys: Vec<String> =
        (0..MANY).map(|number| scratch.key(&format!("many/{number:05}"))).collect();
    for some in keys.chunks(AT_ONCE) {
        let outcomes = join_all(some.iter().map(|key| scratch.put(key, "m"))).await;
        outcomes.into_iter().collect::<Result<(), String>>()?;
    }
    let prefix = scratch.key("many/");
    let (page, more) = scratch.list(&prefix, None, MANY - 1).await?;
    same("'more' with one left", &more, &true)?;
    same("a page of more than a thousand", &page.as_slice(), &&keys[..MANY - 1])?;
    let whole = scratch.list(&prefix, None, 10 * MANY).await?;
    same("a page of all", &whole, &(keys.clone(), false))?;
    let all = scratch.store.list_all(&prefix).await.map_err(|e| format!("list_all: {e}"))?;
    let all: Vec<String> = all.into_iter().map(|object| object.key).collect();
    same("list_all", &all, &keys)?;
    scratch.delete(&keys).await?;
    same("what is left", &scratch.list(&prefix, None, 10).await?, &(Vec::new(), false))
}
