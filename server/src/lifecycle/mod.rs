//! Objects that die of age: rules, the pure plan of what to delete, and the task that does it.
//!
//! Ages are exact: an object goes when it is `days` times 24 hours old, at the next run. Real S3
//! rounds up to the next midnight UTC and deletes when it gets to it, up to days later.

mod enforcer;
mod plan;

use deskreel_format::key::KINDS;

pub(crate) use enforcer::run;
pub use plan::{Aged, LifecycleRule, plan};

/// The rules of the bucket made at start: everything Deskreel stores goes after `days`.
pub fn default_rules(days: u32) -> Vec<LifecycleRule> {
    KINDS
        .map(|prefix| LifecycleRule {
            id: Some(format!("expire-{}", prefix.trim_end_matches('/'))),
            enabled: true,
            prefix: prefix.to_owned(),
            days: Some(days),
            abort_uploads_days: None,
        })
        .into()
}
