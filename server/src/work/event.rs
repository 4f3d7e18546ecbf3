//! What an event asks for. Pure; takes any JSON and never panics.
//!
//! Understood are EventBridge schedules (all streams, or those in `detail`), S3's events by
//! EventBridge and by notification (the streams of the keys), and a person's own JSON.

use std::collections::BTreeSet;

use deskreel_format::StreamName;
use serde::Deserialize;
use serde_json::Value;

/// Which streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of the bucket.
    All,
    /// These.
    Only(BTreeSet<StreamName>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// For which streams.
    pub which: Which,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
}

/// An event that asks for nothing that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this event asks for nothing that can be done: {what}")]
pub struct BadEvent {
    what: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Wish {
    streams: Option<Vec<String>>,
    #[serde(default)]
    dry_run: bool,
}

/// Reads an event.
///
/// # Errors
/// [`BadEvent`].
pub fn job(event: &Value) -> Result<Job, BadEvent> {
    let Value::Object(fields) = event else {
        return Err(bad("it is no JSON object"));
    };
    if let Some(records) = fields.get("Records") {
        let records = records.as_array().ok_or_else(|| bad("`Records` is no list"))?;
        let keys = records.iter().map(|record| {
            let key = record.pointer("/s3/object/key").and_then(Value::as_str);
            // Keys of notifications are encoded as forms are.
            key.map(unescape).ok_or_else(|| bad("a record has no `s3.object.key`"))
        });
        return of_keys(keys.collect::<Result<_, _>>()?);
    }
    let Some(source) = fields.get("source") else { return wished(event) };
    match source.as_str() {
        Some("aws.s3") => {
            let key = event.pointer("/detail/object/key").and_then(Value::as_str);
            of_keys(vec![key.ok_or_else(|| bad("it has no `detail.object.key`"))?.to_owned()])
        }
        Some("aws.events" | "aws.scheduler") => {
            wished(fields.get("detail").unwrap_or(&Value::Null))
        }
        _ => Err(bad("its `source` is none of aws.events, aws.scheduler, aws.s3")),
    }
}

fn wished(wish: &Value) -> Result<Job, BadEvent> {
    let wish = match wish {
        Value::Null => Wish::default(),
        wish => Wish::deserialize(wish).map_err(|error| bad(&error.to_string()))?,
    };
    let which = match wish.streams {
        None => Which::All,
        Some(names) => {
            let names = names.iter().map(|name| StreamName::parse(name));
            Which::Only(names.collect::<Result<_, _>>().map_err(|error| bad(&error.to_string()))?)
        }
    };
    Ok(Job { which, dry_run: wish.dry_run })
}

fn of_keys(keys: Vec<String>) -> Result<Job, BadEvent> {
    let streams = keys.iter().filter_map(|key| {
        let (_, rest) = key.split_once("segments/")?;
        StreamName::parse(rest.split('/').next()?).ok()
    });
    let streams: BTreeSet<StreamName> = streams.collect();
    if streams.is_empty() {
        return Err(bad("none of its keys is that of a segment"));
    }
    Ok(Job { which: Which::Only(streams), dry_run: false })
}

/// `%2F` and `+` of form encoding; what is no escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| more.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bad(what: &str) -> BadEvent {
    BadEvent { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn only(names: &[&str]) -> Which {
        Which::Only(names.iter().map(|name| StreamName::parse(name).unwrap()).collect())
    }

    #[test]
    fn schedules_are_for_all_streams_or_those_named() {
        let event = |detail| json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": detail });
        assert_eq!(job(&event(json!({}))), Ok(Job { which: Which::All, dry_run: false }));
        let named = job(&event(json!({ "streams": ["desk"], "dry_run": true })));
        assert_eq!(named, Ok(Job { which: only(&["desk"]), dry_run: true }));
        assert_eq!(job(&json!({})), Ok(Job { which: Which::All, dry_run: false }));
    }

    #[test]
    fn events_of_objects_are_for_their_streams() {
        let records = json!({ "Records": [
            { "s3": { "object": { "key": "team/segments/desk/2026-01-01/00/x.seg" } } },
            { "s3": { "object": { "key": "segments%2Flab/2026-01-01/00/x+y.seg" } } },
            { "s3": { "object": { "key": "index/desk/x.idx" } } },
        ] });
        assert_eq!(job(&records).unwrap().which, only(&["desk", "lab"]));
        let bridge =
            json!({ "source": "aws.s3", "detail": { "object": { "key": "segments/desk/x" } } });
        assert_eq!(job(&bridge).unwrap().which, only(&["desk"]));
    }

    #[test]
    fn what_asks_for_nothing_is_refused_with_a_reason() {
        for (event, said) in [
            (json!(null), "no JSON object"),
            (json!([1]), "no JSON object"),
            (json!({ "source": "aws.ec2" }), "source"),
            (json!({ "source": "aws.s3" }), "detail.object.key"),
            (json!({ "Records": 1 }), "no list"),
            (json!({ "Records": [] }), "none of its keys"),
            (json!({ "Records": [{ "s3": {} }] }), "s3.object.key"),
            (json!({ "streams": ["../x"] }), "stream name"),
            (json!({ "streams": 1 }), "invalid type"),
            (json!({ "delete": "all" }), "unknown field"),
        ] {
            let error = job(&event).unwrap_err().to_string();
            assert!(error.contains(said), "{event}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_key_makes_it_panic(key in ".*") {
            let _ = job(&json!({ "Records": [{ "s3": { "object": { "key": key } } }] }));
        }
    }
}
