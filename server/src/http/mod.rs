//! HTTP: what is served beside S3, and the way to S3.
//!
//! `-` can be no bucket, so everything of the server's own lives under `/-/`.

mod api;
mod origin;
mod player;
mod s3_route;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{any, get, post};
use s3s::service::S3Service;
use serde_json::json;

use crate::access::RootCredentials;
use crate::backend::Disk;
use crate::clock::Clock;
use crate::config::AuthToken;

pub(crate) use player::candidates as player_candidates;

/// Where the player is.
pub(crate) const PLAYER_PATH: &str = "/-/player/";

/// What requests are answered from.
pub(crate) struct App {
    pub(crate) s3: S3Service,
    pub(crate) disk: Arc<Disk>,
    pub(crate) root: RootCredentials,
    pub(crate) bucket: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) players: Vec<PathBuf>,
    pub(crate) auth_token: Option<AuthToken>,
}

/// All routes.
pub(crate) fn router(app: App) -> Router {
    let app = Arc::new(app);
    let api = Router::new()
        .route("/-/api/streams", get(api::streams))
        .route("/-/api/grant", post(api::grant))
        .route("/-/api/{*rest}", any(not_found))
        .layer(middleware::from_fn_with_state(app.clone(), api::admit));
    Router::new()
        .merge(api)
        .route("/-/health", get(api::health))
        .route("/-/player", get(async || Redirect::permanent(PLAYER_PATH)))
        .route("/-/player/", get(player::index))
        .route("/-/player/{*path}", get(player::file))
        .route("/-/{*rest}", any(not_found))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .fallback(s3_route::serve)
        .with_state(app)
}

async fn not_found() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// An answer that says what went wrong, as JSON `{"error": ...}`.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    message: String,
}

impl Failure {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}
