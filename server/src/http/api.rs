//! `/-/api/*` and `/-/health`: streams and grants, as JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Failure, origin};
use crate::access::{Grant, Role, StreamName, issue};
use crate::backend::{Query, Token};
use crate::s3::REGION;

const MAX_BODY_BYTES: usize = 16 * 1024;
const DEFAULT_EXPIRY_S: i64 = 12 * 60 * 60;
const MAX_EXPIRY_S: i64 = 7 * 24 * 60 * 60;

/// Lets a request pass if its sender may use the API.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match admission(&app, request.headers()) {
        Ok(()) => {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                header::HeaderValue::from_static("nosniff"),
            );
            response
        }
        Err(failure) => failure.into_response(),
    }
}

fn admission(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    if origin::is_cross_origin(headers) {
        let message = "web pages of other origins may not use this API";
        return Err(Failure::new(StatusCode::FORBIDDEN, message));
    }
    let Some(token) = &app.auth_token else {
        return if origin::is_for_loopback(headers) {
            Ok(())
        } else {
            let message = "without --auth-token-file this API answers only to localhost";
            Err(Failure::new(StatusCode::FORBIDDEN, message))
        };
    };
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, presented)| presented.trim());
    if presented.is_some_and(|presented| token.admits(presented)) {
        return Ok(());
    }
    let message = "send the server's token as `Authorization: Bearer TOKEN`";
    Err(Failure::new(StatusCode::UNAUTHORIZED, message))
}

pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// The names of all streams with anything recorded, in order.
pub(super) async fn streams(State(app): State<Arc<App>>) -> Result<Json<Vec<String>>, Failure> {
    let listed = tokio::task::spawn_blocking(move || -> Result<_, crate::backend::StoreError> {
        let prefix = "segments/";
        let mut query = Query {
            prefix: prefix.to_owned(),
            delimiter: "/".to_owned(),
            max_keys: 1000,
            ..Query::default()
        };
        let mut streams = Vec::new();
        loop {
            let page = app.disk.list(&app.bucket, &query)?;
            let names = page.common_prefixes.iter().filter_map(|common| {
                common.strip_prefix(prefix)?.strip_suffix('/')?.parse::<StreamName>().ok()
            });
            streams.extend(names.map(|name| name.to_string()));
            let Some(next) = page.next else { return Ok(streams) };
            query.token = Some::<Token>(next);
        }
    });
    match listed.await {
        Ok(Ok(streams)) => Ok(Json(streams)),
        Ok(Err(error)) => Err(internal(&error)),
        Err(error) => Err(internal(&error)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRequest {
    stream: String,
    role: String,
    expires_in_s: Option<i64>,
}

/// Issues a temporary key for one stream.
pub(super) async fn grant(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long"))?;
    let request: GrantRequest = serde_json::from_slice(&body).map_err(|error| {
        bad(format!(
            "send JSON like {{\"stream\": \"desk\", \"role\": \"view\", \"expires_in_s\": 3600}}: {error}"
        ))
    })?;
    let stream = request.stream.parse::<StreamName>().map_err(|error| bad(error.to_string()))?;
    let role = match request.role.as_str() {
        "view" => Role::View,
        "upload" => Role::Upload,
        _ => return Err(bad("`role` is `view` or `upload`")),
    };
    let seconds = request.expires_in_s.unwrap_or(DEFAULT_EXPIRY_S);
    if !(1..=MAX_EXPIRY_S).contains(&seconds) {
        return Err(bad(format!("`expires_in_s` is from 1 to {MAX_EXPIRY_S}")));
    }
    let endpoint =
        origin::endpoint(&headers).ok_or_else(|| bad("the request has no Host header"))?;
    let expires_at_ms = app.clock.now_ms() + seconds * 1000;
    let key = issue(&app.root.secret_access_key, &Grant { role, stream, expires_at_ms });
    Ok(Json(json!({
        "endpoint": endpoint,
        "region": REGION,
        "bucket": app.bucket,
        "prefix": "",
        "path_style": true,
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "session_token": null,
        "expires_at_ms": expires_at_ms,
    })))
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, message)
}

fn internal(error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "request failed");
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says how")
}
