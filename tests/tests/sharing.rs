//! Tiles shared between desktops: on MinIO with the real programs and a real screen, and what it saves
//! in a fleet.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::key::COMMONS_INDEX;
use deskreel_format::sharing::CommonsIndex;
use deskreel_format::{DomainKey, Picture, SegmentId, StreamName, TileSize};
use deskreel_server::clock::{Clock, SystemClock};
use deskreel_store::{ObjectStore, Put, S3Store};
use deskreel_tests::desktop::{self, Desktop};
use deskreel_tests::fleet::{Fleet, live, table};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{Product, not_run, program};
use serde_json::Value;

const SECRET: &str = "what only our desktops know";
const MINUTE_MS: u64 = 60_000;

fn now_ms() -> u64 {
    SystemClock.now_ms().unsigned_abs()
}

/// A bucket on MinIO, and programs that have the operator's key.
struct Place {
    product: Product,
    store: Arc<S3Store>,
    env: Vec<(&'static str, String)>,
    _minio: Minio,
}

impl Place {
    async fn begin() -> Result<Self> {
        let minio = tokio::task::spawn_blocking(Minio::start).await??;
        let store = Arc::new(minio.store("screens", "").await?);
        let env = vec![
            ("DESKREEL_STORE", "s3://screens".to_owned()),
            ("DESKREEL_ENDPOINT", minio.endpoint()),
            ("AWS_ACCESS_KEY_ID", minio.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", minio.secret_access_key().to_owned()),
        ];
        Ok(Self { product: Product::start()?, store, env, _minio: minio })
    }

    fn said(mut command: Command, env: &[(&'static str, String)]) -> Result<(String, String)> {
        let output = command.envs(env.iter().map(|(k, v)| (k, v))).output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{command:?}: {errors}");
        Ok((String::from_utf8(output.stdout)?, errors))
    }

    /// What `deskreel` says on stdout and on stderr.
    fn deskreel(&self, arguments: &[&str]) -> Result<(String, String)> {
        Self::said(self.product.deskreel(arguments)?, &self.env)
    }

    /// The report of `deskreel-server share` with this secret.
    fn share(&self, secret: &str, more: &[&str]) -> Result<Value> {
        let file = self.product.folder().join("domain.key");
        std::fs::write(&file, format!("{secret}\n"))?;
        let mut command = Command::new(program("deskreel-server")?);
        command.arg("share").arg("--domain-key-file").arg(file).args(more);
        Ok(serde_json::from_str(&Self::said(command, &self.env)?.0)?)
    }

    /// Records the screen of `display` once; the bytes of its segments.
    fn record(&self, stream: &str, display: &str, more: &[&str]) -> Result<(u64, String)> {
        let arguments = ["record", "--stream", stream, "--display", display, "--count", "1"];
        let (_, errors) = self.deskreel(&[&arguments[..], more].concat())?;
        let stats = self.deskreel(&["stats", "--stream", stream, "--json"])?.0;
        let stats: Value = serde_json::from_str(&stats)?;
        let part = |name: &str| stats[name].as_u64().with_context(|| stats.to_string());
        Ok((part("bytes")? - part("index_bytes")? - part("storyboard_bytes")?, errors))
    }

    fn frame(&self, stream: &str) -> Result<Picture> {
        let list = self.deskreel(&["frame", "--stream", stream, "--list", "--json"])?.0;
        let newest = serde_json::from_str::<Value>(&list)?;
        let newest = newest.as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
        let time = newest.as_u64().or_else(|| newest["time_ms"].as_u64());
        let time = time.with_context(|| list.clone())?.to_string();
        let file = self.product.folder().join(format!("{stream}.png"));
        let path = file.to_string_lossy().into_owned();
        self.deskreel(&["frame", "--stream", stream, "--at", &time, "-o", &path])?;
        let read = deskreel_tests::product::read_picture(&file)?;
        Ok(Picture::new(read.width(), read.height(), read.into_raw())?)
    }

    /// An agent that showed `picture` for half an hour, as its core records it.
    async fn showed(&self, stream: &str, picture: &Picture) -> Result<()> {
        let stream = StreamName::parse(stream)?;
        let domain = DomainKey::derive(SECRET);
        let settings = Settings {
            tile: TileSize::new(16)?,
            codec: Codec::DEFAULT,
            interval_ms: 10_000,
            domain: domain.clone(),
            budget: SeekBudget::default(),
            pack_pixels: 524_288,
        };
        let mut recorder = Recorder::new(settings, 5, KnownTiles::new(LEASE_MS));
        recorder.share();
        let start = now_ms() - 40 * MINUTE_MS;
        for minute in (0..30).step_by(10) {
            let now_ms = start + minute * MINUTE_MS;
            let picture = picture.clone();
            let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
            recorder.shoot(now_ms, vec![surface], false)?;
            let sealed = recorder.seal()?.context("a segment")?;
            let key = stream.segment_key(sealed.id);
            self.store.put(&key, sealed.bytes.into(), Put::ONCE).await?;
        }
        let first_ms = start + 29 * MINUTE_MS;
        let (list, writer) = recorder.take_candidates(first_ms).context("a list")?;
        let key = stream.candidates_key(SegmentId { first_ms, writer });
        self.store.put(&key, list.encode(&domain)?.into(), Put::ONCE).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_shows_from_the_commons_what_others_showed_before() -> Result<()> {
    if let Err(error) = Minio::program() {
        not_run("minio", &format!("sharing: {error}"));
        return Ok(());
    }
    if !desktop::missing().is_empty() {
        not_run("screen", &format!("sharing: {:?}", desktop::missing()));
        return Ok(());
    }
    let screen = tokio::task::spawn_blocking(|| Desktop::start(1280, 720)).await??;
    let display = screen.display().to_owned();
    let place = Place::begin().await?;
    let (alone, _) = place.record("dan", &display, &[])?;
    let picture = place.frame("dan")?;

    place.showed("ann", &picture).await?;
    let report = place.share(SECRET, &[])?;
    assert_eq!(
        (&report["streams"], &report["tiles"], &report["bytes"]),
        (&1.into(), &0.into(), &0.into())
    );
    place.showed("bob", &picture).await?;
    let planned = place.share(SECRET, &["--dry-run"])?;
    assert!(planned["tiles"].as_u64() > Some(100), "{planned}");
    assert!(place.store.get(COMMONS_INDEX, None).await.is_err(), "nothing was written");
    let done = place.share(SECRET, &[])?;
    assert_eq!((&done["tiles"], &done["skipped"]), (&planned["tiles"], &0.into()));
    // A second round finds nothing new, and leaves the index alone.
    let etag = place.store.head(COMMONS_INDEX).await?.etag;
    assert_eq!(place.share(SECRET, &[])?["bytes"], 0);
    assert_eq!(place.store.head(COMMONS_INDEX).await?.etag, etag);

    let with_key = ["--share", "--domain-key", SECRET];
    let (shared, _) = place.record("cal", &display, &with_key)?;
    println!(
        "a desktop's first screenshot: {alone} bytes alone, {shared} bytes of its own with the commons"
    );
    assert!(shared < alone / 2, "{shared} of {alone} bytes");
    place.frame("cal")?;
    place.deskreel(&["verify", "--stream", "cal", "--deep"])?;

    // Other secrets open nothing, and keep nobody from recording.
    let (foreign, errors) =
        place.record("eve", &display, &["--share", "--domain-key", "another"])?;
    assert!(foreign > alone / 2 && errors.contains("domain key"), "{foreign}: {errors}");

    // What ann forgets is told of nowhere; what others show as well stays.
    let lists = StreamName::parse("ann")?.candidates_prefix();
    assert_eq!(place.store.list_all(&lists).await?.len(), 1);
    let all = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
    let forget = ["admin", "forget", "--stream", "ann", "--agent-stopped"];
    place.deskreel(&[&forget[..], &all].concat())?;
    assert_eq!(place.store.list_all(&lists).await?.len(), 0);
    place.deskreel(&["verify", "--stream", "cal", "--deep"])?;

    // What was changed on the way is not believed.
    let mut bytes = place.store.get(COMMONS_INDEX, None).await?.bytes.to_vec();
    CommonsIndex::decode(&bytes, &DomainKey::derive(SECRET))?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let put = Put { mode: deskreel_store::PutMode::Overwrite, ..Put::ONCE };
    place.store.put(COMMONS_INDEX, bytes.into(), put).await?;
    let (_, errors) = place.record("fay", &display, &with_key)?;
    assert!(errors.contains("sealed"), "{errors}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_desktops_that_are_built_alike_store_less_together() -> Result<()> {
    let fleet = Fleet {
        desktops: 10,
        days: 2,
        work_ms: 140 * MINUTE_MS,
        interval_ms: 700_000,
        share: false,
    };
    let alone = live(fleet, |_| ()).await?;
    let shared = live(Fleet { share: true, ..fleet }, |_| ()).await?;
    println!("{}", table(&alone, &shared));
    assert_eq!((alone.from_commons, alone.moments), (0, shared.moments));
    assert!(shared.exact > 10 && shared.from_commons > 1_000, "{shared:?}");
    // The first day begins with nothing to share.
    let [_, alone] = alone.days[..] else { anyhow::bail!("two days") };
    let [_, shared] = shared.days[..] else { anyhow::bail!("two days") };
    assert!(shared.total() < alone.total(), "{shared:?}, {alone:?}");
    Ok(())
}
