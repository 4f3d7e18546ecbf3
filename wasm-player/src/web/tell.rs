//! The core's events as JavaScript sees them: a name and a detail.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

use crate::core::{Event, Status};

/// Name and detail of an event.
pub(super) fn event(event: &Event) -> (&'static str, JsValue) {
    match event {
        Event::LoadedMetadata => ("loadedmetadata", JsValue::NULL),
        Event::Progress => ("progress", JsValue::NULL),
        Event::Seeking => ("seeking", JsValue::NULL),
        Event::Seeked => ("seeked", JsValue::NULL),
        Event::TimeUpdate => ("timeupdate", JsValue::NULL),
        Event::Play => ("play", JsValue::NULL),
        Event::Pause => ("pause", JsValue::NULL),
        Event::Waiting => ("waiting", JsValue::NULL),
        Event::Playing => ("playing", JsValue::NULL),
        Event::RateChange => ("ratechange", JsValue::NULL),
        Event::Ended => ("ended", JsValue::NULL),
        Event::Shown { time_ms, exact, proving } => {
            let detail = object(&[
                ("shownTime", JsValue::from_f64(*time_ms as f64)),
                ("exact", JsValue::from_bool(*exact)),
                ("proving", JsValue::from_bool(*proving)),
            ]);
            ("shown", detail)
        }
        Event::Storyboard => ("storyboard", JsValue::NULL),
        Event::RegionProgress { id, read, of, times } => {
            let detail = object(&[
                ("id", (*id).into()),
                ("read", (*read as f64).into()),
                ("of", (*of as f64).into()),
                ("times", list(times)),
            ]);
            ("regionprogress", detail)
        }
        Event::RegionFound { id, times, sure } => {
            let detail =
                object(&[("id", (*id).into()), ("times", list(times)), ("sure", (*sure).into())]);
            ("regionfound", detail)
        }
        Event::Status(now) => {
            let (name, reason) = status(now);
            ("status", object(&[("status", name.into()), ("reason", reason.into())]))
        }
        Event::Error(error) => {
            let detail = object(&[
                ("code", error.code().into()),
                ("object", error.object().into()),
                ("message", error.to_string().into()),
            ]);
            ("error", detail)
        }
    }
}

/// Times as a `Float64Array`.
fn list(times: &[u64]) -> JsValue {
    let times: Vec<f64> = times.iter().map(|time_ms| *time_ms as f64).collect();
    js_sys::Float64Array::from(times.as_slice()).into()
}

/// A status as a word, and the server's reason where it gave one.
pub(super) fn status(status: &Status) -> (&'static str, &str) {
    match status {
        Status::Loading => ("loading", ""),
        Status::Ready => ("ready", ""),
        Status::Empty => ("empty", ""),
        Status::Offline => ("offline", ""),
        Status::Expired => ("expired", ""),
        Status::Locked { reason } => ("locked", reason.as_deref().unwrap_or_default()),
        Status::Denied { reason } => ("denied", reason),
    }
}

/// A plain object.
pub(super) fn object(pairs: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in pairs {
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}
