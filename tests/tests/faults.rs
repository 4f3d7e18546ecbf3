//! Bad days: whatever network and store do, nothing is lost, nothing dangles, nothing wrong is shown.
//!
//! Each row of the tables is a fault, how often it strikes, and what must come of it. The tests print
//! the table with what came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_tests::agent::{Agent, INTERVAL, START, read_all};
use deskreel_tests::browser::{self, Browser};
use deskreel_tests::fault_proxy::{Fault, FaultProxy, Pattern, Schedule};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{Product, not_run, pictures, player_files, sample_recording};
use deskreel_tests::static_site::StaticSite;
use image::RgbImage;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many rows run at once: most of their time is spent waiting.
const AT_ONCE: usize = 4;

/// The programs' patience with a silent store, milliseconds.
const TIMEOUT_MS: u32 = 1_500;

/// A fault, how often it strikes, and what must come of it.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    fault: Fault,
    pattern: Pattern,
    seed: u64,
    must: Must,
}

/// What must come of it at once; afterwards, without faults, all must be well in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    /// It succeeds as if nothing was.
    Succeed,
    /// Where a server grants access it succeeds; with keys of its own it says that they are over.
    Renew,
    /// It succeeds, or says what happened, where.
    Tell,
}

const fn row(name: &'static str, fault: Fault, pattern: Pattern, seed: u64, must: Must) -> Row {
    Row { name, fault, pattern, seed, must }
}

const SECOND: Duration = Duration::from_secs(1);

/// Faults of single requests: whoever tries again gets through.
const SINGLE: [Row; 9] = {
    use {Fault::*, Must::*, Pattern::EveryNth};
    [
        row("answers come late", Latency(Duration::from_millis(150)), EveryNth(2), 1, Succeed),
        row("reset in the request", ResetRequest, EveryNth(3), 2, Succeed),
        row("reset in the answer", ResetAnswer, EveryNth(3), 3, Succeed),
        row("answer cut short", CutAnswer, EveryNth(3), 4, Succeed),
        row("answer lost after commit", LoseAnswer, EveryNth(2), 5, Succeed),
        row("500 InternalError", Refusal(500, "InternalError"), EveryNth(3), 6, Succeed),
        row("503 SlowDown", Refusal(503, "SlowDown"), EveryNth(3), 7, Succeed),
        row("403 ExpiredToken", Refusal(403, "ExpiredToken"), EveryNth(3), 8, Renew),
        row("silence", Silence(SECOND.saturating_mul(3)), EveryNth(4), 9, Succeed),
    ]
};

/// Faults that may well outlast every attempt.
const MANY: [Row; 8] = {
    use {Fault::*, Must::*, Pattern::EveryOther, Pattern::Once};
    [
        row("half: reset in the request", ResetRequest, EveryOther, 11, Tell),
        row("half: reset in the answer", ResetAnswer, EveryOther, 12, Tell),
        row("half: answer cut short", CutAnswer, EveryOther, 13, Tell),
        row("half: answer lost after commit", LoseAnswer, EveryOther, 14, Tell),
        row("half: 503 SlowDown", Refusal(503, "SlowDown"), EveryOther, 15, Tell),
        row("half: 403 ExpiredToken", Refusal(403, "ExpiredToken"), EveryOther, 16, Tell),
        row("clock skew", Refusal(403, "RequestTimeTooSkewed"), EveryOther, 18, Tell),
        row("nobody listens", Outage(SECOND.saturating_mul(3)), Once(3), 17, Tell),
    ]
};

/// Faults of readers alone.
const BITS: [Row; 1] =
    [row("a bit is turned", Fault::TurnBit, Pattern::EveryNth(2), 21, Must::Tell)];

/// What stands behind the proxy.
enum Behind {
    Server(Product),
    Minio(Minio),
}

impl Behind {
    fn address(&self) -> Result<SocketAddr> {
        Ok(match self {
            Self::Server(product) => product.address()?,
            Self::Minio(minio) => minio.address(),
        })
    }

    /// How a program gets at the store by way of `origin`.
    fn place(&self, origin: &str) -> StoreOptions {
        let timeout_ms = Some(TIMEOUT_MS);
        match self {
            Self::Server(_) => StoreOptions {
                store: Some(origin.to_owned()),
                timeout_ms,
                ..StoreOptions::default()
            },
            Self::Minio(minio) => StoreOptions {
                store: Some("s3://screens/team".to_owned()),
                endpoint: Some(origin.to_owned()),
                access_key_id: Some(minio.access_key_id().to_owned()),
                secret_access_key: Some(minio.secret_access_key().into()),
                timeout_ms,
                ..StoreOptions::default()
            },
        }
    }

    /// The row's demand, here.
    fn must(&self, row: &Row) -> Must {
        match (self, row.must) {
            (Self::Server(_), Must::Renew) => Must::Succeed,
            (_, must) => must,
        }
    }
}

/// What came of a row.
struct Came {
    row: Row,
    requests: u64,
    struck: u64,
    time: Duration,
    /// What it said when it gave up; none for what went well.
    said: Vec<String>,
    of: usize,
}

/// Checks what a program said when it gave up: it has to name the place or the object.
fn assert_told(
    behind: &Behind,
    row: &Row,
    origin: &str,
    code: Option<i32>,
    said: &str,
) -> Result<()> {
    let address = origin.trim_start_matches("http://");
    let is_expiry = row.fault == Fault::Refusal(403, "ExpiredToken");
    ensure!(code == Some(1), "'{}' ended with {code:?}: {said}", row.name);
    ensure!(behind.must(row) != Must::Succeed, "'{}' gave up: {said}", row.name);
    ensure!(!said.contains("panicked"), "'{}': {said}", row.name);
    let names = said.contains(address) || said.contains("segments/");
    ensure!(
        names || (is_expiry && said.contains("expired")),
        "'{}' names nothing: {said}",
        row.name
    );
    Ok(())
}

/// Runs every row, some at a time, and prints the table.
async fn run_table<F>(title: &str, rows: &[Row], each: impl Fn(usize, Row) -> F) -> Result<()>
where
    F: Future<Output = Result<Came>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (number, row) in rows.iter().enumerate() {
        let (turns, work, name) = (turns.clone(), each(number, *row), row.name);
        running.spawn(async move {
            let _turn = turns.acquire_owned().await?;
            Ok((number, work.await.with_context(|| name)?))
        });
    }
    let outcomes: Vec<Result<(usize, Came)>> = running.join_all().await;
    let mut all = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    all.sort_by_key(|(number, _)| *number);
    println!("\n{title}");
    println!("{:<32} {:>8} {:>6} {:>6}  outcome", "fault", "requests", "struck", "time");
    for (_, came) in all {
        let Came { row, requests, struck, time, said, of } = came;
        let seconds = time.as_secs_f64();
        let well = of - said.len();
        print!(
            "{:<32} {requests:>8} {struck:>6} {seconds:>5.1}s  {well} of {of} at once",
            row.name
        );
        match said.first() {
            None => println!(", exact"),
            Some(first) => println!(", all exact without faults; it said: {}", first.trim()),
        }
        ensure!(struck > 0, "'{}' struck nothing", row.name);
    }
    Ok(())
}

async fn output(command: std::process::Command) -> Result<std::process::Output> {
    Ok(tokio::process::Command::from(command).kill_on_drop(true).output().await?)
}

/// Imports the sample through a row's faults, finishes it without them if need be, proves it.
async fn import(behind: Arc<Behind>, number: usize, row: Row, sample: Arc<Sample>) -> Result<Came> {
    let proxy = FaultProxy::start(behind.address()?).await?;
    let agent = Agent::new(behind.place(&proxy.origin()), &format!("row-{number}"))?;
    proxy.begin(Schedule::new(row.fault, row.pattern, row.seed));
    let start = Instant::now();
    let first = output(agent.import(sample.folder.path())?).await?;
    let time = start.elapsed();
    let (requests, struck) = proxy.heal();
    let mut said = Vec::new();
    if !first.status.success() {
        let text = String::from_utf8_lossy(&first.stderr).into_owned();
        assert_told(&behind, &row, &proxy.origin(), first.status.code(), &text)?;
        said.push(text);
        proxy.listens_again().await;
        let again = output(agent.import(sample.folder.path())?).await?;
        let text = String::from_utf8_lossy(&again.stderr).into_owned();
        ensure!(again.status.success(), "running it again failed: {text}");
    }
    // On a thread of its own: proving borrows across its waits, which tasks that move cannot.
    let here = tokio::runtime::Handle::current();
    let proving = move || here.block_on(agent.prove(&sample.pictures));
    tokio::task::spawn_blocking(proving).await??;
    Ok(Came { row, requests, struck, time, said, of: 1 })
}

/// Reads moments through a row's faults: exact, or not at all and said so.
async fn read(behind: Arc<Behind>, row: Row, sample: Arc<Sample>) -> Result<Came> {
    let proxy = FaultProxy::start(behind.address()?).await?;
    let agent = Arc::new(Agent::new(behind.place(&proxy.origin()), "desk")?);
    proxy.begin(Schedule::new(row.fault, row.pattern, row.seed));
    let start = Instant::now();
    let numbers = [7_usize, 0, 4];
    let mut said = Vec::new();
    for number in numbers {
        let reader = agent.clone();
        let time_ms = START + number as u64 * INTERVAL;
        let reading = tokio::task::spawn_blocking(move || reader.frame(time_ms));
        let (output, picture) = reading.await??;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        match picture {
            Some(picture) => {
                ensure!(output.status.success(), "a picture was written and it failed: {text}");
                ensure!(picture == sample.pictures[number], "screenshot {number} is wrong");
            }
            None => {
                assert_told(&behind, &row, &proxy.origin(), output.status.code(), &text)?;
                said.push(text);
            }
        }
    }
    let time = start.elapsed();
    let (requests, struck) = proxy.heal();
    proxy.listens_again().await;
    let time_ms = START + 5 * INTERVAL;
    let (output, picture) = tokio::task::spawn_blocking(move || agent.frame(time_ms)).await??;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        picture.as_ref() == Some(&sample.pictures[5]),
        "without faults it is not exact: {text}"
    );
    Ok(Came { row, requests, struck, time, said, of: numbers.len() })
}

/// The first screenshots of the sample recording, in a folder and as pixels: enough for faults in
/// every place, and few enough to be imported dozens of times.
struct Sample {
    folder: tempfile::TempDir,
    pictures: Vec<RgbImage>,
}

impl Sample {
    const SCREENSHOTS: usize = 8;

    fn take() -> Result<Arc<Self>> {
        let mut files = pictures(&sample_recording())?;
        files.truncate(Self::SCREENSHOTS);
        let folder = tempfile::tempdir()?;
        for file in &files {
            std::fs::copy(file, folder.path().join(file.file_name().context("a name")?))?;
        }
        Ok(Arc::new(Self { folder, pictures: read_all(&files)? }))
    }
}

/// The import, then the reading, through all their rows.
async fn import_and_read(behind: Behind, name: &str) -> Result<()> {
    let (behind, sample) = (Arc::new(behind), Sample::take()?);
    let rows = [&SINGLE[..], &MANY].concat();
    let title = format!("import of {} screenshots into {name}", Sample::SCREENSHOTS);
    run_table(&title, &rows, |number, row| import(behind.clone(), number, row, sample.clone()))
        .await?;
    let agent = Agent::new(behind.place(&format!("http://{}", behind.address()?)), "desk")?;
    let imported = output(agent.import(sample.folder.path())?).await?;
    ensure!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let rows = [&SINGLE[..], &MANY, &BITS].concat();
    let title = format!("`deskreel frame` of 3 moments from {name}");
    run_table(&title, &rows, |_, row| read(behind.clone(), row, sample.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_every_fault_the_embedded_store_ends_complete_and_exact() -> Result<()> {
    import_and_read(Behind::Server(Product::start()?), "the embedded store").await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_every_fault_minio_ends_complete_and_exact() -> Result<()> {
    if let Err(error) = Minio::program() {
        not_run("faults", &error.to_string());
        return Ok(());
    }
    let minio = Minio::start()?;
    minio.store("screens", "").await?;
    import_and_read(Behind::Minio(minio), "MinIO").await
}

/// What the player came to for a moment.
async fn settle(browser: &Browser, time_ms: u64) -> Result<serde_json::Value> {
    let body = format!(
        "p.currentTime = {time_ms} / 1000;
         const there = () => p.shownTime === {time_ms} && !p.seeking;
         // Offline it goes on trying by itself; from these only a person gets it.
         const ended = () => p.error || ['expired', 'denied', 'locked'].includes(p.status);
         for (let i = 0; i < 2000 && !there() && !ended(); i++)
           await new Promise(r => setTimeout(r, 10));
         return {{ there: there(), status: p.status, error: p.error && p.error.message }};"
    );
    browser.player(&body).await
}

/// Plays through a row's faults: the canvas is proven exact and is, or the player says what is wrong.
async fn watch(
    browser: &Browser,
    behind: &Behind,
    row: Row,
    expected: &[RgbImage],
) -> Result<Came> {
    let proxy = FaultProxy::start(behind.address()?).await?;
    // Beside MinIO the page comes from elsewhere, and only the store's answers pass the proxy.
    let site = match behind {
        Behind::Server(_) => None,
        Behind::Minio(minio) => {
            Some(StaticSite::with_grant(minio, &proxy.origin(), "team/").await?)
        }
    };
    let page = match &site {
        None => format!("{}/-/player/#stream=desk", proxy.origin()),
        Some(site) => format!("{}/?src=grant.json#stream=desk", site.origin()),
    };
    proxy.begin(Schedule::new(row.fault, row.pattern, row.seed));
    let start = Instant::now();
    browser.go(&page).await?;
    let numbers = [3_usize, 7, 0, 5];
    let mut said = Vec::new();
    for number in numbers {
        let time_ms = START + number as u64 * INTERVAL;
        let state = settle(browser, time_ms).await?;
        let error = state["error"].as_str().unwrap_or_default().to_owned();
        if state["there"] == true {
            let seen = browser.seek(time_ms).await?;
            let is_right = seen.sha256 == browser::sha256(&expected[number]);
            ensure!(!seen.exact || is_right, "screenshot {number} is called exact and is wrong");
            if seen.exact {
                continue;
            }
        }
        ensure!(row.must != Must::Succeed, "screenshot {number} is not exact: {state}");
        let is_told = error.contains("segments/") || state["status"] == "expired";
        ensure!(is_told, "screenshot {number} is not exact and nothing is said: {state}");
        said.push(if error.is_empty() { "status: expired".to_owned() } else { error });
    }
    let time = start.elapsed();
    let (requests, struck) = proxy.heal();
    // Loaded again, whatever the browser's cache may hold now, everything is right.
    browser.go("about:blank").await?;
    browser.go(&page).await?;
    browser.ready().await?;
    for (number, picture) in expected.iter().enumerate() {
        let seen = browser.seek(START + number as u64 * INTERVAL).await?;
        let is_right = seen.exact && seen.sha256 == browser::sha256(picture);
        ensure!(is_right, "without faults screenshot {number} is not exact: {seen:?}");
    }
    Ok(Came { row, requests, struck, time, said, of: numbers.len() })
}

#[tokio::test(flavor = "multi_thread")]
async fn through_every_fault_the_canvas_is_exact_or_the_player_says_why_not() -> Result<()> {
    if let Err(error) = browser::programs() {
        not_run("faults", &format!("the browser: {error}"));
        return Ok(());
    }
    if !player_files().join("index.html").is_file() {
        not_run("faults", "the browser: the player is not built; run `cargo xtask wasm`");
        return Ok(());
    }
    let mut all = vec![(Behind::Server(Product::start()?), "the embedded store")];
    match Minio::program() {
        Ok(_) => {
            let minio = Minio::start()?;
            minio.store("screens", "").await?;
            all.push((Behind::Minio(minio), "MinIO"));
        }
        Err(error) => not_run("faults", &error.to_string()),
    }
    let sample = Sample::take()?;
    // One window for all rows; each has its proxy, so that none sees another's cache.
    let browser = Arc::new(tokio::sync::Mutex::new(Browser::open(1440, 900, false).await?));
    for (behind, name) in all {
        let place = behind.place(&format!("http://{}", behind.address()?));
        let imported = output(Agent::new(place, "desk")?.import(sample.folder.path())?).await?;
        ensure!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let rows = [&SINGLE[..], &BITS].concat();
        let behind = Arc::new(behind);
        run_table(&format!("the canvas at 4 moments, from {name}"), &rows, |_, row| {
            let (browser, behind, sample) = (browser.clone(), behind.clone(), sample.clone());
            async move { watch(&*browser.lock().await, &behind, row, &sample.pictures).await }
        })
        .await?;
    }
    Ok(())
}
