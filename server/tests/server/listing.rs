//! Listings: sorted, paged and rolled up as S3 does it.

use futures_util::StreamExt;

use crate::support::{BUCKET, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_of_2500_keys_are_listed_once_and_in_order() {
    let server = Server::start().await;
    let s3 = server.root();
    let mut keys: Vec<String> = (0..2500)
        .map(|i| format!("segments/desk/2026-01-{:02}/{:02}/{i:06}.seg", 1 + i % 3, i % 24))
        .collect();
    futures_util::stream::iter(&keys)
        .for_each_concurrent(64, |key| {
            let put = s3.put_object().bucket(BUCKET).key(key).body(key.clone().into_bytes().into());
            async { drop(put.send().await.unwrap()) }
        })
        .await;
    keys.sort_unstable();

    for page_size in [1000, 777] {
        let (mut listed, mut pages) = (Vec::new(), 0);
        let mut paginator = s3
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix("segments/")
            .into_paginator()
            .page_size(page_size)
            .send();
        while let Some(page) = paginator.next().await {
            let page = page.unwrap();
            assert!(page.contents().len() <= page_size as usize);
            assert_eq!(page.key_count(), i32::try_from(page.contents().len()).ok());
            for object in page.contents() {
                assert_eq!(object.size(), Some(object.key().unwrap().len() as i64));
                assert!(object.e_tag().is_some() && object.last_modified().is_some());
                listed.push(object.key().unwrap().to_owned());
            }
            pages += 1;
        }
        assert_eq!(pages, 2500_usize.div_ceil(page_size as usize));
        assert!(listed == keys);
    }

    let after = s3.list_objects_v2().bucket(BUCKET).start_after(&keys[2490]).send().await.unwrap();
    let listed: Vec<_> = after.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(listed, keys[2491..]);
    assert_eq!(after.is_truncated(), Some(false));

    let days = s3
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("segments/desk/")
        .delimiter("/")
        .send()
        .await
        .unwrap();
    let days: Vec<_> = days.common_prefixes().iter().filter_map(|p| p.prefix()).collect();
    assert_eq!(
        days,
        ["segments/desk/2026-01-01/", "segments/desk/2026-01-02/", "segments/desk/2026-01-03/"]
    );
}

#[tokio::test]
async fn keys_and_common_prefixes_share_the_pages() {
    let server = Server::start().await;
    let s3 = server.root();
    for key in ["a", "b/1", "b/2", "b-", "c/1", "d"] {
        server.put(key, b"").await;
    }
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let page = s3
            .list_objects_v2()
            .bucket(BUCKET)
            .delimiter("/")
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        let mut here: Vec<String> =
            page.contents().iter().filter_map(|o| o.key()).map(Into::into).collect();
        here.extend(page.common_prefixes().iter().filter_map(|p| p.prefix()).map(Into::into));
        here.sort();
        items.extend(here);
        token = page.next_continuation_token().map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(items, ["a", "b-", "b/", "c/", "d"]);
}
