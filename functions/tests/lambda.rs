//! Each Lambda binary as AWS runs it: a process that speaks the Runtime API, real events, MinIO.

#![allow(clippy::unwrap_used, reason = "all of this is tests, their helpers too")]

#[path = "lambda/runtime_api.rs"]
mod runtime_api;

use deskreel_format::sharing::{CandidateGroup, Candidates};
use deskreel_format::{DomainKey, SegmentId, StreamName, TileSize};
use deskreel_server::token::{AUDIENCE, Claims, ISSUER, KeyRing, Role};
use deskreel_store::{ObjectStore, Put, PutMode};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::not_run;
use runtime_api::{Function, Outcome};
use serde_json::{Value, json};

const API_GATEWAY: &str = include_str!("events/api-gateway-v2.json");
const FUNCTION_URL: &str = include_str!("events/function-url.json");
const SCHEDULE: &str = include_str!("events/eventbridge-schedule.json");
const S3_PUT: &str = include_str!("events/s3-put.json");

/// What no function may stumble over.
const MALFORMED: [&str; 12] = [
    "null",
    "1",
    "\"text\"",
    "[]",
    "[{}]",
    "{\"source\": 1}",
    "{\"Records\": {}}",
    "{\"Records\": [{\"s3\": {\"object\": {\"key\": 7}}}]}",
    "{\"source\": \"aws.s3\", \"detail\": []}",
    "{\"requestContext\": {\"http\": {\"method\": \"P OST\"}}, \"rawPath\": \"/\"}",
    "{\"requestContext\": {\"http\": {\"method\": 5}}, \"rawPath\": []}",
    "{\"requestContext\": {\"http\": {\"method\": \"GET\"}}, \"rawPath\": \"no path\", \"headers\": {\"\\u0000\": \"x\"}}",
];

fn minio() -> Option<Minio> {
    match Minio::program().and_then(|_| Minio::start()) {
        Ok(minio) => Some(minio),
        Err(error) => {
            not_run("minio", &format!("Lambda functions: {error}"));
            None
        }
    }
}

async fn start(program: &str, minio: &Minio) -> Function {
    let endpoint = minio.endpoint();
    let env = [
        ("DESKREEL_STORE", "s3://screens"),
        ("DESKREEL_ENDPOINT", &endpoint),
        ("AWS_ACCESS_KEY_ID", minio.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", minio.secret_access_key()),
    ];
    Function::start(program, &env).await
}

fn put() -> Put<'static> {
    Put { mode: PutMode::Create, content_type: "application/octet-stream", cache_control: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_function_answers_api_gateway_and_function_urls() {
    let Some(minio) = minio() else { return };
    let store = minio.store("screens", "").await.unwrap();
    let ring = KeyRing::new("test");
    let folder = tempfile::tempdir().unwrap();
    ring.save(&folder.path().join("keys.json")).unwrap();
    let keys = std::fs::read(folder.path().join("keys.json")).unwrap();
    store.put("access/keys.json", keys.into(), put()).await.unwrap();
    store.put("segments/desk/x", vec![1, 2, 3].into(), put()).await.unwrap();
    let claims = Claims {
        iss: ISSUER.into(),
        aud: vec![AUDIENCE.into()],
        sub: None,
        exp: 9_999_999_999,
        nbf: None,
        iat: None,
        jti: "one".into(),
        role: Role::View,
        streams: vec!["desk".into()],
    };
    let token = ring.sign(&claims);
    let mut function = start(env!("CARGO_BIN_EXE_deskreel-fn-grant"), &minio).await;

    for event in [API_GATEWAY, FUNCTION_URL] {
        let answer = function.answer(event.replace("TOKEN", &token).as_bytes()).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(answer["headers"]["cache-control"], "no-store");
        let grant: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&grant["bucket"], &grant["prefix"]), (&json!("screens"), &json!("")));
        // The keys really open the bucket.
        let mut config = deskreel_store::S3Config::new("screens", "");
        config.endpoint = Some(minio.endpoint());
        let text = |name: &str| grant[name].as_str().unwrap().to_owned();
        config.credentials = deskreel_store::Credentials::Static {
            access_key_id: text("access_key_id"),
            secret_access_key: text("secret_access_key"),
            session_token: Some(text("session_token")),
        };
        let granted = deskreel_store::S3Store::connect(&config).await.unwrap();
        assert_eq!(granted.get("segments/desk/x", None).await.unwrap().bytes, vec![1, 2, 3]);
        assert!(granted.get("access/keys.json", None).await.is_err());
        assert!(!function.log().contains(&text("secret_access_key")));
    }
    let refused = function.answer(API_GATEWAY.as_bytes()).await;
    assert_eq!(refused["statusCode"], 401, "{refused}");
    let other = API_GATEWAY.replace("TOKEN", &token).replace("\\\"desk\\\"", "\\\"lab\\\"");
    assert_eq!(function.answer(other.as_bytes()).await["statusCode"], 403);
    let list = API_GATEWAY.replace("TOKEN", &token).replace("/-/api/grant", "/-/api/streams");
    let list = function.answer(list.replace("\"POST\"", "\"GET\"").as_bytes()).await;
    assert_eq!((&list["statusCode"], &list["body"]), (&json!(200), &json!("[\"desk\"]")));

    for event in MALFORMED.iter().chain(&[SCHEDULE, S3_PUT]) {
        let answer = function.answer(event.as_bytes()).await;
        let status = answer["statusCode"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{event}: {answer}");
    }
    assert!(function.is_alive());
    assert!(!function.log().contains(&token), "a token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_rollup_and_audit_take_schedules_s3_events_and_wishes() {
    let Some(minio) = minio() else { return };
    let store = minio.store("screens", "").await.unwrap();
    let key = "segments/desk/2026-01-01/00/1767225600000-0a1b2c3d.seg";
    store.put(key, vec![0; 100].into(), put()).await.unwrap();
    let mut sweep = start(env!("CARGO_BIN_EXE_deskreel-fn-sweep"), &minio).await;
    let mut audit = start(env!("CARGO_BIN_EXE_deskreel-fn-audit"), &minio).await;
    let mut rollup = start(env!("CARGO_BIN_EXE_deskreel-fn-rollup"), &minio).await;
    for event in [SCHEDULE, S3_PUT, "{}", "{\"streams\": [\"desk\"], \"dry_run\": true}"] {
        let swept = sweep.answer(event.as_bytes()).await;
        assert_eq!(swept["statusCode"], 200, "{swept}");
        let report = &swept["report"];
        // Young and unreadable: it stays.
        assert_eq!(
            (&report["streams"], &report["deleted"], &report["unreadable"]),
            (&json!(1), &json!(0), &json!(1))
        );
        // Nothing of it can be told by an index.
        let rolled = rollup.answer(event.as_bytes()).await;
        assert_eq!(rolled["statusCode"], 200, "{rolled}");
        assert_eq!(
            (&rolled["report"]["streams"], &rolled["report"]["indexes"]),
            (&json!(1), &json!(0))
        );
        let audited = audit.answer(event.as_bytes()).await;
        assert_eq!(audited["report"]["clean"], false, "{audited}");
        assert_eq!(audited["report"]["problems"][0]["fault"], "unreadable");
    }
    for function in [&mut sweep, &mut rollup, &mut audit] {
        for event in MALFORMED.iter().chain(&[API_GATEWAY]) {
            if event.contains("requestContext") && *event != API_GATEWAY {
                continue;
            }
            let answer = function.answer(event.as_bytes()).await;
            assert_eq!(answer["statusCode"], 400, "{event}: {answer}");
        }
        // What is no JSON at all fails the invocation and not the process.
        let outcome = function.invoke(b"{").await;
        assert!(matches!(&outcome, Outcome::Failure(said) if !said.is_empty()), "{outcome:?}");
        assert_eq!(function.answer(b"{}").await["statusCode"], 200);
        assert!(function.is_alive());
    }
    assert!(store.get(key, None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn share_reads_the_secret_of_the_desktops_at_each_round() {
    let Some(minio) = minio() else { return };
    let store = minio.store("screens", "").await.unwrap();
    let mut share = start(env!("CARGO_BIN_EXE_deskreel-fn-share"), &minio).await;
    // No secret, no sharing: the invocation fails and says what is missing.
    let outcome = share.invoke(SCHEDULE.as_bytes()).await;
    assert!(matches!(&outcome, Outcome::Failure(said) if said.contains("access/domain.key")));
    store.put("access/domain.key", "our secret\n".into(), put()).await.unwrap();
    let key = DomainKey::derive("our secret");
    let now_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    for (stream, writer) in [("ann", 1), ("bob", 2)] {
        let segment = SegmentId { first_ms: now_ms - 1_000, writer };
        let tile = TileSize::new(16).unwrap();
        let groups = vec![CandidateGroup { segment, tiles: vec![[7; 8]] }];
        let list = Candidates { tile, groups, votes: vec![] }.encode(&key).unwrap();
        let stream = StreamName::parse(stream).unwrap();
        store.put(&stream.candidates_key(segment), list.into(), put()).await.unwrap();
    }
    for event in [SCHEDULE, "{}", "{\"dry_run\": true}"] {
        let answer = share.answer(event.as_bytes()).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let report = &answer["report"];
        assert_eq!((&report["streams"], &report["lists"]), (&json!(2), &json!(2)), "{report}");
        // The segments that are named never came.
        assert_eq!((&report["skipped"], &report["bytes"]), (&json!(2), &json!(0)));
    }
    for event in MALFORMED.iter().filter(|event| !event.contains("requestContext")) {
        assert_eq!(share.answer(event.as_bytes()).await["statusCode"], 400, "{event}");
    }
    assert!(share.is_alive());
    assert!(!share.log().contains("our secret"), "the secret is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_start_says_which_variable_is_wrong() {
    for program in [
        env!("CARGO_BIN_EXE_deskreel-fn-grant"),
        env!("CARGO_BIN_EXE_deskreel-fn-sweep"),
        env!("CARGO_BIN_EXE_deskreel-fn-rollup"),
        env!("CARGO_BIN_EXE_deskreel-fn-audit"),
        env!("CARGO_BIN_EXE_deskreel-fn-share"),
    ] {
        let output = std::process::Command::new(program).env_clear().output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("DESKREEL_STORE"), "{said}");
    }
}
