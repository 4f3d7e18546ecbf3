//! Requests of the browser: a method, a URL and what came of it.

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, Request, RequestCache, RequestInit, Response,
};

use crate::core::access::Ask;

#[wasm_bindgen]
extern "C" {
    /// The global `fetch`, which windows and workers have.
    #[wasm_bindgen(js_name = fetch)]
    fn global_fetch(request: &Request) -> Promise;
}

/// What came of a request.
pub(super) struct Answer {
    /// HTTP status; 0 when no answer came.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Vec<u8>,
    /// The header `Date`, UTC milliseconds.
    pub(super) date_ms: Option<u64>,
}

/// What to ask.
#[derive(Default)]
pub(super) struct Question {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
    pub(super) fresh: bool,
}

/// The status of an answer that brings the range asked for.
const PARTIAL: u16 = 206;
/// Longest time of a request, milliseconds: browsers by themselves wait minutes for a connection that
/// went silent. The core asks again.
const PATIENCE_MS: u32 = 30_000;

/// Asks, and turns whatever goes wrong into status 0.
pub(super) async fn ask(question: Question, signal: Option<AbortSignal>) -> Answer {
    ask_in_parts(question, signal, &[], |_, _| ()).await
}

/// As [`ask`]; whenever the body of a partial answer has grown beyond another of `parts`, `came` is given
/// what lies between that and the one before, and where that starts.
pub(super) async fn ask_in_parts(
    question: Question,
    signal: Option<AbortSignal>,
    parts: &[usize],
    came: impl Fn(usize, &[u8]),
) -> Answer {
    let silence = Answer { status: 0, body: Vec::new(), date_ms: None };
    try_ask(question, signal, parts, came).await.unwrap_or(silence)
}

async fn try_ask(
    question: Question,
    signal: Option<AbortSignal>,
    parts: &[usize],
    came: impl Fn(usize, &[u8]),
) -> Result<Answer, JsValue> {
    let init = RequestInit::new();
    init.set_method(question.method);
    let patience = AbortSignal::timeout_with_u32(PATIENCE_MS);
    let mut both = js_sys::Array::of1(&patience);
    both.extend(signal);
    init.set_signal(Some(&AbortSignal::any(&both)));
    if question.fresh {
        init.set_cache(RequestCache::Reload);
    }
    if let Some(body) = &question.body {
        init.set_body(&JsValue::from_str(body));
    }
    let request = Request::new_with_str_and_init(&question.url, &init)?;
    for (name, value) in &question.headers {
        request.headers().set(name, value)?;
    }
    let response: Response = JsFuture::from(global_fetch(&request)).await?.dyn_into()?;
    if parts.is_empty() || response.status() != PARTIAL {
        return answer(response).await;
    }
    let body = read_in_parts(&response, parts, came).await?;
    Ok(Answer { status: PARTIAL, body, date_ms: None })
}

async fn read_in_parts(
    response: &Response,
    parts: &[usize],
    came: impl Fn(usize, &[u8]),
) -> Result<Vec<u8>, JsValue> {
    let stream = response.body().ok_or("an answer without a body")?;
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let (mut body, mut told) = (Vec::new(), 0);
    loop {
        let chunk = JsFuture::from(reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(body);
        }
        let bytes: Uint8Array = Reflect::get(&chunk, &"value".into())?.dyn_into()?;
        let from = body.len();
        body.resize(from + bytes.length() as usize, 0);
        bytes.copy_to(&mut body[from..]);
        let here = parts.iter().rfind(|&&end| told < end && end <= body.len());
        if let Some(&end) = here {
            came(told, &body[told..end]);
            told = end;
        }
    }
}

/// Whether `asked`, a request that the page made itself, is the one that the core wants.
pub(super) fn already(asked: &JsValue, wanted: &Ask) -> bool {
    if !asked.is_object() {
        return false;
    }
    let text = |name: &str| Reflect::get(asked, &name.into()).ok()?.as_string();
    let parts = (text("url"), text("body"), text("token"));
    parts == (Some(wanted.url.clone()), wanted.body.clone(), wanted.token.clone())
}

/// What came of it; `None` if nothing did, and it must be asked again.
pub(super) async fn answered(asked: &JsValue) -> Option<Answer> {
    let promise: Promise = Reflect::get(asked, &"answer".into()).ok()?.dyn_into().ok()?;
    let came = JsFuture::from(promise).await.ok()?;
    let response = Reflect::get(&came, &"response".into()).ok()?.dyn_into().ok()?;
    let at_ms = Reflect::get(&came, &"at".into()).ok()?.as_f64()?;
    let mut answer = answer(response).await.ok()?;
    // It may have waited for the program: by now the server's clock says more.
    let waited_ms = (js_sys::Date::now() - at_ms).max(0.0) as u64;
    answer.date_ms = answer.date_ms.map(|date_ms| date_ms + waited_ms);
    Some(answer)
}

async fn answer(response: Response) -> Result<Answer, JsValue> {
    let body = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    let date = response.headers().get("date")?;
    let date_ms = date.map(|date| js_sys::Date::parse(&date)).filter(|ms| *ms > 0.0);
    Ok(Answer { status: response.status(), body, date_ms: date_ms.map(|ms| ms as u64) })
}
