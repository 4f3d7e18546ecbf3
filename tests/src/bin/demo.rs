//! The demo: a server, a recording, the player's URL; with `--check` also the proof in Chromium.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use deskreel_tests::browser::{Browser, sha256};
use deskreel_tests::desktop::{self, Desktop};
use deskreel_tests::product::{Product, Running, repository, sample_recording};

const STREAM: &str = "demo";
/// Screenshots every so often: the demo is impatient, a day's recording is not.
const INTERVAL: &str = "2s";
/// `--check` records so many screenshots.
const CHECKED: usize = 12;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let after = |name: &str| arguments.iter().skip_while(|a| *a != name).nth(1).cloned();
    let listen = after("--listen").unwrap_or_else(|| "127.0.0.1:8420".into());
    let check = flag("--check");
    // A check must not fail because a demo already runs.
    let product = Product::start_on(if check { "127.0.0.1:0" } else { free_or_any(&listen) })?;
    let (mut source, mut recorder) = begin(&product, flag("--sample"), check)?;
    let url = product.player_url(STREAM);
    if check {
        step_until_recorded(source.as_mut(), &mut recorder)?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(prove(&product, &url))?;
        return Ok(());
    }
    println!("\n  Look back at it here:  {url}\n\n  Ctrl-C ends the demo.");
    std::io::stdout().flush()?;
    let (ended, end) = std::sync::mpsc::channel();
    ctrlc::set_handler(move || {
        // The receiver is gone only when the demo is ending anyway.
        let _ = ended.send(());
    })?;
    let mut step = 0;
    loop {
        if let Some(desktop) = source.as_mut() {
            desktop.act(step)?;
            step += 1;
        }
        if end.recv_timeout(Duration::from_millis(1500)).is_ok() {
            println!("ending");
            return Ok(());
        }
        if let Some(recorder) = &mut recorder {
            let status = recorder.0.try_wait()?;
            ensure!(status.is_none(), "the recording ended by itself: {status:?}");
        }
    }
}

/// The address asked for, or any free one when it is taken.
fn free_or_any(listen: &str) -> &str {
    if TcpListener::bind(listen).is_ok() {
        return listen;
    }
    println!("{listen} is taken; using a free port");
    "127.0.0.1:0"
}

/// Starts what records: your screen, a desktop in Xvfb, or nothing but the sample.
fn begin(
    product: &Product,
    sample: bool,
    check: bool,
) -> Result<(Option<Desktop>, Option<Running>)> {
    let own = std::env::var("DISPLAY").ok().filter(|display| !sample && !check && usable(display));
    if let Some(display) = own {
        println!("recording your own screen ({display})");
        return Ok((None, Some(record(product, &display, None)?)));
    }
    let missing = desktop::missing();
    if sample || !missing.is_empty() {
        if !sample {
            let names: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
            println!("no display, and no desktop for Xvfb (missing: {})", names.join(" "));
        }
        println!("playing the recording that ships with the project");
        let folder = sample_recording().to_string_lossy().into_owned();
        let said = product.run_ok(&["import", &folder, "--stream", STREAM])?;
        print!("{said}");
        return Ok((None, None));
    }
    println!("recording a real desktop in Xvfb");
    let desktop = Desktop::start(1920, 1080)?;
    let recorder = record(product, desktop.display(), check.then_some(CHECKED))?;
    Ok((Some(desktop), Some(recorder)))
}

/// Whether an X server answers there.
fn usable(display: &str) -> bool {
    let Some((host, number)) = display.rsplit_once(':') else { return false };
    let number: Option<u16> = number.split('.').next().and_then(|n| n.parse().ok());
    let Some(number) = number else { return false };
    if host.is_empty() || host == "unix" {
        return std::path::Path::new(&format!("/tmp/.X11-unix/X{number}")).exists();
    }
    TcpStream::connect((host, 6000_u16.saturating_add(number))).is_ok()
}

fn record(product: &Product, display: &str, count: Option<usize>) -> Result<Running> {
    let mut arguments =
        vec!["record", "--stream", STREAM, "--interval", INTERVAL, "--display", display];
    let count = count.map(|count| count.to_string());
    if let Some(count) = &count {
        arguments.extend(["--count", count]);
    }
    let mut command: Command = product.deskreel(&arguments)?;
    let mut child: Child = command.stderr(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let stderr = child.stderr.take().context("the recorder has an output")?;
    let mut stderr = BufReader::new(stderr);
    stderr.read_line(&mut line)?;
    ensure!(line.contains("recording stream"), "the recording did not start: {line}");
    // Its later warnings are the person's to see.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
    Ok(Running(child))
}

fn step_until_recorded(source: Option<&mut Desktop>, recorder: &mut Option<Running>) -> Result<()> {
    let (Some(desktop), Some(recorder)) = (source, recorder) else { return Ok(()) };
    for step in 0..60 {
        if let Some(status) = recorder.0.try_wait()? {
            ensure!(status.success(), "the recording failed: {status}");
            return Ok(());
        }
        desktop.act(step)?;
        std::thread::sleep(Duration::from_millis(1000));
    }
    bail!("the recording did not end in time")
}

/// Opens the player, seeks to three moments, and compares the canvas with what `deskreel frame`
/// gives, which is itself proven against the digest taken at capture.
async fn prove(product: &Product, url: &str) -> Result<()> {
    let moments = product.moments(STREAM)?;
    ensure!(moments.len() >= CHECKED, "only {} screenshots were recorded", moments.len());
    let browser = Browser::open(1440, 900, false).await?;
    browser.go(url).await?;
    browser.ready().await?;
    for index in [moments.len() - 1, 0, moments.len() / 2] {
        let time_ms = moments[index];
        let seen = browser.seek(time_ms).await?;
        let expected = sha256(&product.frame(STREAM, time_ms)?);
        ensure!(seen.shown_ms == time_ms && seen.exact, "moment {time_ms}: {seen:?}");
        ensure!(seen.sha256 == expected, "moment {time_ms} differs on the canvas");
        println!("moment {time_ms}: exact on the canvas");
    }
    let folder = repository().join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("demo.png"), browser.screenshot().await?)?;
    browser.close().await?;
    print!("{}", product.run_ok(&["stats", "--stream", STREAM])?);
    println!("demo checked: {} screenshots, 3 moments proven in Chromium", moments.len());
    Ok(())
}
