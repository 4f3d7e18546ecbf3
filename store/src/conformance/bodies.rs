//! Checks of what goes in and comes out: whole objects and ranges of them.

use super::{Scratch, Verdict, is_not_found, pattern, same, same_bytes};
use crate::StoreError;

pub(super) async fn round_trip(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("round/trip");
    scratch.put(&key, "first").await?;
    same_bytes("the object", &scratch.get(&key).await?, b"first")?;
    let before = scratch.store.head(&key).await.map_err(|e| format!("head: {e}"))?;
    same("the key in head", &before.key, &key)?;
    same("the size in head", &before.size, &5)?;

    scratch.put(&key, "the second").await?;
    same_bytes("the replaced object", &scratch.get(&key).await?, b"the second")?;
    let after = scratch.store.head(&key).await.map_err(|e| format!("head: {e}"))?;
    same("the size in head after replacing", &after.size, &10)?;
    if after.etag.is_some() && after.etag == before.etag {
        return Err(format!("other bytes have the same tag {:?}", after.etag));
    }
    if after.modified_ms < before.modified_ms {
        return Err(format!("its time went from {} to {}", before.modified_ms, after.modified_ms));
    }
    let got = scratch.store.get(&key, Some(0..1)).await.map_err(|e| format!("get: {e}"))?;
    same("the tag in get", &got.etag, &after.etag)
}

pub(super) async fn empty(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("empty");
    scratch.put(&key, "").await?;
    same_bytes("the empty object", &scratch.get(&key).await?, b"")?;
    let meta = scratch.store.head(&key).await.map_err(|e| format!("head: {e}"))?;
    same("the size in head", &meta.size, &0)?;
    same("the listing", &scratch.list(&key, None, 10).await?, &(vec![key.clone()], false))?;
    not_satisfiable(scratch, &key, 0, 1).await
}

pub(super) async fn large(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("large");
    let bytes = pattern(5_000_000);
    scratch.put(&key, bytes.clone()).await?;
    same_bytes("the object", &scratch.get(&key).await?, &bytes)?;
    part(scratch, &key, &bytes, 1_048_575, 4_194_305).await?;
    part(scratch, &key, &bytes, 4_999_999, 5_000_000).await
}

pub(super) async fn ranges(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("ranges");
    let bytes = pattern(1000);
    scratch.put(&key, bytes.clone()).await?;
    let ranges = [
        (0, 1),
        (0, 1000),
        (1, 999),
        (500, 501),
        (999, 1000),
        (999, 1001),
        (0, 5000),
        (500, 1_000_000_000_000),
    ];
    for (start, end) in ranges {
        part(scratch, &key, &bytes, start, end).await?;
    }
    Ok(())
}

pub(super) async fn ranges_outside(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("ranges-outside");
    scratch.put(&key, pattern(1000)).await?;
    for (start, end) in [(1000, 1001), (1000, 2000), (5000, 6000), (0, 0), (10, 10), (10, 5)] {
        not_satisfiable(scratch, &key, start, end).await?;
    }
    Ok(())
}

pub(super) async fn absent(scratch: &Scratch<'_>) -> Verdict {
    let key = scratch.key("absent");
    is_not_found("get", &key, scratch.store.get(&key, None).await)?;
    is_not_found("get of a range", &key, scratch.store.get(&key, Some(0..10)).await)?;
    is_not_found("get of an empty range", &key, scratch.store.get(&key, Some(0..0)).await)?;
    is_not_found("head", &key, scratch.store.head(&key).await)?;
    same("its listing", &scratch.list(&key, None, 10).await?, &(Vec::new(), false))
}

async fn part(scratch: &Scratch<'_>, key: &str, whole: &[u8], start: u64, end: u64) -> Verdict {
    let what = format!("the range {start}..{end}");
    let got = scratch.store.get(key, Some(start..end)).await.map_err(|e| format!("{what}: {e}"))?;
    same(&format!("the whole size beside {what}"), &got.size, &(whole.len() as u64))?;
    let last = usize::try_from(end).unwrap_or(usize::MAX).min(whole.len());
    same_bytes(&what, &got.bytes, &whole[start as usize..last])
}

async fn not_satisfiable(scratch: &Scratch<'_>, key: &str, start: u64, end: u64) -> Verdict {
    match scratch.store.get(key, Some(start..end)).await {
        Err(StoreError::RangeNotSatisfiable { key: named, start: from, end: to, .. }) => {
            same("the error's range", &(named.as_str(), from, to), &(key, start, end))
        }
        Err(error) => Err(format!("the range {start}..{end} gave {error:?}")),
        Ok(object) => Err(format!("the range {start}..{end} gave {} bytes", object.bytes.len())),
    }
}
