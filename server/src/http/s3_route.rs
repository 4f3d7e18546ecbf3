//! The way to the S3 service: cross-origin headers by the bucket's rules around it, and browsers
//! that come without a signature sent to the player.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{App, PLAYER_PATH};
use crate::cors::{self, CorsRule};

pub(super) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    if is_browser_at_the_door(&request) {
        return Redirect::to(PLAYER_PATH).into_response();
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let origin = text(request.headers(), header::ORIGIN);
    if method == Method::OPTIONS {
        return preflight(&rules(&app, &uri), request.headers());
    }
    let mut response = match app.s3.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(error = ?error, "S3 request failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    tracing::debug!(%method, path = uri.path(), status = response.status().as_u16(), "S3");
    if response.status() == StatusCode::NOT_MODIFIED {
        // The protocol crate writes an error document; a 304 has none.
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if let Some(origin) = origin {
        let rules = rules(&app, &uri);
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(allowed) = cors::response_headers(&rules, &origin, method.as_str()) {
            insert_all(headers, allowed);
        }
    }
    response
}

/// Whether this is `GET /` without any signature: a person who typed the address.
fn is_browser_at_the_door(request: &Request) -> bool {
    request.method() == Method::GET
        && request.uri().path() == "/"
        && !request.headers().contains_key(header::AUTHORIZATION)
        && !request.uri().query().is_some_and(|query| {
            query.split('&').any(|pair| pair.to_ascii_lowercase().starts_with("x-amz-"))
        })
}

fn preflight(rules: &[CorsRule], headers: &HeaderMap) -> Response {
    let asked = (
        text(headers, header::ORIGIN),
        text(headers, header::ACCESS_CONTROL_REQUEST_METHOD),
        text(headers, header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default(),
    );
    let (Some(origin), Some(method), request_headers) = asked else {
        return (StatusCode::BAD_REQUEST, "OPTIONS is for CORS preflights").into_response();
    };
    let Some(allowed) = cors::preflight_headers(rules, &origin, &method, &request_headers) else {
        let message = "the bucket's CORS rules do not allow this request";
        return (StatusCode::FORBIDDEN, message).into_response();
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    insert_all(response.headers_mut(), allowed);
    let varies = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    response.headers_mut().insert(header::VARY, HeaderValue::from_static(varies));
    response
}

/// The rules of the bucket a path names; none if there is no such bucket.
fn rules(app: &App, uri: &Uri) -> Vec<CorsRule> {
    let bucket = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    app.disk.bucket(bucket).map(|settings| settings.cors.clone()).unwrap_or_default()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

fn insert_all(headers: &mut HeaderMap, pairs: Vec<(&'static str, String)>) {
    for (name, value) in pairs {
        // A rule's text with a line break in it stays out.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
