//! Bucket settings and what they do: cross-origin rules and lifecycles.

use std::time::Duration;

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, CorsConfiguration, CorsRule, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, Transition,
};

use crate::support::{BUCKET, Server, refusal};

const HOUR_MS: i64 = 60 * 60 * 1000;

fn preflight(server: &Server, origin: &str, method: &str) -> reqwest::RequestBuilder {
    server
        .http
        .request(reqwest::Method::OPTIONS, server.url("/deskreel/segments/desk/1"))
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "range")
}

#[tokio::test]
async fn any_page_may_read_a_new_bucket_and_see_what_it_needs() {
    let server = Server::start().await;
    let response = preflight(&server, "https://player.example", "GET").send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["access-control-allow-headers"], "range");
    let refused = preflight(&server, "https://player.example", "PUT").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(!refused.headers().contains_key("access-control-allow-origin"));

    server.put("k", b"12345").await;
    let url = server.presigned_get("k").await;
    let request = server.http.get(&url).header("origin", "https://player.example");
    let response = request.header("range", "bytes=1-2").send().await.unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
    for name in ["ETag", "Content-Length", "Content-Range"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    // A page must be able to read why it was refused, too.
    let request = server.http.get(server.url("/deskreel/k")).header("origin", "https://p");
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_buckets_own_cors_rules_are_obeyed_and_outlive_a_restart() {
    let server = Server::start().await;
    let s3 = server.root();
    let rule = CorsRule::builder()
        .allowed_origins("https://only.example")
        .allowed_methods("GET")
        .allowed_headers("*")
        .build()
        .unwrap();
    let rules = CorsConfiguration::builder().cors_rules(rule.clone()).build().unwrap();
    s3.put_bucket_cors().bucket(BUCKET).cors_configuration(rules).send().await.unwrap();

    let Server { running, data, http } = server;
    running.shutdown().await;
    let running =
        deskreel_server::start(deskreel_server::ServeConfig::new(data.path())).await.unwrap();
    let server = Server { running, data, http };

    let got = server.root().get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(got.cors_rules()[0].allowed_origins(), rule.allowed_origins());
    let allowed = preflight(&server, "https://only.example", "GET").send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://only.example");
    let refused = preflight(&server, "https://other.example", "GET").send().await.unwrap();
    assert_eq!(refused.status(), 403);

    server.root().delete_bucket_cors().bucket(BUCKET).send().await.unwrap();
    let none = server.root().get_bucket_cors().bucket(BUCKET).send().await;
    assert_eq!(refusal(none), (404, "NoSuchCORSConfiguration".into()));
}

fn rule(prefix: &str, days: i32) -> LifecycleRule {
    LifecycleRule::builder()
        .id(prefix)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .expiration(LifecycleExpiration::builder().days(days).build())
        .build()
        .unwrap()
}

async fn set_lifecycle(server: &Server, rule: LifecycleRule) -> Result<(), (u16, String)> {
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let request = server.root().put_bucket_lifecycle_configuration().bucket(BUCKET);
    match request.lifecycle_configuration(rules).send().await {
        Ok(_) => Ok(()),
        failed => Err(refusal(failed)),
    }
}

async fn keys(server: &Server) -> Vec<String> {
    let listed = server.root().list_objects_v2().bucket(BUCKET).send().await.unwrap();
    listed.contents().iter().filter_map(|o| o.key()).map(Into::into).collect()
}

async fn until_keys_are(server: &Server, expected: &[&str]) {
    for _ in 0..250 {
        if keys(server).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(keys(server).await, expected);
}

#[tokio::test]
async fn objects_go_when_their_rule_says_and_not_before() {
    let (server, clock) = Server::start_with_clock().await;
    set_lifecycle(&server, rule("segments/", 1)).await.unwrap();
    server.put("segments/desk/old", b"").await;
    server.put("index/desk/old", b"").await;
    clock.advance(HOUR_MS);
    server.put("segments/desk/new", b"").await;

    clock.advance(23 * HOUR_MS - 1);
    // Several runs at this very moment must all spare it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(keys(&server).await, ["index/desk/old", "segments/desk/new", "segments/desk/old"]);
    clock.advance(1);
    until_keys_are(&server, &["index/desk/old", "segments/desk/new"]).await;
    clock.advance(HOUR_MS);
    until_keys_are(&server, &["index/desk/old"]).await;
}

#[tokio::test]
async fn what_deskreel_stores_goes_after_two_days_unless_told_otherwise() {
    let (server, clock) = Server::start_with_clock().await;
    for key in ["segments/desk/1", "index/desk/1", "commons/1", "player/1"] {
        server.put(key, b"").await;
    }
    clock.advance(48 * HOUR_MS);
    until_keys_are(&server, &["player/1"]).await;
}

#[tokio::test]
async fn rules_are_read_back_as_set_and_those_not_obeyed_are_refused() {
    let server = Server::start().await;
    set_lifecycle(&server, rule("a/", 7)).await.unwrap();
    let s3 = server.root();
    let got = s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    assert_eq!(got.rules(), [rule("a/", 7)]);

    let mut moving = rule("a/", 7);
    moving.transitions = Some(vec![Transition::builder().days(1).build()]);
    assert_eq!(set_lifecycle(&server, moving).await, Err((501, "NotImplemented".into())));
    assert_eq!(set_lifecycle(&server, rule("a/", 0)).await, Err((400, "InvalidArgument".into())));
    let got = s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    assert_eq!(got.rules(), [rule("a/", 7)]);

    s3.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();
    let none = s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await;
    assert_eq!(refusal(none), (404, "NoSuchLifecycleConfiguration".into()));
}
