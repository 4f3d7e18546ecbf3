//! The agent that runs: asked, paused, stopped and killed over its control socket, on a real display.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_capture::reader::StreamReader;
use deskreel_format::{AbsenceKind, StreamName};
use deskreel_tests::agent::Agent;
use deskreel_tests::kills::Moving;
use deskreel_tests::product::{Product, Running, not_run};
use serde_json::Value;

/// A display, a store, and an agent that is not started yet.
struct Desk {
    product: Product,
    agent: Agent,
    screen: Moving,
}

impl Desk {
    /// None where there is no Xvfb and that is allowed.
    fn new() -> Result<Option<Self>> {
        let screen = match Moving::start() {
            Ok(screen) => screen,
            Err(error) => {
                not_run("agent", &format!("{error:#}"));
                return Ok(None);
            }
        };
        let product = Product::start()?;
        let store = StoreOptions { store: Some(product.origin().into()), ..Default::default() };
        let agent = Agent::new(StoreOptions { timeout_ms: Some(2_000), ..store }, "desk")?;
        Ok(Some(Self { product, agent, screen }))
    }

    fn record(&self) -> Result<Running> {
        let mut command =
            self.agent.command(&["record", "--interval", "300ms", "--idle-after", "0s"])?;
        command.args(["--display", self.screen.display()]);
        Ok(Running(command.stdout(Stdio::null()).spawn()?))
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.agent.run(arguments)
    }

    /// What `status --json` tells; null while nobody answers.
    fn status(&self) -> Result<Value> {
        let output = self.run(&["status", "--json"])?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Waits until the status is as wanted.
    fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.status()?;
            if is(&last) {
                return Ok(last);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("never {what}: {last:#}")
    }

    fn until_recording(&self) -> Result<Value> {
        self.until("recording with uploads", |status| {
            status["mode"] == "recording"
                && status["upload"]["last_ms"].is_u64()
                && status["screenshots"].as_u64() >= Some(2)
        })
    }

    async fn reader(&self) -> Result<StreamReader> {
        let stream = StreamName::parse("desk")?;
        let options =
            StoreOptions { store: Some(self.product.origin().into()), ..Default::default() };
        let store = options.open(&stream, deskreel_capture::location::Role::View).await?;
        Ok(StreamReader::new(store, stream))
    }

    /// Bytes of all segments in the store.
    async fn stored(&self) -> Result<u64> {
        Ok(self.reader().await?.segments(0).await?.iter().map(|listed| listed.size).sum())
    }

    /// The kinds of absence that the stream tells of, by time.
    async fn absences(&self) -> Result<Vec<(AbsenceKind, u64, u64)>> {
        let reader = self.reader().await?;
        let segments = reader.manifests(&reader.segments(0).await?, || {}).await?;
        let absences = segments.iter().flat_map(|segment| &segment.manifest.absences);
        Ok(absences.map(|absence| (absence.kind, absence.from_ms, absence.to_ms)).collect())
    }
}

fn said(output: &Output) -> String {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    of(&output.stdout) + &of(&output.stderr)
}

/// The sockets below a folder.
fn sockets(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sockets(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sock") {
            found.push(path);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_asked_paused_resumed_and_stopped() -> Result<()> {
    let Some(desk) = Desk::new()? else { return Ok(()) };
    let absent = desk.run(&["status"])?;
    assert_eq!(absent.status.code(), Some(3), "{}", said(&absent));
    assert!(said(&absent).contains("deskreel record --stream desk"), "{}", said(&absent));
    let mut running = desk.record()?;
    let status = desk.until_recording()?;
    assert_eq!(status["running"], true);
    assert_eq!(status["troubled"], false, "{status:#}");
    assert_eq!(status["pid"], running.0.id());
    assert!(status["usage"]["memory_bytes"].as_u64() > Some(1_000_000), "{status:#}");
    desk.until("counting the day", |status| status["upload"]["bytes_today"].as_u64() > Some(100))?;

    let paused = desk.run(&["pause", "1h"])?;
    assert!(paused.status.success() && said(&paused).contains("paused until"), "{}", said(&paused));
    let taken = desk.status()?["screenshots"].clone();
    std::thread::sleep(Duration::from_secs(1));
    let status = desk.status()?;
    assert_eq!((&status["mode"], &status["screenshots"]), (&"paused".into(), &taken));
    let resumed = desk.run(&["toggle"])?;
    assert!(said(&resumed).contains("recording") || said(&resumed).contains("starting"));
    desk.until("recording again", |status| status["screenshots"].as_u64() > taken.as_u64())?;
    desk.run(&["toggle"])?;
    desk.until("paused by the toggle", |status| status["mode"] == "paused")?;
    desk.run(&["resume"])?;
    desk.until("resumed", |status| status["mode"] == "recording")?;

    let stopped = desk.run(&["stop"])?;
    assert!(stopped.status.success(), "{}", said(&stopped));
    assert!(running.0.wait()?.success(), "an agent that is stopped ends well");
    assert_eq!(desk.run(&["status"])?.status.code(), Some(3));
    let absences = desk.absences().await?;
    let paused = absences.iter().filter(|(kind, ..)| *kind == AbsenceKind::Paused).count();
    assert_eq!(paused, 2, "{absences:?}");
    desk.agent.run_ok(&["verify", "--deep"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_leaves_a_gap_that_the_next_tells_and_a_clean_stream() -> Result<()> {
    let Some(desk) = Desk::new()? else { return Ok(()) };
    let mut first = desk.record()?;
    let before = desk.until_recording()?;
    // SIGKILL: nothing can be tidied up.
    first.0.kill()?;
    first.0.wait()?;
    assert_eq!(desk.run(&["status"])?.status.code(), Some(3));
    std::thread::sleep(Duration::from_secs(2));
    let _second = desk.record()?;
    let after = desk.until_recording()?;
    assert_ne!(before["pid"], after["pid"]);
    assert_eq!(after["troubled"], false, "{after:#}");
    assert_eq!(after["upload"]["waiting_segments"].as_u64().map(|waiting| waiting < 5), Some(true));
    // The day's count lost nothing by the kill: it is what lies in the store.
    desk.run(&["pause"])?;
    let status = desk.until("paused with all uploaded", |status| {
        status["mode"] == "paused" && status["upload"]["waiting_segments"] == 0
    })?;
    let day = |status: &Value| status["now_ms"].as_u64().map(|ms| ms / 86_400_000);
    if day(&before) == day(&status) {
        assert_eq!(status["upload"]["bytes_today"].as_u64(), Some(desk.stored().await?));
    }
    let stopped = desk.run(&["stop"])?;
    assert!(stopped.status.success(), "{}", said(&stopped));
    let absences = desk.absences().await?;
    let absences: Vec<_> =
        absences.into_iter().filter(|(kind, ..)| *kind != AbsenceKind::Paused).collect();
    let [(AbsenceKind::NotRunning, from, to)] = absences[..] else { panic!("{absences:?}") };
    let last = before["last_screenshot_ms"].as_u64().context("a screenshot")?;
    assert!(from >= last && to - from >= 1_500, "{last} {absences:?}");
    let verified = desk.agent.run_ok(&["verify", "--deep", "--json"])?;
    assert!(verified.contains("\"clean\": true"), "{verified}");
    Ok(())
}

#[test]
fn an_agent_that_is_killed_in_a_pause_records_nothing_when_started_again() -> Result<()> {
    let Some(desk) = Desk::new()? else { return Ok(()) };
    let mut first = desk.record()?;
    desk.until_recording()?;
    desk.run(&["pause"])?;
    // What waited when it was killed would be uploaded by the next one.
    desk.until("paused with all uploaded", |status| {
        status["mode"] == "paused" && status["upload"]["waiting_segments"] == 0
    })?;
    first.0.kill()?;
    first.0.wait()?;
    let moments = desk.product.moments("desk")?.len();
    let _second = desk.record()?;
    desk.until("paused from the start", |status| status["mode"] == "paused")?;
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(desk.status()?["screenshots"], 0);
    assert_eq!(desk.product.moments("desk")?.len(), moments);
    desk.run(&["resume"])?;
    desk.until_recording()?;
    Ok(())
}

#[test]
fn the_socket_is_for_its_user_alone_and_bad_lines_get_an_answer() -> Result<()> {
    use std::io::{BufRead, BufReader, Write};
    let Some(desk) = Desk::new()? else { return Ok(()) };
    let _running = desk.record()?;
    desk.until_recording()?;
    let sockets = sockets(desk.agent.folder())?;
    let [socket] = &sockets[..] else { panic!("{sockets:?}") };
    let mode = |path: &Path| Ok::<_, std::io::Error>(path.metadata()?.permissions().mode() & 0o777);
    assert_eq!(mode(socket)?, 0o600);
    assert_eq!(mode(socket.parent().context("a folder")?)?, 0o700);
    for (line, hint) in [
        ("{\"version\":1,\"do\":\"dance\"}\n", "not understood"),
        ("{\"version\":9,\"do\":\"status\"}\n", "version 9"),
        ("\u{1}\n", "not understood"),
        ("\n", "not understood"),
    ] {
        let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer)?;
        let error = answer["error"].as_str().context("an error")?;
        assert!(error.contains(hint), "{line:?}: {error}");
    }
    assert_eq!(desk.status()?["mode"], "recording");
    Ok(())
}

#[test]
fn a_store_that_is_gone_is_told_with_what_waits() -> Result<()> {
    let Some(mut desk) = Desk::new()? else { return Ok(()) };
    let _running = desk.record()?;
    desk.until_recording()?;
    desk.product.stop_server();
    let status = desk.until("in trouble", |status| status["troubled"] == true)?;
    assert!(status["upload"]["trouble"].is_string(), "{status:#}");
    let told = desk.run(&["status"])?;
    assert_eq!(told.status.code(), Some(4), "{}", said(&told));
    assert!(said(&told).contains("nothing reaches the store"), "{}", said(&told));
    desk.product.restart_server()?;
    desk.until("well again", |status| {
        status["troubled"] == false && status["upload"]["waiting_segments"].as_u64() < Some(3)
    })?;
    Ok(())
}

#[test]
fn no_secret_is_ever_shown_or_logged() -> Result<()> {
    let Some(desk) = Desk::new()? else { return Ok(()) };
    let secret = "hunter2-do-not-show-me";
    let config = desk.agent.folder().join("config.toml");
    let log = desk.agent.folder().join("log/deskreel.log");
    let text = format!(
        "secret_access_key = \"{secret}\"\naccess_key_id = \"id\"\ntoken = \"{secret}\"\n\
         domain_key = \"{secret}\"\nlog_file = \"{}\"\nlog_level = \"trace\"\n",
        log.display()
    );
    std::fs::write(&config, text)?;
    let recorded = desk
        .agent
        .command(&["record", "--count", "3", "--interval", "300ms"])?
        .args(["--display", desk.screen.display()])
        .output()?;
    ensure!(recorded.status.success(), "{}", said(&recorded));
    let mut all = said(&recorded);
    for arguments in [
        vec!["config", "show"],
        vec!["config", "show", "--json"],
        vec!["config", "check"],
        vec!["status"],
        vec!["record", "--help"],
        vec!["record", "--tile", "7"],
        vec!["frame", "--list", "--store", "s3://nowhere", "--endpoint", "http://127.0.0.1:1"],
    ] {
        all += &said(&desk.agent.command(&arguments)?.env("RUST_LOG", "trace").output()?);
    }
    let logs: Vec<PathBuf> = std::fs::read_dir(log.parent().context("a folder")?)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    assert_eq!(logs.len(), 1, "{logs:?}");
    let logged = std::fs::read_to_string(&logs[0])?;
    assert!(logged.contains("screenshot"), "the log file is empty: {logged:.300}");
    assert!(all.contains("(set)"), "config show says that secrets are set");
    for text in [&all, &logged] {
        assert!(!text.contains(secret), "a secret is shown");
    }
    Ok(())
}
