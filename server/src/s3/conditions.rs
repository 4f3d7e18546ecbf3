//! Conditional requests: whether to answer with the object, "not modified" or "no".

use std::time::{Duration, UNIX_EPOCH};

use s3s::dto::{ETag, ETagCondition, Timestamp};

use crate::backend::ObjectInfo;

/// The conditions of a read.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// What the conditions say about an object that is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// It is not the one the client means: 412.
    Failed,
}

impl Conditions {
    /// The verdict on `info`, in the order of precedence RFC 9110 gives.
    pub(crate) fn verdict(&self, info: &ObjectInfo) -> Verdict {
        let etag = ETag::Strong(info.etag.clone());
        // HTTP dates know whole seconds only.
        let modified = timestamp(info.modified_ms.div_euclid(1000) * 1000);
        let holds = match (&self.if_match, &self.if_unmodified_since) {
            (Some(ETagCondition::Any), _) | (None, None) => true,
            (Some(ETagCondition::ETag(wanted)), _) => wanted.strong_cmp(&etag),
            (None, Some(since)) => modified <= *since,
        };
        if !holds {
            return Verdict::Failed;
        }
        let known = match (&self.if_none_match, &self.if_modified_since) {
            (Some(ETagCondition::Any), _) => true,
            (Some(ETagCondition::ETag(known)), _) => known.weak_cmp(&etag),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if known { Verdict::NotModified } else { Verdict::Send }
    }
}

/// UTC milliseconds since 1970 in the form the protocol crate wants; times before are 1970.
pub(crate) fn timestamp(ms: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    Timestamp::from(UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn info() -> ObjectInfo {
        ObjectInfo {
            key: "k".into(),
            size: 0,
            etag: "e1".into(),
            modified_ms: 5_500,
            checksums: BTreeMap::new(),
            headers: crate::backend::Headers::default(),
        }
    }

    fn tag(text: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(text.into())))
    }

    #[test]
    fn etags_decide_before_dates() {
        let old = Some(timestamp(0));
        let new = Some(timestamp(9_000));
        for (conditions, expected) in [
            (Conditions::default(), Verdict::Send),
            (Conditions { if_none_match: tag("e1"), ..Default::default() }, Verdict::NotModified),
            (Conditions { if_none_match: tag("e2"), ..Default::default() }, Verdict::Send),
            (
                Conditions {
                    if_none_match: tag("e2"),
                    if_modified_since: new.clone(),
                    ..Default::default()
                },
                Verdict::Send,
            ),
            (Conditions { if_match: tag("e2"), ..Default::default() }, Verdict::Failed),
            (
                Conditions {
                    if_match: tag("e1"),
                    if_unmodified_since: old.clone(),
                    ..Default::default()
                },
                Verdict::Send,
            ),
            (
                Conditions { if_unmodified_since: old.clone(), ..Default::default() },
                Verdict::Failed,
            ),
            (Conditions { if_modified_since: old, ..Default::default() }, Verdict::Send),
            (Conditions { if_modified_since: new, ..Default::default() }, Verdict::NotModified),
        ] {
            assert_eq!(conditions.verdict(&info()), expected, "{conditions:?}");
        }
    }

    #[test]
    fn the_date_a_client_was_told_is_not_older_than_the_object() {
        // Told "5 s" of an object stored at 5.5 s, the client must get a 304.
        let since = Conditions { if_modified_since: Some(timestamp(5_000)), ..Default::default() };
        assert_eq!(since.verdict(&info()), Verdict::NotModified);
    }
}
