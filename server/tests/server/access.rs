//! Keys: what each may do, and that it may do nothing else.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CorsConfiguration, CorsRule, Delete, ObjectIdentifier};

use crate::support::{BUCKET, Server, client, get, refusal};

fn denied() -> (u16, String) {
    (403, "AccessDenied".into())
}

async fn list(s3: &Client, prefix: &str) -> Result<Vec<String>, (u16, String)> {
    match s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await {
        Ok(page) => Ok(page.contents().iter().filter_map(|o| o.key()).map(Into::into).collect()),
        refused => Err(refusal(refused)),
    }
}

/// Everything a temporary key of either role must be refused, on names of its own stream.
async fn assert_nothing_but_reading_and_storing(server: &Server, s3: &Client) {
    let own = "segments/desk/1";
    server.put(own, b"own").await;
    assert_eq!(refusal(s3.delete_object().bucket(BUCKET).key(own).send().await), denied());
    let object = ObjectIdentifier::builder().key(own).build().unwrap();
    let delete = Delete::builder().objects(object).build().unwrap();
    assert_eq!(refusal(s3.delete_objects().bucket(BUCKET).delete(delete).send().await), denied());
    let copy =
        s3.copy_object().bucket(BUCKET).key("segments/desk/2").copy_source("deskreel/secret");
    assert_eq!(refusal(copy.send().await), denied());
    assert_eq!(refusal(s3.list_buckets().send().await), denied());
    assert_eq!(refusal(s3.head_bucket().bucket(BUCKET).send().await).0, 403);
    assert_eq!(refusal(s3.create_bucket().bucket("mine").send().await), denied());
    assert_eq!(refusal(s3.get_bucket_location().bucket(BUCKET).send().await), denied());
    assert_eq!(refusal(s3.get_bucket_cors().bucket(BUCKET).send().await), denied());
    let rule = CorsRule::builder().allowed_methods("PUT").allowed_origins("*").build().unwrap();
    let rules = CorsConfiguration::builder().cors_rules(rule).build().unwrap();
    let put_cors = s3.put_bucket_cors().bucket(BUCKET).cors_configuration(rules);
    assert_eq!(refusal(put_cors.send().await), denied());
    let lifecycle = s3.get_bucket_lifecycle_configuration().bucket(BUCKET);
    assert_eq!(refusal(lifecycle.send().await), denied());
    assert_eq!(
        refusal(s3.list_objects().bucket(BUCKET).prefix("segments/desk/").send().await),
        denied()
    );
    assert_eq!(
        refusal(s3.create_multipart_upload().bucket(BUCKET).key(own).send().await),
        denied()
    );
    for prefix in ["", "segments/", "segments/desk", "segments/other/", "index/other/"] {
        assert_eq!(list(s3, prefix).await, Err(denied()), "{prefix}");
    }
    for key in ["secret", "segments/other/1", "segments/desk2/1", "index/other/1"] {
        server.put(key, b"secret").await;
        assert_eq!(
            refusal(s3.get_object().bucket(BUCKET).key(key).send().await),
            denied(),
            "{key}"
        );
        assert_eq!(refusal(s3.head_object().bucket(BUCKET).key(key).send().await).0, 403, "{key}");
        let put = s3.put_object().bucket(BUCKET).key(key).send().await;
        assert_eq!(refusal(put), denied(), "{key}");
    }
    server.root().create_bucket().bucket("elsewhere").send().await.unwrap();
    let elsewhere = s3.list_objects_v2().bucket("elsewhere").prefix("segments/desk/");
    assert_eq!(refusal(elsewhere.send().await), denied());
    assert_eq!(refusal(s3.get_object().bucket("elsewhere").key(own).send().await), denied());
    assert_eq!(server.get(own).await.unwrap(), b"own");
}

#[tokio::test]
async fn a_view_key_reads_its_stream_and_the_commons_and_nothing_else() {
    let server = Server::start().await;
    let view = server.granted("desk", "view").await;
    for key in ["segments/desk/0", "index/desk/2026-01-01/00", "commons/packs/x"] {
        server.put(key, key.as_bytes()).await;
        assert_eq!(get(&view, key).await.unwrap(), key.as_bytes());
        view.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        let put = view.put_object().bucket(BUCKET).key(format!("{key}new")).send().await;
        assert_eq!(refusal(put), denied());
    }
    assert_eq!(list(&view, "segments/desk/").await.unwrap(), ["segments/desk/0"]);
    assert_eq!(list(&view, "index/desk/2026").await.unwrap(), ["index/desk/2026-01-01/00"]);
    assert_eq!(list(&view, "commons/packs/").await.unwrap(), ["commons/packs/x"]);
    for key in ["commons/index", "commons/candidates/desk/x"] {
        server.put(key, b"x").await;
        assert_eq!(refusal(view.get_object().bucket(BUCKET).key(key).send().await), denied());
    }
    assert_eq!(list(&view, "commons/").await, Err(denied()));
    assert_nothing_but_reading_and_storing(&server, &view).await;
}

#[tokio::test]
async fn an_upload_key_creates_in_its_stream_and_replaces_only_indexes() {
    let server = Server::start().await;
    let upload = server.granted("desk", "upload").await;
    let put = |key: &str, data: &'static [u8]| {
        upload.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(data))
    };
    let index = "index/desk/2026-01-01/00";
    put(index, b"first").send().await.unwrap();
    put(index, b"second").send().await.unwrap();
    assert_eq!(get(&upload, index).await.unwrap(), b"second");
    for key in ["segments/desk/0", "storyboards/desk/0"] {
        put(key, b"first").send().await.unwrap();
        let again = put(key, b"second").send().await;
        assert_eq!(refusal(again), (412, "PreconditionFailed".into()));
        let again = put(key, b"second").if_none_match("*").send().await;
        assert_eq!(refusal(again), (412, "PreconditionFailed".into()));
        let etag = "\"8b04d5e3775d298e78455efc5ca404d5\"";
        let again = put(key, b"second").if_match(etag).send().await;
        assert_eq!(refusal(again), denied());
        assert_eq!(get(&upload, key).await.unwrap(), b"first");
    }
    assert_eq!(list(&upload, "segments/desk/").await.unwrap(), ["segments/desk/0"]);
    // It tells of what it has to share, once, and hears of what is shared.
    let list_key = "commons/candidates/desk/0";
    put(list_key, b"first").send().await.unwrap();
    let again = put(list_key, b"second").send().await;
    assert_eq!(refusal(again), (412, "PreconditionFailed".into()));
    server.put("commons/index", b"index").await;
    assert_eq!(get(&upload, "commons/index").await.unwrap(), b"index");
    for key in ["commons/index", "commons/packs/x", "commons/candidates/lab/0"] {
        assert_eq!(refusal(put(key, b"").send().await), denied(), "{key}");
    }
    for prefix in ["commons/", "commons/packs/", "commons/candidates/desk/"] {
        assert_eq!(list(&upload, prefix).await, Err(denied()), "{prefix}");
    }
    assert_nothing_but_reading_and_storing(&server, &upload).await;
}

#[tokio::test]
async fn keys_that_expired_or_were_changed_open_nothing() {
    let (server, clock) = Server::start_with_clock().await;
    server.put("segments/desk/1", b"x").await;
    let grant = server.grant("desk", "view").await;
    let (id, secret) =
        (grant["access_key_id"].as_str().unwrap(), grant["secret_access_key"].as_str().unwrap());
    let endpoint = server.running.endpoint();
    let read = async |id: &str, secret: &str| {
        client(&endpoint, id, secret)
            .get_object()
            .bucket(BUCKET)
            .key("segments/desk/1")
            .send()
            .await
    };
    read(id, secret).await.unwrap();

    let wrong_secret = refusal(read(id, "wrong").await);
    assert_eq!(wrong_secret, (403, "SignatureDoesNotMatch".into()));
    let last = if id.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &id[..id.len() - 1]);
    assert_eq!(refusal(read(&changed, secret).await), (403, "InvalidAccessKeyId".into()));
    assert_eq!(refusal(read("AKIANOBODY", secret).await), (403, "InvalidAccessKeyId".into()));

    clock.advance(12 * 60 * 60 * 1000 - 1);
    read(id, secret).await.unwrap();
    clock.advance(1);
    assert_eq!(refusal(read(id, secret).await), (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn nobody_gets_anything_without_a_signature() {
    let server = Server::start().await;
    server.put("segments/desk/1", b"x").await;
    for path in ["/deskreel/segments/desk/1", "/deskreel", "/deskreel?list-type=2", "/nothing/x"] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let answer =
                server.http.request(method.clone(), server.url(path)).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {path}");
        }
    }
    let url = server.presigned_get("segments/desk/1").await;
    assert_eq!(server.http.get(&url).send().await.unwrap().status(), 200);
    let other = url.replace("desk/1", "desk/2");
    assert_eq!(server.http.get(&other).send().await.unwrap().status(), 403);
}
