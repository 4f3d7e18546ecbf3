//! Hours whose agent died get the index that it would have written, from the server: the same bytes,
//! and never at the cost of what a living agent writes meanwhile.

use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{Index, Limits, StreamName};
use deskreel_server::clock::{Clock, SystemClock};
use deskreel_store::{
    ListPage, MemoryStore, Object, ObjectMeta, ObjectStore, Put, PutMode, S3Store, StoreError,
};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{Product, not_run, program, sample_recording};
use deskreel_upkeep::abandoned;
use deskreel_upkeep::plan::rollup::Watch;
use deskreel_upkeep::rollup::{Heads, roll};
use deskreel_upkeep::survey::StreamObjects;
use serde_json::{Value, json};

const PUT: Put<'static> =
    Put { mode: PutMode::Overwrite, content_type: "application/octet-stream", cache_control: None };

/// A bucket with four hours of a desktop whose agent is gone.
struct Place {
    store: Arc<S3Store>,
    env: Vec<(&'static str, String)>,
    _minio: Option<Minio>,
    _product: Product,
}

fn now_ms() -> u64 {
    SystemClock.now_ms().unsigned_abs()
}

/// Imports 12 screenshots, a quarter of an hour apart, into `env`'s store.
fn record(product: &Product, env: &[(&'static str, String)]) -> Result<()> {
    let start = (hour_start(now_ms()) - 5 * HOUR_MS + 20 * 60_000).to_string();
    let recording = sample_recording();
    let args = ["--stream", "desk", "--interval", "15m", "--start", &start];
    let mut import = product.deskreel(&["import", &recording.to_string_lossy()])?;
    let output = import.args(args).envs(env.iter().map(|(k, v)| (k, v))).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn on_minio() -> Result<Option<Place>> {
    if let Err(error) = Minio::program() {
        not_run("minio", &format!("rollup: {error}"));
        return Ok(None);
    }
    let minio = tokio::task::spawn_blocking(Minio::start).await??;
    let store = Arc::new(minio.store("screens", "").await?);
    let env = vec![
        ("DESKREEL_STORE", "s3://screens".to_owned()),
        ("DESKREEL_ENDPOINT", minio.endpoint()),
        ("AWS_ACCESS_KEY_ID", minio.access_key_id().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", minio.secret_access_key().to_owned()),
    ];
    let product = Product::start()?;
    record(&product, &env)?;
    Ok(Some(Place { store, env, _minio: Some(minio), _product: product }))
}

async fn embedded() -> Result<Place> {
    let product = Product::start()?;
    let mut asked = Command::new(program("deskreel-server")?);
    let said = asked.args(["credentials", "--json", "--data"]).arg(product.data()).output()?;
    let root: Value = serde_json::from_slice(&said.stdout)?;
    let text = |name: &str| root[name].as_str().unwrap_or_default().to_owned();
    let mut config = deskreel_store::S3Config::new("deskreel", "");
    config.endpoint = Some(product.origin().to_owned());
    config.credentials = deskreel_store::Credentials::Static {
        access_key_id: text("access_key_id"),
        secret_access_key: text("secret_access_key"),
        session_token: None,
    };
    let store = Arc::new(S3Store::connect(&config).await?);
    record(&product, &[])?;
    let env = vec![
        ("DESKREEL_STORE", "s3://deskreel".to_owned()),
        ("DESKREEL_ENDPOINT", product.origin().to_owned()),
        ("AWS_ACCESS_KEY_ID", text("access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", text("secret_access_key")),
    ];
    Ok(Place { store, env, _minio: None, _product: product })
}

impl Place {
    /// The report of `deskreel-server rollup`.
    fn rollup(&self, more: &[&str]) -> Result<Value> {
        let mut command = Command::new(program("deskreel-server")?);
        command.arg("rollup").args(more).envs(self.env.iter().map(|(k, v)| (k, v)));
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

async fn objects(store: &dyn ObjectStore, prefix: &str) -> Result<Vec<(String, Bytes)>> {
    let mut found = Vec::new();
    for meta in store.list_all(prefix).await? {
        let bytes = store.get(&meta.key, None).await?.bytes;
        found.push((meta.key, bytes));
    }
    Ok(found)
}

fn keys(of: &[(String, Bytes)]) -> Vec<String> {
    of.iter().map(|(key, _)| key.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_writes_the_bytes_that_the_agent_would_have_written() -> Result<()> {
    for place in on_minio().await?.into_iter().chain([embedded().await?]) {
        let store = place.store.as_ref();
        let agents = objects(store, "index/desk/").await?;
        assert_eq!(agents.len(), 4, "the agent's own: {:?}", keys(&agents));
        store.delete(&keys(&agents)).await?;

        // What came just now may have an agent that is alive.
        assert_eq!(place.rollup(&[])?["indexes"], 0);
        let planned = place.rollup(&["--grace", "0", "--dry-run"])?;
        assert_eq!((&planned["dry_run"], &planned["indexes"]), (&json!(true), &json!(4)));
        assert_eq!(objects(store, "index/desk/").await?, []);

        let done = place.rollup(&["--grace", "0"])?;
        let told = (&done["streams"], &done["indexes"], &done["read"], &done["without"]);
        assert_eq!(told, (&json!(1), &json!(4), &json!(12), &json!(0)), "{done}");
        assert_eq!(objects(store, "index/desk/").await?, agents);

        // The last hour alone, as when an agent dies in it.
        store.delete(&keys(&agents[3..])).await?;
        assert_eq!(place.rollup(&["--grace", "0", "--stream", "desk"])?["indexes"], 1);
        assert_eq!(objects(store, "index/desk/").await?, agents);

        // A segment that arrived and was never told of: its hour, and the summaries after it.
        let segments = objects(store, "segments/desk/").await?;
        let (key, bytes) = segments[4].clone();
        store.delete(&keys(&agents)).await?;
        store.delete(std::slice::from_ref(&key)).await?;
        place.rollup(&["--grace", "0"])?;
        assert_ne!(objects(store, "index/desk/").await?, agents);
        store.put(&key, bytes, PUT).await?;
        assert!(place.rollup(&["--grace", "0"])?["indexes"].as_u64() >= Some(3));
        assert_eq!(objects(store, "index/desk/").await?, agents);
    }
    Ok(())
}

/// A store in which an agent comes back at the worst moment: when somebody else has listed an hour,
/// and reads its first segment.
#[derive(Debug)]
struct Racing {
    store: MemoryStore,
    late: (String, Bytes),
    stream: StreamName,
    /// Whether `If-None-Match` is kept, or ignored as some stores do.
    conditions: bool,
    came: AtomicBool,
}

#[async_trait::async_trait]
impl ObjectStore for Racing {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        let mode = if self.conditions { put.mode } else { PutMode::Overwrite };
        self.store.put(key, bytes, Put { mode, ..put }).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        if key.starts_with("segments/") && !self.came.swap(true, Ordering::SeqCst) {
            self.store.put(&self.late.0, self.late.1.clone(), PUT).await?;
            let copy = MemoryStore::new();
            for meta in self.store.list_all("").await? {
                let bytes = self.store.get(&meta.key, None).await?.bytes;
                copy.put(&meta.key, bytes, PUT).await?;
            }
            // The agent's own roll, and what it wrote.
            let copy: Arc<dyn ObjectStore> = Arc::new(copy);
            let agent = StreamObjects::new(copy.clone(), self.stream.clone());
            let listing = agent.list().await?;
            let hours = listing.segments.iter().map(|entry| hour_start(entry.id.first_ms));
            roll(&agent, &hours.collect(), &Heads::new(), now_ms(), |_, _| ()).await?;
            for meta in copy.list_all("index/").await? {
                self.store.put(&meta.key, copy.get(&meta.key, None).await?.bytes, PUT).await?;
            }
        }
        self.store.get(key, range).await
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        self.store.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.store.list(prefix, start_after, limit).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.store.delete(keys).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_comes_back_meanwhile_loses_nothing() -> Result<()> {
    let place = embedded().await?;
    let segments = objects(place.store.as_ref(), "segments/desk/").await?;
    let agents = objects(place.store.as_ref(), "index/desk/").await?;
    for late in [0, 3, 7, 11] {
        for conditions in [true, false] {
            let stream = StreamName::parse("desk")?;
            let racing = Arc::new(Racing {
                store: MemoryStore::new(),
                late: segments[late].clone(),
                stream: stream.clone(),
                conditions,
                came: AtomicBool::new(false),
            });
            for (number, (key, bytes)) in segments.iter().enumerate() {
                if number != late {
                    racing.store.put(key, bytes.clone(), PUT).await?;
                }
            }
            let now_ms = now_ms();
            let watch = Watch { now_ms, from_ms: now_ms - abandoned::WINDOW_MS, grace_ms: 0 };
            let objects_of = StreamObjects::new(racing.clone(), stream);
            abandoned::roll(&objects_of, watch).await?;
            assert!(racing.came.load(Ordering::SeqCst));
            let found = objects(&racing.store, "index/desk/").await?;
            assert_eq!(keys(&found), keys(&agents));
            for ((key, found), (_, right)) in found.iter().zip(&agents) {
                let index = |bytes: &Bytes| Index::decode(bytes, &Limits::default());
                let (found, right) = (index(found)?, index(right)?);
                assert_eq!(found.manifest, right.manifest, "late {late}, {conditions}: {key}");
            }
            let (_, newest) = found.last().context("an index")?;
            let told = Index::decode(newest, &Limits::default())?.summary.moments.len();
            assert_eq!(told, 12, "late {late}, conditions kept: {conditions}");
        }
    }
    Ok(())
}
