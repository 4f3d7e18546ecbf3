//! The S3 store against servers that fail, lie, stall and refuse.

mod scripted;

use std::time::{Duration, Instant};

use deskreel_store::{Object, ObjectStore, Put, PutMode, S3Store, StoreError};

use scripted::{Answer, Scripted, config};

const CREATE: Put<'static> =
    Put { mode: PutMode::Create, content_type: "text/plain", cache_control: Some("max-age=9") };

#[tokio::test]
async fn nobody_at_the_address_is_said_soon_and_clearly() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let store = S3Store::connect(&config(&endpoint)).await.unwrap();
    let started = Instant::now();
    let error = store.get("a", None).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    let StoreError::Unreachable { endpoint: named, reason, attempts } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((named, *attempts), (&endpoint, 2));
    assert!(reason.contains("refused"), "{reason}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Scripted::start(vec![Answer::Stall(Vec::new())]).await;
    let error = server.store().await.head("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { attempts: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_cut_short_is_asked_for_again() {
    let server = Scripted::start(vec![
        Answer::promising(10, 200, &[], "0123"),
        Answer::promising(10, 200, &[], "01234567").then_silence(),
        Answer::whole(200, &["etag: \"e\""], "0123456789"),
    ])
    .await;
    let mut config = config(&server.endpoint);
    config.attempts = 3;
    let object = S3Store::connect(&config).await.unwrap().get("a", None).await.unwrap();
    let etag = Some("\"e\"".to_owned());
    assert_eq!(object, Object { bytes: "0123456789".into(), size: 10, etag });
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_body_cut_short_every_time_is_an_error_with_its_numbers() {
    for answer in [
        Answer::promising(10, 200, &[], "0123"),
        Answer::promising(10, 200, &[], "0123").then_silence(),
    ] {
        let server = Scripted::start(vec![answer]).await;
        let error = server.store().await.get("a", None).await.unwrap_err();
        assert_eq!(error, StoreError::Truncated { key: "a".into(), expected: 10, received: 4 });
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn passing_refusals_are_tried_again() {
    for refusal in [
        Answer::refusal(503, "SlowDown"),
        Answer::refusal(500, "InternalError"),
        Answer::refusal(409, "ConditionalRequestConflict"),
        Answer::refusal(429, "TooManyRequests"),
    ] {
        let shown = format!("{refusal:?}");
        let server = Scripted::start(vec![refusal, Answer::whole(200, &["etag: \"e\""], "")]).await;
        let put = server.store().await.put("a", "bytes".into(), CREATE).await;
        assert_eq!(put, Ok(()), "{shown}");
        assert_eq!(server.requests().len(), 2, "{shown}");
    }
}

#[tokio::test]
async fn lasting_refusals_are_sorted_and_not_tried_again() {
    let key = || "a".to_owned();
    for (status, code, expected) in [
        (412, "PreconditionFailed", StoreError::AlreadyExists { key: key() }),
        (403, "ExpiredToken", StoreError::CredentialsExpired),
        (
            507,
            "XMinioStorageFull",
            StoreError::Full { key: key(), reason: "because (XMinioStorageFull)".into() },
        ),
        (
            403,
            "AccessDenied",
            StoreError::PermissionDenied { key: key(), reason: "because (AccessDenied)".into() },
        ),
    ] {
        let server = Scripted::start(vec![Answer::refusal(status, code)]).await;
        let error = server.store().await.put("a", "bytes".into(), CREATE).await.unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_put_says_all_it_was_told() {
    let server = Scripted::start(vec![Answer::whole(200, &["etag: \"e\""], "")]).await;
    let store = server.store().await;
    store.put("a b/c", "bytes".into(), CREATE).await.unwrap();
    store.put("d", "".into(), Put { mode: PutMode::Overwrite, ..CREATE }).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].starts_with("put /screens/team/a/a%20b/c"), "{}", requests[0]);
    for line in ["if-none-match: *", "content-type: text/plain", "cache-control: max-age=9"] {
        assert!(requests[0].contains(line), "{line} is not in {}", requests[0]);
    }
    assert!(!requests[1].contains("if-none-match"), "{}", requests[1]);
}

#[tokio::test]
async fn a_server_without_ranges_still_gives_the_part() {
    let server = Scripted::start(vec![Answer::whole(200, &[], "0123456789")]).await;
    let store = server.store().await;
    let part = store.get("a", Some(3..5)).await.unwrap();
    assert_eq!((part.bytes.as_ref(), part.size), (&b"34"[..], 10));
    let part = store.get("a", Some(8..50)).await.unwrap();
    assert_eq!(part.bytes.as_ref(), b"89");
    let error = store.get("a", Some(10..11)).await.unwrap_err();
    let key = "a".to_owned();
    assert_eq!(error, StoreError::RangeNotSatisfiable { key, start: 10, end: 11, size: Some(10) });
}

#[tokio::test]
async fn another_part_than_asked_for_is_never_taken() {
    for told in ["bytes 0-1/10", "bytes 3-4/x", "bytes 3-9/10", "bytes 3-5/10"] {
        let header = format!("content-range: {told}");
        let server = Scripted::start(vec![Answer::whole(206, &[&header], "34")]).await;
        let error = server.store().await.get("a", Some(3..5)).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{told}: {error:?}");
    }
}

#[tokio::test]
async fn listings_out_of_order_are_never_taken() {
    let object = |key: &str| {
        format!(
            "<Contents><Key>{key}</Key><Size>1</Size>\
             <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        )
    };
    let listing = |keys: [&str; 2]| {
        let objects: String = keys.iter().map(|key| object(key)).collect();
        let body = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
        );
        Answer::whole(200, &["content-type: application/xml"], &body)
    };
    let server = Scripted::start(vec![listing(["team/a/x/1", "team/a/x/2"])]).await;
    let page = server.store().await.list("x/", None, 10).await.unwrap();
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!((keys, page.more), (vec!["x/1", "x/2"], false));
    for wrong in [
        ["team/a/x/2", "team/a/x/1"],
        ["team/a/x/1", "team/a/x/1"],
        ["team/a/x/1", "team/a/y"],
        ["team/a/x/1", "other/x/2"],
    ] {
        let server = Scripted::start(vec![listing(wrong)]).await;
        let error = server.store().await.list("x/", None, 10).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{wrong:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_s3_is_told_apart() {
    for status in [200, 403, 404] {
        let page = "<html><p>Welcome!</html>";
        let page = Answer::whole(status, &["content-type: text/html"], page);
        let store = Scripted::start(vec![page]).await.store().await;
        let mut errors = vec![store.list("", None, 10).await.unwrap_err()];
        errors.push(store.put("a", "bytes".into(), CREATE).await.unwrap_err());
        if status != 200 {
            errors.push(store.get("a", None).await.unwrap_err());
        }
        for error in errors {
            let StoreError::Other { status: Some(seen), message, .. } = &error else {
                panic!("{error:?}");
            };
            assert!(*seen == status && message.contains("not S3's"), "{error}");
        }
    }
}

#[tokio::test]
async fn keys_that_could_not_be_deleted_are_named() {
    let body = "<DeleteResult><Error><Key>team/a/k2</Key><Code>AccessDenied</Code>\
                <Message>because</Message></Error></DeleteResult>";
    let server = Scripted::start(vec![Answer::whole(200, &[], body)]).await;
    let keys = ["k1".to_owned(), "k2".to_owned()];
    let error = server.store().await.delete(&keys).await.unwrap_err();
    let reason = "because (AccessDenied)".to_owned();
    assert_eq!(error, StoreError::PermissionDenied { key: "k2".into(), reason });
}

#[tokio::test]
async fn no_secret_is_ever_printed() {
    let server = Scripted::start(vec![Answer::refusal(403, "InvalidAccessKeyId")]).await;
    let store = server.store().await;
    let error = store.get("a", None).await.unwrap_err();
    for shown in [format!("{store:?} {store:#?}"), format!("{error:?} {error}")] {
        assert!(!shown.contains("very-secret") && !shown.contains("token-secret"), "{shown}");
    }
}
