//! The inline session policy that limits temporary keys to one stream and to verbs. Pure.

use deskreel_format::key::{CANDIDATES_PREFIX, COMMONS_INDEX, COMMONS_PREFIX};
use serde_json::{Value, json};

use crate::access::{Grant, Role};

/// STS takes no longer ones.
pub const MAX_CHARS: usize = 2048;

/// What the store at hand can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// It knows the condition `s3:if-none-match`, so that keys can be kept from replacing objects.
    /// AWS does; MinIO refuses the whole policy for it.
    pub create_only: bool,
}

/// No policy can say it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the policy would have {chars} characters, and STS takes {MAX_CHARS}: shorten the bucket's prefix"
)]
pub struct PolicyError {
    chars: usize,
}

/// Kinds of objects that belong to one stream.
const KINDS: [&str; 3] = ["segments", "index", "storyboards"];

/// The prefixes of the bucket that belong to the stream of `grant` alone.
pub(crate) fn own(grant: &Grant) -> Vec<String> {
    KINDS.map(|kind| format!("{kind}/{}/", grant.stream)).into()
}

/// The prefixes that keys for `grant` may read and list.
pub(crate) fn readable(grant: &Grant) -> Vec<String> {
    let mut prefixes = own(grant);
    if grant.role == Role::View {
        prefixes.push(COMMONS_PREFIX.to_owned());
    }
    prefixes
}

/// The one key besides that keys for `grant` may read: agents learn from it what is shared.
pub(crate) fn readable_key(grant: &Grant) -> Option<&'static str> {
    (grant.role == Role::Upload).then_some(COMMONS_INDEX)
}

/// The prefixes below which keys for `grant` may store what is new.
pub(crate) fn writable(grant: &Grant) -> Vec<String> {
    match grant.role {
        Role::View => Vec::new(),
        Role::Upload => {
            let mut prefixes = own(grant);
            prefixes.push(format!("{CANDIDATES_PREFIX}{}/", grant.stream));
            prefixes
        }
    }
}

/// The policy for `grant` on `bucket`, whose keys start with `prefix` (empty, or ending in `/`).
/// Nothing is allowed from `grant.expires_at_ms` on, even if the keys themselves live longer. Where
/// names are so long that it would not fit otherwise, an agent is not allowed to share tiles: it stores
/// them itself.
///
/// # Errors
/// [`PolicyError`].
pub fn session_policy(
    grant: &Grant,
    bucket: &str,
    prefix: &str,
    shape: Shape,
) -> Result<String, PolicyError> {
    let whole = policy_text(grant, bucket, prefix, shape, true);
    whole.or_else(|_| policy_text(grant, bucket, prefix, shape, false))
}

fn policy_text(
    grant: &Grant,
    bucket: &str,
    prefix: &str,
    shape: Shape,
    shares: bool,
) -> Result<String, PolicyError> {
    let arns = |prefixes: Vec<String>| -> Vec<String> {
        prefixes.iter().map(|own| format!("arn:aws:s3:::{bucket}/{prefix}{own}*")).collect()
    };
    let until = json!({ "aws:CurrentTime": iso(grant.expires_at_ms) });
    let within = |more: Option<(&str, Value)>| {
        let mut condition = json!({ "DateLessThan": until });
        if let Some((operator, value)) = more {
            condition[operator] = value;
        }
        condition
    };
    let mut read = arns(readable(grant));
    let key = readable_key(grant).filter(|_| shares);
    read.extend(key.map(|key| format!("arn:aws:s3:::{bucket}/{prefix}{key}")));
    let listed: Vec<String> = readable(grant).iter().map(|own| format!("{prefix}{own}*")).collect();
    let mut statements = vec![
        json!({
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": read,
            "Condition": within(None),
        }),
        json!({
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": format!("arn:aws:s3:::{bucket}"),
            "Condition": within(Some(("StringLike", json!({ "s3:prefix": listed })))),
        }),
    ];
    if grant.role == Role::Upload {
        let create = shape.create_only.then(|| ("Null", json!({ "s3:if-none-match": "false" })));
        // An index is a cache that anyone can make anew from the segments; a late segment changes it.
        let writable = if shares { writable(grant) } else { own(grant) };
        let (indexes, rest): (Vec<String>, Vec<String>) =
            writable.into_iter().partition(|own| own.starts_with("index/"));
        for (prefixes, condition) in [(rest, create), (indexes, None)] {
            statements.push(json!({
                "Effect": "Allow",
                "Action": "s3:PutObject",
                "Resource": arns(prefixes),
                "Condition": within(condition),
            }));
        }
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let chars = policy.chars().count();
    if chars > MAX_CHARS { Err(PolicyError { chars }) } else { Ok(policy) }
}

/// `2026-01-02T03:04:05Z`, rounded down to the second: rather early than late.
fn iso(ms: i64) -> String {
    let second = jiff::Timestamp::from_second(ms.div_euclid(1000));
    second.unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(role: Role, stream: &str) -> Grant {
        Grant { role, stream: stream.parse().unwrap(), expires_at_ms: 1_767_323_045_999 }
    }

    fn policy(role: Role, create_only: bool) -> Value {
        let text =
            session_policy(&grant(role, "desk"), "screens", "team/a/", Shape { create_only });
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    #[test]
    fn every_statement_names_the_stream_and_the_end() {
        for role in [Role::View, Role::Upload] {
            for statement in policy(role, true)["Statement"].as_array().unwrap() {
                let until = &statement["Condition"]["DateLessThan"]["aws:CurrentTime"];
                assert_eq!(until, "2026-01-02T03:04:05Z");
                let text = statement.to_string();
                assert!(text.contains("team/a/") && text.contains("/desk/*"), "{text}");
                assert!(!text.contains("screens/*") && !text.contains("\"*\""), "{text}");
            }
        }
    }

    #[test]
    fn viewers_cannot_put_and_uploaders_replace_only_indexes() {
        let verbs = |policy: &Value| {
            let statements = policy["Statement"].as_array().unwrap().iter();
            statements.map(|s| s["Action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(verbs(&policy(Role::View, true)), ["s3:GetObject", "s3:ListBucket"]);
        let upload = policy(Role::Upload, true);
        assert_eq!(
            verbs(&upload),
            ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:PutObject"]
        );
        assert_eq!(upload["Statement"][2]["Condition"]["Null"]["s3:if-none-match"], "false");
        assert!(policy(Role::Upload, false)["Statement"][2]["Condition"]["Null"].is_null());
        assert!(!upload["Statement"][2]["Resource"].to_string().contains("index"));
        assert_eq!(
            upload["Statement"][3]["Resource"],
            json!(["arn:aws:s3:::screens/team/a/index/desk/*"])
        );
    }

    #[test]
    fn the_longest_names_fit_and_what_does_not_is_refused() {
        let longest = grant(Role::Upload, &"x".repeat(64));
        let (bucket, shape) = ("b".repeat(63), Shape { create_only: true });
        let text = session_policy(&longest, &bucket, "team/a/", shape).unwrap();
        assert!(text.len() <= MAX_CHARS, "{}", text.len());
        // All but the very longest may share.
        assert!(!text.contains("commons"), "{text}");
        let shared = session_policy(&longest, &bucket[..45], "team/a/", shape).unwrap();
        for key in ["commons/index", "commons/candidates/x"] {
            assert!(shared.contains(key), "{shared}");
        }
        let refused = session_policy(&longest, &bucket, &"p/".repeat(100), shape);
        assert!(refused.unwrap_err().to_string().contains("2048"));
    }
}
