//! A recording that is killed again and again: what it loses, and whether the bucket stays right.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::StoreOptions;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ChangeGCAux, ConnectionExt as _, CreateGCAux, Rectangle};

use crate::agent::Agent;
use crate::display::Display;

/// No recording lives longer, in intervals.
const LONGEST: u32 = 7;

/// What the kills came to.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Recordings killed.
    pub kills: usize,
    /// Screenshots that they said they took.
    pub taken: usize,
    /// Screenshots in the bucket in the end.
    pub stored: usize,
    /// For each kill, the screenshots that it cost.
    pub lost: Vec<usize>,
    /// Kills after which segments waited in the spool.
    pub resumed: usize,
}

/// A display of its own on which something moves.
#[derive(Debug)]
pub struct Moving {
    // Dropped in this order: the painter must not outlive its server.
    painter: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    display: Display,
}

impl Moving {
    /// Starts Xvfb and paints on it.
    ///
    /// # Errors
    /// When Xvfb does not start.
    pub fn start() -> Result<Self> {
        let display = Display::start(640, 400)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, name) = (stop.clone(), display.name().to_owned());
        let painter = std::thread::spawn(move || {
            // Without a painter the screens are alike, which the test notices.
            if let Err(error) = paint(&name, &stopped) {
                eprintln!("the painter stopped: {error}");
            }
        });
        Ok(Self { painter: Some(painter), stop, display })
    }

    /// Its name.
    pub fn display(&self) -> &str {
        self.display.name()
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(painter) = self.painter.take() {
            // It has told what went wrong itself.
            let _ = painter.join();
        }
    }
}

/// Draws small and large rectangles, ten times a second.
fn paint(display: &str, stop: &AtomicBool) -> Result<()> {
    let (connection, screen) = x11rb::connect(Some(display))?;
    let root = connection.setup().roots[screen].root;
    let gc = connection.generate_id()?;
    connection.create_gc(gc, root, &CreateGCAux::new())?;
    let mut random = StdRng::seed_from_u64(1);
    while !stop.load(Ordering::Relaxed) {
        let colour: u32 = random.random_range(0..0x0100_0000);
        connection.change_gc(gc, &ChangeGCAux::new().foreground(colour))?;
        let (x, y) = (random.random_range(0..600), random.random_range(0..380));
        let (width, height) = (random.random_range(4..120), random.random_range(4..60));
        connection.poly_fill_rectangle(root, gc, &[Rectangle { x, y, width, height }])?;
        connection.flush()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A `deskreel record` that says what it takes.
struct Recording {
    child: Child,
    taken: Arc<Mutex<BTreeSet<u64>>>,
    reading: JoinHandle<()>,
}

impl Recording {
    fn start(agent: &Agent, display: &str, interval: Duration) -> Result<Self> {
        let interval = format!("{}ms", interval.as_millis());
        let mut child = agent
            .command(&["record", "--interval", &interval, "--idle-after", "0s"])?
            .args(["--display", display])
            .env("RUST_LOG", "warn,deskreel_capture=debug")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stderr.take().context("a pipe")?).lines();
        let taken = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = taken.clone();
        let reading = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let time = line.split_once(" taken time_ms=").map(|(_, time)| time.trim().parse());
                if let Some(Ok(time)) = time {
                    noted.lock().unwrap_or_else(PoisonError::into_inner).insert(time);
                }
            }
        });
        Ok(Self { child, taken, reading })
    }

    /// SIGKILL; the screenshots it took.
    fn kill(mut self) -> Result<BTreeSet<u64>> {
        self.child.kill()?;
        self.child.wait()?;
        // The pipe is closed now.
        self.reading.join().map_err(|_| anyhow::anyhow!("the reader of the log failed"))?;
        Ok(std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Starts and kills `count` recordings, with a screenshot each `interval`, at random points, each with `verify` after it; then lets one
/// end by itself, and counts. `told` is called after each kill.
///
/// # Errors
/// When `verify` finds anything, or a recording does not start.
pub fn kill_recordings(
    store: StoreOptions,
    count: usize,
    seed: u64,
    interval: Duration,
    told: impl Fn(usize),
) -> Result<Tally> {
    let moving = Moving::start()?;
    let agent = Agent::new(store, "killed")?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut runs: Vec<BTreeSet<u64>> = Vec::new();
    let mut tally = Tally::default();
    for number in 0..count {
        let recording = Recording::start(&agent, moving.display(), interval)?;
        let life = random.random_range(0..(interval * LONGEST).as_millis() as u64);
        std::thread::sleep(Duration::from_millis(life));
        runs.push(recording.kill()?);
        tally.resumed += usize::from(spooled(agent.folder())? > 0);
        let verified = agent.run(&["verify", "--json"])?;
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        let error = String::from_utf8_lossy(&verified.stderr).into_owned();
        // Before the first segment there is no stream to verify.
        let is_empty = error.contains("no segment") || error.contains("no stream");
        ensure!(verified.status.success() || is_empty, "after kill {number}: {said} {error}");
        told(number + 1);
    }
    let last = agent
        .command(&["record", "--interval", "500ms", "--count", "1", "--display"])?
        .arg(moving.display())
        .output()?;
    ensure!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    ensure!(spooled(agent.folder())? == 0, "something stays in the spool");
    let deep = agent.run_ok(&["verify", "--deep", "--json"])?;
    ensure!(deep.contains("\"clean\": true"), "{deep}");
    let list = agent.run_ok(&["frame", "--list", "--json"])?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list)?;
    let stored: BTreeSet<u64> = list.iter().filter_map(|m| m["time_ms"].as_u64()).collect();
    tally.kills = count;
    tally.taken = runs.iter().map(BTreeSet::len).sum();
    tally.stored = stored.len() - 1;
    tally.lost = runs.iter().map(|run| run.difference(&stored).count()).collect();
    Ok(tally)
}

/// Number of segments that wait in the spools below a folder.
fn spooled(folder: &std::path::Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += spooled(&path)?;
        } else {
            count += usize::from(path.extension().is_some_and(|extension| extension == "seg"));
        }
    }
    Ok(count)
}
