//! Checks of listings: order, pages, prefixes.

use super::{Scratch, Verdict, same};

/// In the order of their UTF-8 bytes. UTF-16 would put the last two the other way round, folding
/// of case the first letters, and a walk through folders `d!` and `d/`.
const ORDERED: [&str; 14] = [
    "B",
    "a-1",
    "a1",
    "aa",
    "b",
    "d!",
    "d-",
    "d/1",
    "d/2",
    "d0",
    "é",
    "日本",
    "\u{ff5a}",
    "\u{1f600}",
];

pub(super) async fn byte_order(scratch: &Scratch<'_>) -> Verdict {
    let expected = filled(scratch, "order").await?;
    let prefix = scratch.key("order/");
    same("the listing", &scratch.list(&prefix, None, 1000).await?, &(expected.clone(), false))?;
    let all = scratch.store.list_all(&prefix).await.map_err(|e| format!("list_all: {e}"))?;
    for object in &all {
        same("a listed size", &object.size, &3)?;
        let head = scratch.store.head(&object.key).await.map_err(|e| format!("head: {e}"))?;
        same("the tag in head", &head.etag, &object.etag)?;
        // Some stores round one of the two to seconds.
        same("the second in head", &(head.modified_ms / 1000), &(object.modified_ms / 1000))?;
    }
    let all: Vec<String> = all.into_iter().map(|object| object.key).collect();
    same("list_all", &all, &expected)
}

pub(super) async fn paging(scratch: &Scratch<'_>) -> Verdict {
    let expected = filled(scratch, "paging").await?;
    let prefix = scratch.key("paging/");
    for limit in [1, 2, 3, ORDERED.len() - 1, ORDERED.len()] {
        let mut joined: Vec<String> = Vec::new();
        loop {
            let start_after = joined.last().cloned();
            let (page, more) = scratch.list(&prefix, start_after.as_deref(), limit).await?;
            if page.is_empty() || page.len() > limit {
                return Err(format!("a page of {limit} has {} objects", page.len()));
            }
            joined.extend(page);
            same(
                &format!("'more' after {} of {limit} a page", joined.len()),
                &more,
                &(joined.len() < expected.len()),
            )?;
            if !more {
                break;
            }
        }
        same(&format!("the joined pages of {limit}"), &joined, &expected)?;
    }
    same("a limit of 0", &scratch.list(&prefix, None, 0).await?.0.len(), &1)
}

pub(super) async fn start_after(scratch: &Scratch<'_>) -> Verdict {
    let expected = filled(scratch, "after").await?;
    let prefix = scratch.key("after/");
    let cases = [
        ("after/", 0),
        ("after/A", 0),
        ("after/B", 1),
        ("after/a1", 3),
        ("after/a5", 3),
        ("after/d/", 7),
        ("after/d/1", 8),
        ("after/d/15", 8),
        ("after/\u{1f600}", ORDERED.len()),
        // Before and behind the prefix altogether.
        ("aft", 0),
        ("afterwards", ORDERED.len()),
    ];
    for (after, skipped) in cases {
        let rest = expected[skipped..].to_vec();
        let seen = scratch.list(&prefix, Some(&scratch.key(after)), 1000).await?;
        same(&format!("the listing after '{after}'"), &seen, &(rest, false))?;
    }
    Ok(())
}

pub(super) async fn prefix_is_text(scratch: &Scratch<'_>) -> Verdict {
    filled(scratch, "text").await?;
    for (prefix, names) in [
        ("text/a", vec!["text/a-1", "text/a1", "text/aa"]),
        ("text/d", vec!["text/d!", "text/d-", "text/d/1", "text/d/2", "text/d0"]),
        ("text/d/", vec!["text/d/1", "text/d/2"]),
        ("text/d/1", vec!["text/d/1"]),
        ("text/日", vec!["text/日本"]),
        ("text/none", vec![]),
    ] {
        let expected: Vec<String> = names.into_iter().map(|name| scratch.key(name)).collect();
        let seen = scratch.list(&scratch.key(prefix), None, 1000).await?;
        same(&format!("the listing of '{prefix}'"), &seen, &(expected, false))?;
    }
    Ok(())
}

/// Puts the ordered names under `folder`, last first, and gives their keys in order.
async fn filled(scratch: &Scratch<'_>, folder: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> =
        ORDERED.iter().map(|name| scratch.key(&format!("{folder}/{name}"))).collect();
    for key in keys.iter().rev() {
        scratch.put(key, "abc").await?;
    }
    Ok(keys)
}
