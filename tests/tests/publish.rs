//! `deskreel-server publish-player` into MinIO: the types and cache headers that a browser is given
//! then, through CloudFront or any other front.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{not_run, program};

const FILES: [(&str, &str); 7] = [
    ("index.html", "text/html; charset=utf-8"),
    ("page.js", "text/javascript; charset=utf-8"),
    ("player.css", "text/css; charset=utf-8"),
    ("player_bg.wasm", "application/wasm"),
    ("icon.svg", "image/svg+xml"),
    ("package.json", "application/json"),
    ("fonts/a.woff2", "font/woff2"),
];

fn publish(minio: &Minio, folder: &std::path::Path) -> Result<Output> {
    let mut command = Command::new(program("deskreel-server")?);
    command.args(["publish-player", "--store", "s3://screens/team", "--player"]).arg(folder);
    command.args(["--endpoint", &minio.endpoint()]);
    command.env("AWS_ACCESS_KEY_ID", minio.access_key_id());
    command.env("AWS_SECRET_ACCESS_KEY", minio.secret_access_key());
    Ok(command.output()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_is_published_with_types_and_headers_as_often_as_one_likes() -> Result<()> {
    if let Err(error) = Minio::program() {
        not_run("minio", &format!("publish-player: {error}"));
        return Ok(());
    }
    let minio = tokio::task::spawn_blocking(Minio::start).await??;
    minio.store("screens", "").await?;
    let folder = tempfile::tempdir()?;
    let refused = publish(&minio, folder.path())?;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("no index.html"), "{said}");

    std::fs::create_dir(folder.path().join("fonts"))?;
    for (name, _) in FILES {
        std::fs::write(folder.path().join(name), format!("this is {name}"))?;
    }
    // What the server itself sends compressed; a front compresses by itself.
    std::fs::write(folder.path().join("page.js.gz"), "compressed")?;
    std::fs::write(folder.path().join(".hidden"), "not for others")?;
    let client = Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(minio.endpoint())
            .force_path_style(true)
            .credentials_provider(Credentials::new(
                minio.access_key_id(),
                minio.secret_access_key(),
                None,
                None,
                "test",
            ))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    );
    let mut before = Vec::new();
    for round in 0..2 {
        let output = publish(&minio, folder.path())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        // The page is the last, so that it never names what is not there.
        assert!(said.trim_end().lines().last().is_some_and(|line| line.contains("index.html")));
        let listed = client.list_objects_v2().bucket("screens").send().await?;
        let mut found = Vec::new();
        for object in listed.contents() {
            let key = object.key().context("a key")?.to_owned();
            let head = client.head_object().bucket("screens").key(&key).send().await?;
            let (kind, cache) = (head.content_type(), head.cache_control());
            let name = key.strip_prefix("team/player/").context("below the prefix")?.to_owned();
            let right = FILES.iter().find(|(file, _)| *file == name).context(name.clone())?;
            assert_eq!((kind, cache), (Some(right.1), Some("no-cache")), "{name}");
            found.push((name, head.e_tag().map(str::to_owned)));
        }
        assert_eq!(found.len(), FILES.len(), "{found:?}");
        if round == 1 {
            assert_eq!(found, before);
        }
        before = found;
    }
    // A build that is new replaces what was there.
    std::fs::write(folder.path().join("page.js"), "another build")?;
    ensure!(publish(&minio, folder.path())?.status.success());
    let page = client.get_object().bucket("screens").key("team/player/page.js").send().await?;
    assert_eq!(page.body.collect().await?.to_vec(), b"another build");
    Ok(())
}
