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
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{any, get};
use s3s::service::S3Service;
use serde_json::json;

use crate::backend::Disk;

pub use api::{Api, Door, api_router};
pub(crate) use player::{cache_control, candidates as player_candidates, content_type};

/// Where the player is.
pub(crate) const PLAYER_PATH: &str = "/-/player/";

/// What requests beside the API are answered from.
pub(crate) struct App {
    pub(crate) s3: S3Service,
    pub(crate) disk: Arc<Disk>,
    pub(crate) players: Vec<PathBuf>,
}

/// All routes of the server with the embedded store.
pub(crate) fn router(api: Arc<Api>, app: App) -> Router {
    let players = app.players.clone();
    let store = Router::new().fallback(s3_route::serve).with_state(Arc::new(app));
    pages(api, players).fallback_service(store)
}

/// The API and the player, and no store.
pub(crate) fn pages(api: Arc<Api>, players: Vec<PathBuf>) -> Router {
    let player = Router::new()
        .route("/-/player", get(async || Redirect::permanent(PLAYER_PATH)))
        .route("/-/player/", get(player::index))
        .route("/-/player/{*path}", get(player::file))
        .route("/-/{*rest}", any(not_found))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(Players(players)));
    api_router(api).merge(player)
}

/// Where the player may be.
pub(crate) struct Players(pub(crate) Vec<PathBuf>);

async fn wrong_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
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
