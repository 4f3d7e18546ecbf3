//! HTTP events: those of API Gateway (payload format 2.0) and of function URLs.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use lambda_http::Body as EventBody;
use serde_json::{Value, json};
use tower::ServiceExt;

/// No answer of the API is longer.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The answer of `router` to an event. Whatever the event is, there is an answer.
pub async fn answer(router: Router, event: &Value) -> Value {
    let Some(request) = request(event) else {
        return told(400, "the event is no HTTP request in payload format 2.0");
    };
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await else {
        tracing::error!("the answer is too long");
        return told(500, "the server failed; its log says how");
    };
    json!({
        "statusCode": parts.status.as_u16(),
        "headers": texts(&parts.headers),
        "body": String::from_utf8_lossy(&bytes),
        "isBase64Encoded": false,
    })
}

fn request(event: &Value) -> Option<Request<Body>> {
    // Only format 2.0 has these two; what else the event lacks the library refuses.
    event.pointer("/requestContext/http/method")?.as_str()?;
    event.get("rawPath")?.as_str()?;
    let request = lambda_http::request::from_str(&event.to_string()).ok()?;
    let (mut parts, body) = request.into_parts();
    let body = match body {
        EventBody::Text(text) => Body::from(text),
        EventBody::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    let domain = event.pointer("/requestContext/domainName").and_then(Value::as_str);
    if let (false, Some(domain)) = (parts.headers.contains_key(header::HOST), domain) {
        parts.headers.insert(header::HOST, domain.parse().ok()?);
    }
    // The stage of an API that has a name is no part of our paths.
    let path = event.get("rawPath")?.as_str()?;
    let stage = event.pointer("/requestContext/stage").and_then(Value::as_str).unwrap_or_default();
    let path =
        path.strip_prefix(&format!("/{stage}")).filter(|p| p.starts_with('/')).unwrap_or(path);
    parts.uri = path.parse().ok()?;
    Some(Request::from_parts(parts, body))
}

fn texts(headers: &HeaderMap) -> Value {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), Value::from(text(value)))).collect()
}

fn told(status: u16, message: &str) -> Value {
    json!({
        "statusCode": status,
        "headers": { "content-type": "application/json" },
        "body": json!({ "error": message }).to_string(),
        "isBase64Encoded": false,
    })
}
