//! `/-/api/*` and `/-/health`: streams and grants, as JSON.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, not_found, origin};
use crate::access::{Role, StreamName};
use crate::clock::Clock;
use crate::config::AuthToken;
use crate::grant::{Asked, Bucket, Caller, IssueError, Refused, decide};
use crate::token::{BadToken, Verifier};

const MAX_BODY_BYTES: usize = 16 * 1024;

/// Who is let in.
#[derive(Debug, Default)]
pub struct Door {
    /// The operator's own token, which may do everything.
    pub operator: Option<AuthToken>,
    /// Tokens of people and devices.
    pub tokens: Option<Verifier>,
}

/// What the API answers from.
pub struct Api {
    /// The bucket that grants are about.
    pub bucket: Arc<dyn Bucket>,
    /// Who is let in; with neither token, whoever comes by way of loopback.
    pub door: Door,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The routes under `/-/api/`, and `/-/health`.
pub fn api_router(api: Arc<Api>) -> Router {
    let guarded = Router::new()
        .route("/-/api/streams", get(streams))
        .route("/-/api/grant", post(grant))
        .route("/-/api/{*rest}", any(not_found))
        .layer(middleware::from_fn_with_state(api.clone(), admit));
    Router::new()
        .merge(guarded)
        .route("/-/health", get(health))
        .method_not_allowed_fallback(super::wrong_method)
        .with_state(api)
}

/// Lets a request pass if its sender may use the API.
async fn admit(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let mut response = match admission(&api, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    };
    for (name, value) in
        [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")]
    {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn admission(api: &Api, headers: &HeaderMap) -> Result<Caller, Failure> {
    if origin::is_cross_origin(headers) {
        let message = "web pages of other origins may not use this API";
        return Err(Failure::new(StatusCode::FORBIDDEN, message));
    }
    let Door { operator, tokens } = &api.door;
    if operator.is_none() && tokens.is_none() {
        return if origin::is_for_loopback(headers) {
            Ok(Caller::operator())
        } else {
            let message = "without --auth-token-file or --token-keys this API answers only to \
                           localhost";
            Err(Failure::new(StatusCode::FORBIDDEN, message))
        };
    }
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, presented)| presented.trim());
    let Some(presented) = presented else {
        let message = "send a token as `Authorization: Bearer TOKEN`";
        return Err(Failure::new(StatusCode::UNAUTHORIZED, message));
    };
    if operator.as_ref().is_some_and(|token| token.admits(presented)) {
        return Ok(Caller::operator());
    }
    let Some(verifier) = tokens else {
        let message = "send the server's token as `Authorization: Bearer TOKEN`";
        return Err(Failure::new(StatusCode::UNAUTHORIZED, message));
    };
    let checked = verifier.verify(presented, api.clock.now_ms()).await;
    let claims = checked.map_err(|bad| {
        let status = match bad {
            BadToken::Unchecked => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        };
        tracing::info!(reason = %bad, "a token was refused");
        Failure::new(status, bad.to_string())
    })?;
    let caller = Caller::of(&claims);
    tracing::debug!(jti = claims.jti, sub = claims.sub, "a token was taken");
    caller.map_err(|bad| Failure::new(StatusCode::UNAUTHORIZED, bad.to_string()))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// The names of the streams with anything recorded that the caller may see, in order.
async fn streams(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<String>>, Failure> {
    let mut names = api.bucket.streams().await.map_err(|error| failed(&error))?;
    names.retain(|name| caller.sees(name));
    Ok(Json(names))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRequest {
    stream: String,
    role: String,
    expires_in_s: Option<i64>,
}

/// Issues a temporary key for one stream.
async fn grant(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
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
    let asked = Asked { stream, role, seconds: request.expires_in_s };
    let granted = decide(&caller, &asked, api.bucket.longest_s(), api.clock.now_ms());
    let granted = granted.map_err(|refused| {
        let status = match refused {
            Refused::Seconds { .. } => StatusCode::BAD_REQUEST,
            Refused::Stream | Refused::Role => StatusCode::FORBIDDEN,
        };
        Failure::new(status, refused.to_string())
    })?;
    let keys = api.bucket.issue(&granted.0, origin::endpoint(&headers)).await;
    let keys = keys.map_err(|error| failed(&error))?;
    tracing::info!(stream = %asked.stream, role = request.role, "granted");
    Ok(Json(keys.json()))
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, message)
}

/// What a client is told of a failure on this side: that there was one; the log says which.
fn failed(error: &IssueError) -> Failure {
    if matches!(error, IssueError::NoHost) {
        return bad(error.to_string());
    }
    tracing::error!(%error, "request failed");
    let status = match error {
        IssueError::Sts { .. } | IssueError::Store(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Failure::new(status, "the server failed; its log says how")
}
