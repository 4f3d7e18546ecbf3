//! Objects: stored whole or not at all, and given back as they were stored.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, Delete, MetadataDirective, ObjectIdentifier,
};
use tokio::io::AsyncWriteExt;

use crate::support::{BUCKET, Server, an_hour, get, refusal};

#[tokio::test]
async fn an_object_comes_back_with_all_that_was_said_of_it() {
    let server = Server::start().await;
    let s3 = server.root();
    let stored = s3
        .put_object()
        .bucket(BUCKET)
        .key("segments/desk/1")
        .content_type("application/x-deskreel")
        .cache_control("private, max-age=60")
        .metadata("writer", "abc")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(stored.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));

    let got = s3
        .get_object()
        .bucket(BUCKET)
        .key("segments/desk/1")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("application/x-deskreel"));
    assert_eq!(got.cache_control(), Some("private, max-age=60"));
    assert_eq!(got.metadata().unwrap()["writer"], "abc");
    assert_eq!(got.e_tag(), stored.e_tag());
    assert_eq!(got.content_length(), Some(5));
    assert_eq!(got.checksum_crc32(), stored.checksum_crc32());
    assert!(got.checksum_crc32().is_some());
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");

    let head = s3.head_object().bucket(BUCKET).key("segments/desk/1").send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.e_tag(), stored.e_tag());
    assert_eq!(head.cache_control(), Some("private, max-age=60"));
    assert_eq!(refusal(s3.head_object().bucket(BUCKET).key("nothing").send().await).0, 404);
    assert_eq!(server.get("nothing").await, None);
}

#[tokio::test]
async fn a_range_is_the_same_bytes_of_the_object() {
    let server = Server::start().await;
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    server.put("big", &data).await;
    assert!(server.get("big").await.unwrap() == data);
    let s3 = server.root();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1500000", 5, 1_500_001),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-7", 2_999_993, 3_000_000),
        ("bytes=10-99999999", 10, 3_000_000),
    ] {
        let got = s3.get_object().bucket(BUCKET).key("big").range(range).send().await.unwrap();
        let expected = format!("bytes {from}-{}/3000000", to - 1);
        assert_eq!(got.content_range(), Some(expected.as_str()));
        assert!(got.body.collect().await.unwrap().to_vec() == data[from..to], "{range}");
    }
    let beyond = s3.get_object().bucket(BUCKET).key("big").range("bytes=3000000-").send().await;
    assert_eq!(refusal(beyond), (416, "InvalidRange".into()));
}

#[tokio::test]
async fn a_browser_that_has_the_object_gets_304() {
    let server = Server::start().await;
    let put = server.root().put_object().bucket(BUCKET).key("k").cache_control("max-age=9");
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let url = server.presigned_get("k").await;
    let first = server.http.get(&url).send().await.unwrap();
    assert_eq!(first.status(), 200);
    let (etag, date) = (first.headers()["etag"].clone(), first.headers()["last-modified"].clone());

    for (name, value) in [("if-none-match", &etag), ("if-modified-since", &date)] {
        let again = server.http.get(&url).header(name, value).send().await.unwrap();
        assert_eq!(again.status(), 304, "{name}");
        assert_eq!(again.headers()["etag"], etag);
        assert_eq!(again.headers()["cache-control"], "max-age=9");
        assert!(again.bytes().await.unwrap().is_empty());
    }
    let other = server.http.get(&url).header("if-none-match", "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), 200);
    let wrong = server.http.get(&url).header("if-match", "\"other\"").send().await.unwrap();
    assert_eq!(wrong.status(), 412);
}

#[tokio::test]
async fn a_wrong_checksum_leaves_what_was_there() {
    let server = Server::start().await;
    let s3 = server.root();
    server.put("old", b"old").await;
    for key in ["new", "old"] {
        let put = || s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"new!"));
        let wrong_md5 = put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
        assert_eq!(refusal(wrong_md5), (400, "BadDigest".into()));
        let wrong_crc = put().checksum_crc32("AAAAAA==").send().await;
        assert_eq!(refusal(wrong_crc), (400, "BadDigest".into()));
        let wrong_sha = put().checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(refusal(wrong_sha.send().await), (400, "BadDigest".into()));
    }
    assert_eq!(server.get("new").await, None);
    assert_eq!(server.get("old").await.unwrap(), b"old");
    let right = s3.put_object().bucket(BUCKET).key("new").content_md5("XUFAKrxLKna5cZ2REBfFkg==");
    right.body(ByteStream::from_static(b"hello")).send().await.unwrap();
    assert_eq!(server.get("new").await.unwrap(), b"hello");
    assert_eq!(server.temporary_files(), 0);
}

#[tokio::test]
async fn a_streamed_body_with_its_checksum_behind_it_is_stored() {
    let server = Server::start().await;
    let file = server.data.path().join("source");
    // One chunk of the SDK: some of its versions announce too long a body for several, and then
    // every server waits for the rest.
    let data: Vec<u8> =
        (0..60_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&file, &data).unwrap();
    let s3 = server.root();
    for algorithm in
        [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256]
    {
        let body = ByteStream::from_path(&file).await.unwrap();
        s3.put_object()
            .bucket(BUCKET)
            .key(algorithm.as_str())
            .checksum_algorithm(algorithm.clone())
            .body(body)
            .send()
            .await
            .unwrap();
        assert!(server.get(algorithm.as_str()).await.unwrap() == data, "{algorithm}");
    }
}

#[tokio::test]
async fn an_upload_cut_off_leaves_no_trace() {
    let server = Server::start().await;
    let request = server.root().put_object().bucket(BUCKET).key("cut");
    let url = request.presigned(an_hour()).await.unwrap().uri().to_owned();
    let path = url.strip_prefix(&server.running.endpoint()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.running.addr).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 3000000\r\n\r\n",
        server.running.addr
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![1; 2_000_000]).await.unwrap();
    until(|| server.temporary_files() == 1).await;
    drop(stream);
    until(|| server.temporary_files() == 0).await;
    assert_eq!(server.get("cut").await, None);
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited 5 s in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_creators_at_once_exactly_one_wins() {
    let server = Server::start().await;
    for round in 0..8 {
        let key = format!("race/{round}");
        let gate = std::sync::Arc::new(tokio::sync::Barrier::new(32));
        let writers: Vec<_> = (0..32)
            .map(|writer| {
                let (s3, key, gate) = (server.root(), key.clone(), gate.clone());
                tokio::spawn(async move {
                    let body = format!("writer {writer}").into_bytes();
                    let put = s3.put_object().bucket(BUCKET).key(&key).if_none_match("*");
                    gate.wait().await;
                    let outcome = put.body(body.clone().into()).send().await;
                    match outcome {
                        Ok(_) => Some(body),
                        lost => {
                            assert_eq!(refusal(lost), (412, "PreconditionFailed".into()));
                            None
                        }
                    }
                })
            })
            .collect();
        let mut winners = Vec::new();
        for writer in writers {
            winners.extend(writer.await.unwrap());
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(server.get(&key).await.unwrap(), winners[0]);
    }
    assert_eq!(server.temporary_files(), 0);
}

#[tokio::test]
async fn a_put_with_an_etag_replaces_only_that_object() {
    let server = Server::start().await;
    server.put("k", b"one").await;
    let s3 = server.root();
    let head = s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let etag = head.e_tag().unwrap();
    let put = |data: &'static [u8]| {
        let put = s3.put_object().bucket(BUCKET).key("k").if_match(etag);
        put.body(ByteStream::from_static(data)).send()
    };
    put(b"two").await.unwrap();
    assert_eq!(refusal(put(b"three").await), (412, "PreconditionFailed".into()));
    assert_eq!(server.get("k").await.unwrap(), b"two");
}

#[tokio::test]
async fn objects_are_deleted_one_by_one_and_many_at_once() {
    let server = Server::start().await;
    let s3 = server.root();
    for key in ["a", "a/b", "a/b/c", "d"] {
        server.put(key, key.as_bytes()).await;
    }
    s3.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(server.get("a").await, None);
    assert_eq!(server.get("a/b").await.unwrap(), b"a/b");

    let objects = ["a/b", "a/b/c", "never was"]
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(objects.to_vec())).build().unwrap();
    let outcome = s3.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(outcome.deleted().len(), 3);
    assert!(outcome.errors().is_empty());
    let left = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.contents().iter().filter_map(|o| o.key()).collect::<Vec<_>>(), ["d"]);
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let server = Server::start().await;
    let s3 = server.root();
    let put = s3.put_object().bucket(BUCKET).key("from here").content_type("a/b");
    put.body(ByteStream::from_static(b"data")).send().await.unwrap();
    let copy = || s3.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/from%20here"));
    copy().key("to").send().await.unwrap();
    copy()
        .key("retyped")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("c/d")
        .send()
        .await
        .unwrap();
    s3.delete_object().bucket(BUCKET).key("from here").send().await.unwrap();
    for (key, kind) in [("to", "a/b"), ("retyped", "c/d")] {
        let got = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(got.content_type(), Some(kind));
        assert_eq!(got.body.collect().await.unwrap().to_vec(), b"data");
    }
    assert_eq!(refusal(copy().key("x").send().await), (404, "NoSuchKey".into()));
}

#[tokio::test]
async fn any_key_names_its_own_object_inside_the_data_directory() {
    let server = Server::start().await;
    let s3 = server.root();
    let long = "k".repeat(1024);
    let keys = [
        "a",
        "a/",
        "a/b",
        "a//b",
        "A",
        "ä",
        "日本/☃",
        "a b+c%2F&=?#",
        "..",
        "../x",
        "a/../../b",
        "%",
        "~",
        "=",
        long.as_str(),
    ];
    for key in keys {
        s3.put_object()
            .bucket(BUCKET)
            .key(key)
            .body(key.as_bytes().to_vec().into())
            .send()
            .await
            .unwrap();
    }
    for key in keys {
        assert_eq!(get(&s3, key).await.unwrap(), key.as_bytes(), "{key}");
    }
    let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed.contents().iter().filter_map(|o| o.key()).collect::<Vec<_>>(), sorted);

    let too_long = s3.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(refusal(too_long), (400, "KeyTooLongError".into()));
    let mut outside: Vec<_> = std::fs::read_dir(server.data.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    outside.sort();
    assert_eq!(outside, ["buckets", "credentials.json", "lock", "tmp"]);
}

#[tokio::test]
async fn buckets_are_made_found_and_listed() {
    let server = Server::start().await;
    let s3 = server.root();
    s3.create_bucket().bucket("second").send().await.unwrap();
    let again = s3.create_bucket().bucket("second").send().await;
    assert_eq!(refusal(again), (409, "BucketAlreadyOwnedByYou".into()));
    s3.head_bucket().bucket("second").send().await.unwrap();
    assert_eq!(refusal(s3.head_bucket().bucket("third").send().await).0, 404);
    s3.get_bucket_location().bucket("second").send().await.unwrap();
    let buckets = s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, [BUCKET, "second"]);

    let put = |bucket: &str| s3.put_object().bucket(bucket).key("k").send();
    put("second").await.unwrap();
    assert_eq!(server.get("k").await, None);
    assert_eq!(refusal(put("third").await), (404, "NoSuchBucket".into()));
    let list = s3.list_objects_v2().bucket("third").send().await;
    assert_eq!(refusal(list), (404, "NoSuchBucket".into()));
}
