//! Deskreel on a real S3 server, MinIO: the store's promises, the main job, the browser, expiry.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_store::{LifecycleRule, ObjectStore, Put, PutMode, conformance};
use deskreel_tests::agent::{Agent, INTERVAL, START, read_all};
use deskreel_tests::browser::{self, Browser};
use deskreel_tests::desktop::{self, Desktop};
use deskreel_tests::endpoint;
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{not_run, pictures, player_files, sample_recording};
use deskreel_tests::static_site::StaticSite;
use rand::SeedableRng;
use rand::seq::SliceRandom;

/// MinIO where it can be had; else notes why the test that asked did not run.
fn minio() -> Result<Option<Minio>> {
    if let Err(error) = Minio::program() {
        not_run("minio", &error.to_string());
        return Ok(None);
    }
    Minio::start().map(Some)
}

/// The flags that lead to a prefix of a bucket with MinIO's root key.
fn place(minio: &Minio, store: &str) -> StoreOptions {
    StoreOptions {
        store: Some(store.to_owned()),
        endpoint: Some(minio.endpoint()),
        access_key_id: Some(minio.access_key_id().to_owned()),
        secret_access_key: Some(minio.secret_access_key().into()),
        ..StoreOptions::default()
    }
}

fn sample() -> Result<Vec<image::RgbImage>> {
    read_all(&pictures(&sample_recording())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_all_its_promises_on_minio() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let store = minio.store("screens", "some/prefix").await?;
    assert!(!store.ensure_bucket().await?, "the bucket was made twice");
    conformance::check(&store, "conformance").await;
    let at_root = minio.store("screens", "").await?;
    conformance::check(&at_root, "conformance").await;
    Ok(())
}

/// What `cargo run -p deskreel-tests --bin endpoint` does with any other endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_the_environment_names_is_checked_alike() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let findings = endpoint::check(&place(&minio, "s3://other/below/this")).await?;
    let needed = findings.iter().filter(|finding| finding.needed);
    assert!(needed.clone().count() >= 3 && needed.clone().all(|f| f.honoured == Some(true)));
    assert!(minio.store("other", "below/this").await?.list_all("").await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_recording_comes_back_bit_for_bit_from_minio() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let bucket = minio.store("screens", "team/a").await?;
    let agent = Agent::new(place(&minio, "s3://screens/team/a"), "desk")?;
    let recording = sample_recording();
    let arguments = ["import", recording.to_str().context("UTF-8")?, "--start", "1763900000000"];
    let said = agent.run_ok(&arguments)?;
    assert!(said.starts_with("12 screenshots"), "{said}");
    let expected = sample()?;
    for (number, picture) in (0..).zip(&expected) {
        let (output, found) = agent.frame(START + number * INTERVAL)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "screenshot {number}: {said}");
        assert!(found.as_ref() == Some(picture), "screenshot {number} differs");
    }
    agent.prove(&expected).await?;
    let stats: serde_json::Value = serde_json::from_str(&agent.run_ok(&["stats", "--json"])?)?;
    let mut stored = 0;
    for prefix in ["segments/", "index/", "storyboards/"] {
        stored += bucket.list_all(prefix).await?.iter().map(|object| object.size).sum::<u64>();
    }
    assert_eq!(stats["screenshots"], 12);
    assert_eq!(stats["bytes"], stored, "the figures are not those of the bucket");
    let again = agent.run_ok(&arguments)?;
    assert!(again.starts_with("0 screenshots") && again.contains("12 were already"), "{again}");
    // Another prefix of the same bucket has nothing of it.
    let other = Agent::new(place(&minio, "s3://screens/team/b"), "desk")?;
    assert_eq!(other.run_ok(&["frame", "--list"])?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_and_run_again_is_complete_on_minio() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    minio.store("screens", "").await?;
    let expected = sample()?;
    for pause_ms in [150, 300, 450, 600, 800] {
        let mut place = place(&minio, &format!("s3://screens/killed-{pause_ms}"));
        // This way round the keys come by AWS's own variables, as they do for most people.
        let keys = [
            ("AWS_ACCESS_KEY_ID", place.access_key_id.take().context("a key")?),
            (
                "AWS_SECRET_ACCESS_KEY",
                place.secret_access_key.take().context("a key")?.expose().to_owned(),
            ),
        ];
        let agent = Agent::new(place.clone(), "desk")?;
        let mut killed = agent.import(&sample_recording())?.envs(keys.clone()).spawn()?;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        killed.kill()?;
        killed.wait()?;
        let output = agent.import(&sample_recording())?.envs(keys).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "killed after {pause_ms} ms: {said}");
        let address = place.store.context("an address")?;
        let reader = Agent::new(self::place(&minio, &address), "desk")?;
        reader.prove(&expected).await.with_context(|| format!("killed after {pause_ms} ms"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_missing_buckets_are_said_plainly() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    minio.store("screens", "").await?;
    let mut wrong = place(&minio, "s3://screens/a");
    wrong.secret_access_key = Some("not-the-secret-of-this-key".into());
    for (place, hints) in [
        (wrong, ["credentials", "SignatureDoesNotMatch"]),
        (place(&minio, "s3://no-such-bucket/a"), ["no-such-bucket", "create it"]),
    ] {
        let secret = place.secret_access_key.clone().context("a secret")?;
        let output = Agent::new(place, "desk")?.import(&sample_recording())?.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(hints.iter().all(|hint| said.contains(hint)), "{hints:?}: {said}");
        assert!(!said.contains(secret.expose()), "the secret is shown");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_desktop_is_recorded_into_minio() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let missing = desktop::missing();
    if !missing.is_empty() {
        not_run("minio", &format!("recording live: the desktop lacks {missing:?}"));
        return Ok(());
    }
    minio.store("screens", "").await?;
    let agent = Agent::new(place(&minio, "s3://screens/live"), "desk")?;
    let mut desktop = tokio::task::spawn_blocking(|| Desktop::start(1024, 640)).await??;
    let display = desktop.display().to_owned();
    let mut recording = agent
        .command(&["record", "--interval", "1s", "--count", "6", "--display", &display])?
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let worked = tokio::task::spawn_blocking(move || {
        for step in 0..12 {
            desktop.act(step)?;
            std::thread::sleep(Duration::from_millis(450));
        }
        Ok::<_, anyhow::Error>(desktop)
    });
    let desktop = worked.await??;
    let status = tokio::task::spawn_blocking(move || recording.wait()).await??;
    assert!(status.success(), "{status}");
    let list: Vec<serde_json::Value> =
        serde_json::from_str(&agent.run_ok(&["frame", "--list", "--json"])?)?;
    let moments: Vec<u64> = list.iter().filter_map(|moment| moment["time_ms"].as_u64()).collect();
    assert_eq!(moments.len(), 6, "{moments:?}");
    let mut seen = Vec::new();
    for time_ms in moments {
        // What `frame` writes matches the digest of what was photographed.
        let (output, picture) = agent.frame(time_ms)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let picture = picture.with_context(|| format!("no picture of {time_ms}: {said}"))?;
        assert_eq!(picture.dimensions(), (1024, 640));
        let colours: std::collections::HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 100, "{} colours are no desktop", colours.len());
        seen.push(picture);
    }
    assert!(seen.windows(2).any(|two| two[0] != two[1]), "nothing happened on the desktop");
    drop(desktop);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canvas_shows_exactly_what_lies_in_minio_without_any_deskreel_server() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    if let Err(error) = browser::programs() {
        not_run("minio", &format!("the browser: {error}"));
        return Ok(());
    }
    if !player_files().join("index.html").is_file() {
        not_run("minio", "the browser: the player is not built; run `cargo xtask wasm`");
        return Ok(());
    }
    minio.store("screens", "").await?;
    let expected = sample()?;
    let browser = Browser::open(1440, 900, false).await?;
    for prefix in ["", "team/a/"] {
        let address = format!("s3://screens/{}", prefix.trim_end_matches('/'));
        let agent = Agent::new(place(&minio, &address), "desk")?;
        let imported = agent.import(&sample_recording())?.output()?;
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let site = StaticSite::with_grant(&minio, &minio.endpoint(), prefix).await?;
        browser.go(&format!("{}/?src=grant.json#stream=desk", site.origin())).await?;
        browser.ready().await.with_context(|| format!("below '{prefix}'"))?;
        let mut order: Vec<usize> = (0..expected.len()).collect();
        order.shuffle(&mut rand::rngs::StdRng::seed_from_u64(3));
        for index in order {
            let time_ms = START + index as u64 * INTERVAL;
            let seen = browser.seek(time_ms).await?;
            assert_eq!((seen.error, seen.shown_ms), (None, time_ms), "screenshot {index}");
            assert!(seen.exact, "screenshot {index} is not proven");
            assert_eq!(seen.sha256, browser::sha256(&expected[index]), "screenshot {index}");
        }
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lifecycle_rules_are_read_back_and_what_they_name_really_goes() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let store = minio.store("screens", "team/a").await?;
    let rules: Vec<LifecycleRule> = [("index/", 2), ("segments/", 3)]
        .map(|(prefix, days)| LifecycleRule { prefix: prefix.to_owned(), days })
        .into();
    store.put_lifecycle(&rules).await?;
    let mut seen = store.get_lifecycle().await?;
    seen.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    assert_eq!(seen, rules);
    // Rules of a neighbour in the same bucket stay apart.
    let neighbour = minio.store("screens", "team/b").await?;
    assert_eq!(neighbour.get_lifecycle().await?, []);
    neighbour.put_lifecycle(&rules[..1]).await?;
    assert_eq!(neighbour.get_lifecycle().await?, rules[..1]);
    assert_eq!(store.get_lifecycle().await?.len(), 2);
    neighbour.put_lifecycle(&[]).await?;
    store.put_lifecycle(&[]).await?;
    assert_eq!(store.get_lifecycle().await?, []);

    let put = Put {
        mode: PutMode::Create,
        content_type: "application/octet-stream",
        cache_control: None,
    };
    let keys = ["segments/desk/x", "index/desk/x"];
    for key in keys {
        store.put(key, vec![7; 1000].into(), put).await?;
        assert!(minio.has_on_disk("screens", &format!("team/a/{key}")), "{key}");
    }
    expire_since_a_past_date(&minio, "screens", "team/a/segments/").await?;
    let start = Instant::now();
    while minio.has_on_disk("screens", "team/a/segments/desk/x") {
        ensure!(start.elapsed() < Duration::from_secs(100), "nothing was expired in 100 s");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let left = store.list_all("").await?;
    assert_eq!(left.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), [keys[1]]);
    let gone = store.get(keys[0], None).await;
    assert!(matches!(&gone, Err(deskreel_store::StoreError::NotFound { .. })), "{gone:?}");
    Ok(())
}

/// Sets a rule that [`deskreel_store::S3Store`] has no use for: everything under a prefix has been
/// over since a midnight in the past.
async fn expire_since_a_past_date(minio: &Minio, bucket: &str, prefix: &str) -> Result<()> {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_s3::primitives::DateTime;
    use aws_sdk_s3::types::{
        BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule as Rule,
        LifecycleRuleFilter,
    };
    let (id, secret) = (minio.access_key_id(), minio.secret_access_key());
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(minio.endpoint())
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .build();
    let midnight = DateTime::from_secs(1_704_067_200);
    let rule = Rule::builder()
        .id("over")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .expiration(LifecycleExpiration::builder().date(midnight).build())
        .build()?;
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build()?;
    aws_sdk_s3::Client::from_conf(config)
        .put_bucket_lifecycle_configuration()
        .bucket(bucket)
        .lifecycle_configuration(rules)
        .send()
        .await?;
    Ok(())
}

#[test]
fn minio_ends_with_its_owner_and_leaves_nothing() -> Result<()> {
    let Some(minio) = minio()? else { return Ok(()) };
    let address = minio.address();
    assert!(std::net::TcpStream::connect(address).is_ok());
    let data = minio.folder().to_owned();
    assert!(data.is_dir());
    drop(minio);
    assert!(std::net::TcpStream::connect(address).is_err(), "it still listens");
    assert!(!Path::new(&data).exists(), "its data is still there");
    Ok(())
}
