//! What is served beside S3: the player, health, streams and grants.

use std::path::Path;

use deskreel_server::{AuthToken, StartError, start};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{NOW_MS, Server};

async fn with_player() -> Server {
    Server::start_with(|config| {
        let player = config.data.join("player");
        std::fs::create_dir_all(player.join("pkg")).unwrap();
        std::fs::write(player.join("index.html"), "<!doctype html>player").unwrap();
        std::fs::write(player.join("pkg").join("player.wasm"), b"\0asm").unwrap();
        std::fs::write(player.join("pkg").join("player.js"), "1").unwrap();
        std::fs::write(player.join("page.0123456789abcdef.js"), "plain").unwrap();
        std::fs::write(player.join("page.0123456789abcdef.js.gz"), "gzip").unwrap();
        std::fs::write(player.join("page.0123456789abcdef.js.br"), "brotli").unwrap();
        config.player = Some(player);
    })
    .await
}

/// Sends a request line as it is, which HTTP clients would tidy up first.
async fn raw_get(server: &Server, target: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.running.addr).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        server.running.addr
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_browser_at_the_door_is_sent_to_the_player_and_s3_clients_are_not() {
    let server = with_player().await;
    let answer = server.http.get(server.url("/")).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/-/player/");
    let answer = server.http.get(server.url("/-/player")).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "/-/player/");
    server.root().list_buckets().send().await.unwrap();
    let signed = server.http.get(server.url("/?X-Amz-Signature=x")).send().await.unwrap();
    assert!(signed.status().is_client_error());
}

#[tokio::test]
async fn player_files_have_their_types_and_a_strict_policy() {
    let server = with_player().await;
    for (path, kind) in [
        ("", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("pkg/player.wasm", "application/wasm"),
        ("pkg/player.js", "text/javascript; charset=utf-8"),
    ] {
        let url = server.url(&format!("/-/player/{path}"));
        let answer = server.http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(answer.headers()["cache-control"], "no-cache");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("'wasm-unsafe-eval'"));
        let etag = answer.headers()["etag"].clone();
        let again = server.http.get(&url).header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
        let head = server.http.head(&url).send().await.unwrap();
        assert_eq!(head.headers()["content-type"], kind);
    }
    assert_eq!(
        server.http.get(server.url("/-/player/none.js")).send().await.unwrap().status(),
        404
    );
}

#[tokio::test]
async fn the_best_twin_that_a_client_takes_is_sent_and_hashed_names_are_kept() {
    let server = with_player().await;
    let url = server.url("/-/player/page.0123456789abcdef.js");
    for (accepted, body, coding) in [
        ("gzip, deflate, br", "brotli", Some("br")),
        ("gzip, br;q=0", "gzip", Some("gzip")),
        ("identity", "plain", None),
    ] {
        let answer =
            server.http.get(&url).header("accept-encoding", accepted).send().await.unwrap();
        let headers = answer.headers().clone();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-encoding"), coding);
        assert_eq!(header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(header("vary"), Some("accept-encoding"));
        assert_eq!(header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(answer.text().await.unwrap(), body);
    }
    let missing = server.url("/-/player/page.fedcba9876543210.js");
    let answer = server.http.get(missing).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (404, &"no-cache".parse().unwrap())
    );
}

#[tokio::test]
async fn no_path_leads_out_of_the_players_directory() {
    let server = with_player().await;
    for target in [
        "/-/player/../../../../etc/passwd",
        "/-/player/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/-/player/%2e%2e/%2e%2e/etc/passwd",
        "/-/player//etc/passwd",
        "/-/player/%2fetc/passwd",
        "/-/player/pkg/../../x",
        "/-/player/..%5c..%5cx",
        "/-/player/%00",
    ] {
        let answer = raw_get(&server, target).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
        assert!(!answer.contains("root:"), "{target}");
    }
}

#[tokio::test]
async fn a_missing_player_says_how_to_build_it_and_is_found_once_built() {
    let dir = tempfile::tempdir().unwrap();
    let player = dir.path().join("player");
    let given = player.clone();
    let server = Server::start_with(|config| config.player = Some(given)).await;
    let answer = server.http.get(server.url("/-/player/")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("cargo xtask dist"));
    std::fs::create_dir(&player).unwrap();
    std::fs::write(player.join("index.html"), "built").unwrap();
    let answer = server.http.get(server.url("/-/player/")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "built");
}

#[tokio::test]
async fn health_and_streams_are_told() {
    let server = Server::start().await;
    let health: Value = json_of(server.http.get(server.url("/-/health"))).await;
    assert_eq!(health, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }));
    let none: Value = json_of(server.http.get(server.url("/-/api/streams"))).await;
    assert_eq!(none, json!([]));
    for key in ["segments/left/1", "segments/left/2", "segments/desk.1/x/y", "index/other/1"] {
        server.put(key, b"").await;
    }
    let some: Value = json_of(server.http.get(server.url("/-/api/streams"))).await;
    assert_eq!(some, json!(["desk.1", "left"]));
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_grant_says_all_a_client_needs() {
    let (server, _clock) = Server::start_with_clock().await;
    let request = json!({ "stream": "desk", "role": "view", "expires_in_s": 60 });
    let port = server.running.addr.port();
    let url = format!("http://localhost:{port}/-/api/grant");
    let answer = server.http.post(url).json(&request).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let grant: Value = answer.json().await.unwrap();
    assert_eq!(grant["endpoint"], format!("http://localhost:{port}"));
    assert_eq!(grant["region"], "us-east-1");
    assert_eq!(grant["bucket"], "deskreel");
    assert_eq!(grant["prefix"], "");
    assert_eq!(grant["path_style"], true);
    assert_eq!(grant["session_token"], Value::Null);
    assert_eq!(grant["expires_at_ms"], NOW_MS + 60_000);
    assert!(grant["access_key_id"].as_str().unwrap().starts_with("DRT"));
    assert!(!grant["secret_access_key"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn bad_requests_get_a_reason_as_json() {
    let server = Server::start().await;
    let grant = server.url("/-/api/grant");
    let post = |body: &str| server.http.post(&grant).body(body.to_owned());
    let cases = [
        (post("{"), 400),
        (post(r#"{"stream": "../x", "role": "view"}"#), 400),
        (post(r#"{"stream": "desk", "role": "root"}"#), 400),
        (post(r#"{"stream": "desk", "role": "view", "expires_in_s": 0}"#), 400),
        (post(r#"{"stream": "desk", "role": "view", "expires_in_s": 604801}"#), 400),
        (post(r#"{"stream": "desk", "role": "view", "bucket": "x"}"#), 400),
        (post(&" ".repeat(20_000)), 413),
        (server.http.get(&grant), 405),
        (server.http.post(server.url("/-/api/streams")), 405),
        (server.http.get(server.url("/-/api/nothing")), 404),
        (server.http.get(server.url("/-/nothing")), 404),
        (server.http.delete(server.url("/-/health")), 405),
    ];
    for (request, status) in cases {
        let answer = request.send().await.unwrap();
        let shown = format!("{} {}", answer.url(), answer.status());
        assert_eq!(answer.status(), status, "{shown}");
        let reason: Value = answer.json().await.unwrap();
        assert!(!reason["error"].as_str().unwrap().is_empty(), "{shown}");
    }
}

#[tokio::test]
async fn other_web_pages_and_rebound_names_get_no_grant() {
    let server = Server::start().await;
    let request = || {
        let body = json!({ "stream": "desk", "role": "view" });
        server.http.post(server.url("/-/api/grant")).json(&body)
    };
    let own = server.running.endpoint();
    assert_eq!(request().header("origin", own).send().await.unwrap().status(), 200);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "null"),
        ("host", "evil.example"),
        ("host", "rebound.example:8420"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let answer = request().header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{name}: {value}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
        let text = answer.text().await.unwrap();
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn with_a_token_the_api_asks_for_it() {
    let token = "correct horse battery staple";
    let server = Server::start_with(|config| {
        config.listen = "0.0.0.0:0".parse().unwrap();
        config.auth_token = Some(AuthToken::new(token).unwrap());
    })
    .await;
    let port = server.running.addr.port();
    let streams = || server.http.get(format!("http://127.0.0.1:{port}/-/api/streams"));
    assert_eq!(streams().send().await.unwrap().status(), 401);
    assert_eq!(streams().bearer_auth("wrong").send().await.unwrap().status(), 401);
    assert_eq!(streams().bearer_auth(token).send().await.unwrap().status(), 200);
    let by_name = streams().bearer_auth(token).header("host", "desk.example");
    assert_eq!(by_name.send().await.unwrap().status(), 200);
    let health = server.http.get(format!("http://127.0.0.1:{port}/-/health"));
    assert_eq!(health.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn one_data_directory_has_one_server() {
    let server = Server::start().await;
    let again = deskreel_server::ServeConfig::new(server.data.path());
    let refused = start(again.clone()).await.unwrap_err();
    assert!(matches!(refused, StartError::Data { .. }));
    assert!(refused.to_string().contains("another deskreel-server"), "{refused}");
    let Server { running, data, .. } = server;
    running.shutdown().await;
    start(again).await.unwrap().shutdown().await;
    assert!(Path::new(data.path()).join("credentials.json").exists());
}
