//! Which objects have outlived their rule: a pure function of rules, objects and the time.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One rule of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// The rule's name, kept for whoever reads the rules back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it is obeyed.
    pub enabled: bool,
    /// The keys it is about; empty means all.
    pub prefix: String,
    /// At which age objects are deleted, in days of 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Kept for whoever reads the rules back; there are no unfinished uploads to abort here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<i32>,
}

/// An object as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aged {
    /// The object's key.
    pub key: String,
    /// When it was stored, UTC milliseconds since 1970.
    pub modified_ms: i64,
}

/// The objects to delete at `now_ms`: those at least as old as the strictest enabled rule for
/// their prefix says, in the order given.
pub fn plan(
    rules: &[LifecycleRule],
    objects: impl IntoIterator<Item = Aged>,
    now_ms: i64,
) -> Vec<Aged> {
    objects.into_iter().filter(|object| expired(rules, object, now_ms)).collect()
}

fn expired(rules: &[LifecycleRule], object: &Aged, now_ms: i64) -> bool {
    let age_ms = now_ms.saturating_sub(object.modified_ms);
    rules
        .iter()
        .filter(|rule| rule.enabled && object.key.starts_with(&rule.prefix))
        .filter_map(|rule| rule.days)
        .any(|days| age_ms >= i64::from(days) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str, days: u32) -> LifecycleRule {
        LifecycleRule {
            id: None,
            enabled: true,
            prefix: prefix.into(),
            days: Some(days),
            abort_uploads_days: None,
        }
    }

    fn planned(rules: &[LifecycleRule], objects: &[(&str, i64)], now_ms: i64) -> Vec<String> {
        let objects = objects
            .iter()
            .map(|(key, modified_ms)| Aged { key: (*key).into(), modified_ms: *modified_ms });
        plan(rules, objects, now_ms).into_iter().map(|object| object.key).collect()
    }

    #[test]
    fn an_object_goes_exactly_when_it_is_old_enough() {
        let rules = [rule("segments/", 2)];
        let objects = [("segments/a", 1000)];
        assert!(planned(&rules, &objects, 1000 + 2 * DAY_MS - 1).is_empty());
        assert_eq!(planned(&rules, &objects, 1000 + 2 * DAY_MS), ["segments/a"]);
    }

    #[test]
    fn other_prefixes_and_switched_off_rules_do_not_count() {
        let mut off = rule("", 1);
        off.enabled = false;
        let rules = [rule("segments/", 1), off, LifecycleRule { days: None, ..rule("", 1) }];
        let objects = [("index/a", 0), ("segment", 0), ("segments/a", 0)];
        assert_eq!(planned(&rules, &objects, DAY_MS), ["segments/a"]);
    }

    #[test]
    fn the_strictest_of_several_rules_counts() {
        let rules = [rule("", 10), rule("a/", 1)];
        assert_eq!(planned(&rules, &[("a/x", 0), ("b/x", 0)], 2 * DAY_MS), ["a/x"]);
    }

    #[test]
    fn a_clock_set_back_deletes_nothing() {
        assert!(planned(&[rule("", 1)], &[("a", DAY_MS)], 0).is_empty());
        assert!(planned(&[rule("", 1)], &[("a", i64::MAX)], i64::MIN).is_empty());
    }
}
