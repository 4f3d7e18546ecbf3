//! The player's static files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Failure, Players, not_found};

const INDEX: &str = "index.html";

/// The page may run only what this server sent; it may fetch from any endpoint a grant names.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; \
    img-src 'self' blob: data:; connect-src *; worker-src 'self' blob:; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\">\
    <meta name=\"color-scheme\" content=\"light dark\">\
    <title>Deskreel: no player here</title>\
    <h1>The player is not built</h1>\
    <p>This server found no player. Build it with <code>cargo xtask dist</code>, \
    then reload this page, or start the server with <code>--player DIR</code>.</p>\n";

/// Where the player may be: where the person said, else beside the executable, else `dist/player`.
pub(crate) fn candidates(given: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(given) = given {
        return vec![given];
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("player")));
    beside.into_iter().chain([Path::new("dist").join("player")]).collect()
}

pub(super) async fn index(State(players): State<Arc<Players>>, headers: HeaderMap) -> Response {
    respond(players, INDEX.to_owned(), headers).await
}

pub(super) async fn file(
    State(players): State<Arc<Players>>,
    UrlPath(path): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    respond(players, path, headers).await
}

async fn respond(players: Arc<Players>, path: String, headers: HeaderMap) -> Response {
    let name = path.clone();
    let codings: Vec<Coding> = CODINGS.into_iter().filter(|c| accepts(&headers, c.name)).collect();
    let caching = cache_control(&name);
    let read = tokio::task::spawn_blocking(move || {
        // Looked for at each request, so that a player built meanwhile is found.
        let root = players.0.iter().find(|root| root.join(INDEX).is_file())?;
        let mut packed =
            codings.iter().filter_map(|c| Some((read_packed(root, &path, c)?, Some(*c))));
        Some(packed.next().or_else(|| read_below(root, &path).map(|bytes| (bytes, None))))
    });
    let mut response = match read.await {
        Ok(Some(Some((bytes, coding)))) => {
            let mut response = found(&name, bytes, coding, &headers);
            let caching = HeaderValue::from_static(caching);
            response.headers_mut().insert(header::CACHE_CONTROL, caching);
            response
        }
        Ok(Some(None)) => not_found().await.into_response(),
        Ok(None) => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, html)], MISSING).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "player file");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says how")
                .into_response()
        }
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // The player is no secret: pages of other origins may embed it, and its modules say so.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::VARY, "accept-encoding"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // That something is not there is true for now.
    let for_now = HeaderValue::from_static("no-cache");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(for_now);
    response
}

fn found(name: &str, bytes: Vec<u8>, coding: Option<Coding>, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(content_type(name));
        ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
    };
    if let Some(coding) = coding {
        let name = HeaderValue::from_static(coding.name);
        response.headers_mut().insert(header::CONTENT_ENCODING, name);
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// A way in which a file lies compressed beside itself.
#[derive(Clone, Copy)]
struct Coding {
    /// As HTTP calls it.
    name: &'static str,
    /// What the twin's name has more.
    ending: &'static str,
}

/// The best first.
const CODINGS: [Coding; 2] =
    [Coding { name: "br", ending: ".br" }, Coding { name: "gzip", ending: ".gz" }];

/// Whether the client takes a coding: named, and not with a quality of 0.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    let mut codings = values.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|accepted| {
        let (name, quality) = accepted.split_once(';').unwrap_or((accepted, "q=1"));
        let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(coding) && quality.is_none_or(|quality| quality > 0.0)
    })
}

/// How long a file may be kept. A name that holds a hash of the bytes (`name.HASH.js`, 16 hexadecimal
/// digits) never means others; anything else is asked for by `ETag` at every load, for page, code and
/// WASM of different builds must never mix.
pub(crate) fn cache_control(name: &str) -> &'static str {
    let mut steps = name.rsplit('/').next().unwrap_or(name).rsplit('.');
    let (_kind, hash, stem) = (steps.next(), steps.next(), steps.next());
    let is_hash = |hash: &str| {
        hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_hashed = stem.is_some_and(|stem| !stem.is_empty()) && hash.is_some_and(is_hash);
    if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// The file's compressed twin, which lies beside it. One that is older than the file is of another
/// build.
fn read_packed(root: &Path, path: &str, coding: &Coding) -> Option<Vec<u8>> {
    let twin = format!("{path}{}", coding.ending);
    let modified = |path: &str| root.join(path).metadata().and_then(|m| m.modified()).ok();
    let packed = read_below(root, &twin)?;
    (modified(&twin)? >= modified(path)?).then_some(packed)
}

/// Reads the file `path` names below `root`; `None` if it is not a file there. `path` is decoded
/// already, once.
fn read_below(root: &Path, path: &str) -> Option<Vec<u8>> {
    let mut file = root.to_owned();
    for segment in path.split('/') {
        let plain = !segment.is_empty()
            && !segment.starts_with('.')
            && !segment.contains(['\\', ':', '\0']);
        if !plain {
            return None;
        }
        file.push(segment);
    }
    // A link in the player's directory must not lead out of it either.
    let (root, file) = (root.canonicalize().ok()?, file.canonicalize().ok()?);
    if !file.starts_with(&root) || !file.is_file() {
        return None;
    }
    std::fs::read(file).ok()
}

/// The type of a file by its name.
pub(crate) fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_sent_to_who_takes_it() {
        let takes = |coding: &str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts(&headers, coding)
        };
        assert!(takes("gzip", "gzip, deflate, br") && takes("gzip", "br;q=1.0, GZIP;q=0.5"));
        assert!(!takes("gzip", "br") && !takes("gzip", "gzip;q=0"));
        assert!(!takes("gzip", "identity, x-gzip") && !accepts(&HeaderMap::new(), "br"));
        assert!(takes("br", "gzip, br") && !takes("br", "gzip, br;q=0, brotli"));
    }

    #[test]
    fn what_has_a_hash_in_its_name_is_kept_for_ever() {
        for name in ["page.0123456789abcdef.js", "js/player_bg.00ff00ff00ff00ff.wasm"] {
            assert!(cache_control(name).contains("immutable"), "{name}");
        }
        for name in [
            "index.html",
            "deskreel-player.js",
            "page.0123456789ABCDEF.js",
            "page.0123456789abcde.js",
            "0123456789abcdef.js",
            ".0123456789abcdef.js",
            "0123456789abcdef/page.js",
        ] {
            assert_eq!(cache_control(name), "no-cache", "{name}");
        }
    }

    #[test]
    fn a_compressed_twin_of_another_build_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let (file, twin) = (root.path().join("a.js"), root.path().join("a.js.gz"));
        let read = |path: &str| read_packed(root.path(), path, &CODINGS[1]);
        std::fs::write(&file, "new").unwrap();
        assert_eq!(read("a.js"), None);
        std::fs::write(&twin, "packed").unwrap();
        assert_eq!(read("a.js").unwrap(), b"packed");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::File::open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(read("a.js"), None);
        assert_eq!(read("../a.js"), None);
    }

    #[test]
    fn nothing_outside_the_directory_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("player");
        std::fs::create_dir_all(root.join("js")).unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("js").join("a.js"), "a").unwrap();
        std::fs::write(root.join(".hidden"), "h").unwrap();
        assert_eq!(read_below(&root, "js/a.js").unwrap(), b"a");
        for path in [
            "../secret",
            "js/../../secret",
            "/etc/passwd",
            "js//a.js",
            "./js/a.js",
            "js",
            "",
            ".hidden",
            "..\\secret",
            "js\\a.js",
            "js/a.js/",
            "js/a.js\0",
        ] {
            assert_eq!(read_below(&root, path), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret"), root.join("link")).unwrap();
            assert_eq!(read_below(&root, "link"), None);
        }
    }
}
