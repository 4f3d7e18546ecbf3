//! Keys that hold for seconds, and an agent's store that outlives them many times over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_format::StreamName;
use deskreel_server::{ServeConfig, start};
use deskreel_store::{ObjectStore, Put, PutMode};

const PUT: Put<'static> =
    Put { mode: PutMode::Create, content_type: "application/octet-stream", cache_control: None };

/// Keys hold so long, seconds.
const LIFE_S: i64 = 3;

/// Puts an object about every 50 ms for `life`; how many.
async fn work(store: &Arc<dyn ObjectStore>, name: &str, life: Duration) -> Result<usize> {
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < life {
        let key = format!("segments/desk/{name}-{count}");
        store.put(&key, Bytes::from_static(b"x"), PUT).await.with_context(|| key.clone())?;
        ensure!(store.get(&key, None).await?.bytes == "x");
        count += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_keys_come_and_go() -> Result<()> {
    let data = tempfile::tempdir()?;
    let mut config = ServeConfig::new(data.path());
    config.longest_grant_s = LIFE_S;
    let server = start(config).await?;
    let origin = server.endpoint();
    let options = StoreOptions { store: Some(origin), ..Default::default() };
    let stream = StreamName::parse("desk")?;
    let store = options.open(&stream, Role::Upload).await?;
    // Five lives of a grant, four workers at once: keys are got in time, by one for all.
    let life = Duration::from_secs(5 * LIFE_S.unsigned_abs());
    let names = ["a", "b", "c", "d"];
    let workers = names.map(|name| work(&store, name, life));
    for outcome in futures_util::future::join_all(workers).await {
        ensure!(outcome? > 0);
    }
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_machine_that_slept_for_longer_than_keys_hold_goes_on() -> Result<()> {
    let data = tempfile::tempdir()?;
    let mut config = ServeConfig::new(data.path());
    config.longest_grant_s = LIFE_S;
    let server = start(config).await?;
    let options = StoreOptions { store: Some(server.endpoint()), ..Default::default() };
    let store = options.open(&StreamName::parse("desk")?, Role::Upload).await?;
    // Nothing of this runtime, which has one thread, runs meanwhile.
    std::thread::sleep(Duration::from_secs(LIFE_S.unsigned_abs() + 1));
    work(&store, "after-sleep", Duration::from_secs(1)).await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_for_a_moment_is_not_missed() -> Result<()> {
    let data = tempfile::tempdir()?;
    let mut config = ServeConfig::new(data.path());
    config.longest_grant_s = LIFE_S;
    let server = start(config.clone()).await?;
    config.listen = server.addr;
    let options = StoreOptions { store: Some(server.endpoint()), ..Default::default() };
    let stream = StreamName::parse("desk")?;
    let store = options.open(&stream, Role::Upload).await?;
    work(&store, "before", Duration::from_secs(1)).await?;
    server.shutdown().await;
    // Attempts to renew fail meanwhile.
    tokio::time::sleep(Duration::from_secs(LIFE_S.unsigned_abs())).await;
    let server = start(config).await?;
    work(&store, "after", Duration::from_secs(2 * LIFE_S.unsigned_abs())).await?;
    server.shutdown().await;
    Ok(())
}
