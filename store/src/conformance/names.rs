//! Checks of keys that URLs and XML like to garble, and of keys that nobody may use.

use super::{Scratch, Verdict, same, same_bytes};
use crate::{MAX_KEY_BYTES, PutMode, StoreError};

const ODD: [&str; 24] = [
    "a b",
    "a+b",
    "a%b",
    "a%20b",
    "a%2Fb",
    "a~b",
    "a&b",
    "a&amp;b",
    "a=b",
    "a?b",
    "a#b",
    "a'b",
    "a\"b",
    "a<b>",
    "a:b",
    "a;b",
    "a@b",
    "a,b",
    "a!b",
    "a*b",
    "a(b)[c]{d}",
    "a$b^c`d|e",
    ".a..b",
    "e\u{301}=\u{e9}",
];

pub(super) async fn odd_keys(scratch: &Scratch<'_>) -> Verdict {
    let mut keys: Vec<String> =
        ODD.iter().map(|name| scratch.key(&format!("odd/{name}"))).collect();
    for key in &keys {
        scratch.put(key, key.clone()).await?;
    }
    for key in &keys {
        same_bytes(&format!("'{key}'"), &scratch.get(key).await?, key.as_bytes())?;
        let part = scratch.store.get(key, Some(1..3)).await;
        let part = part.map_err(|e| format!("get of a part of '{key}': {e}"))?;
        same_bytes(&format!("a part of '{key}'"), &part.bytes, &key.as_bytes()[1..3])?;
        let head = scratch.store.head(key).await.map_err(|e| format!("head '{key}': {e}"))?;
        same("the key in head", &head.key, key)?;
        let alone = scratch.list(key, None, 1).await?.0;
        same("the listing by the whole key", &alone, &vec![key.clone()])?;
    }
    keys.sort();
    let prefix = scratch.key("odd/");
    same("the listing", &scratch.list(&prefix, None, 1000).await?, &(keys.clone(), false))?;
    for (at, key) in keys.iter().enumerate() {
        let rest = (keys[at + 1..].to_vec(), false);
        let seen = scratch.list(&prefix, Some(key), 1000).await?;
        same(&format!("the listing after '{key}'"), &seen, &rest)?;
    }
    let (one, others) = keys.split_first().ok_or("no odd keys")?;
    scratch.delete(std::slice::from_ref(one)).await?;
    same("the listing without one", &scratch.list(&prefix, None, 1000).await?.0, &others.to_vec())?;
    scratch.delete(others).await?;
    same("what is left", &scratch.list(&prefix, None, 10).await?, &(Vec::new(), false))
}

pub(super) async fn refused_keys(scratch: &Scratch<'_>) -> Verdict {
    let longer = "k".repeat(MAX_KEY_BYTES + 1);
    let bad = ["", "/a", "a/", "a//b", "a/./b", "a/../b", "..", "a\nb", "a\0b", &longer];
    for key in bad {
        let put = scratch.store.put(key, "x".into(), super::plain(PutMode::Overwrite)).await;
        refused("put", key, put)?;
        refused("get", key, scratch.store.get(key, None).await)?;
        refused("head", key, scratch.store.head(key).await)?;
        refused("delete", key, scratch.store.delete(&[key.to_owned()]).await)?;
    }
    Ok(())
}

fn refused<T: std::fmt::Debug>(verb: &str, key: &str, seen: Result<T, StoreError>) -> Verdict {
    match seen {
        Err(StoreError::InvalidKey { .. }) => Ok(()),
        seen => Err(format!("{verb} of {key:?} gave {seen:?}")),
    }
}
