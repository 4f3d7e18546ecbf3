//! The agent's end of the control socket.
#![cfg_attr(
    not(unix),
    allow(dead_code, unused_imports, reason = "there is no socket to listen at")
)]

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::pause::{Pause, PauseFile};
use super::protocol::{Answer, Request, Status, Upload};
use super::usage;
use crate::outbox::Outbox;
use crate::outbox::daily::DailyFile;
use crate::recording::{Command, Control, Mode};

/// A command shows in the state after this at the latest; while the agent starts it may not.
const PATIENCE: Duration = Duration::from_secs(3);

/// What an agent tells of, and is told by.
#[derive(Debug)]
pub struct Host {
    /// Name of the stream.
    pub stream: String,
    /// Address of the store.
    pub store: String,
    /// Milliseconds between screenshots.
    pub interval_ms: u32,
    /// When the agent started, UTC milliseconds.
    pub started_ms: u64,
    /// The recording.
    pub control: Control,
    /// Its outbox, once it is there.
    pub outbox: Arc<OnceLock<Arc<Outbox>>>,
    /// Where pauses are noted.
    pub pause: PauseFile,
    /// Where the outbox notes the day's bytes.
    pub daily: DailyFile,
    /// Tells the present, UTC milliseconds.
    pub clock: fn() -> u64,
}

/// A socket that is listened at. Dropping it ends that, and removes the socket.
#[derive(Debug)]
pub struct Serving {
    #[cfg(unix)]
    task: tokio::task::JoinHandle<()>,
    #[cfg(unix)]
    path: std::path::PathBuf,
}

#[cfg(unix)]
impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
        // Whoever comes next removes it too.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Host {
    /// Does what is asked for.
    async fn answer(&self, request: Request) -> Answer {
        let mode = self.control.state.borrow().mode;
        let done = match request {
            Request::Status => Ok(()),
            Request::Toggle if mode == Mode::Paused => self.resume().await,
            Request::Toggle => self.pause(None).await,
            Request::Pause { for_ms } => self.pause(for_ms).await,
            Request::Resume => self.resume().await,
            Request::Stop => self.tell(Command::Stop, |_| true).await,
        };
        match done {
            Ok(()) => Answer::Status(Box::new(self.status())),
            Err(error) => Answer::Error(error),
        }
    }

    async fn pause(&self, for_ms: Option<u64>) -> Result<(), String> {
        let until_ms = for_ms.map(|ms| (self.clock)().saturating_add(ms));
        // First the note: should the agent end right now, the next run is paused too.
        let noted = self.pause.write(Some(Pause { until_ms }));
        noted.map_err(|error| format!("the pause cannot be noted on disk: {error}"))?;
        self.tell(Command::Pause { until_ms }, |mode| mode == Mode::Paused).await
    }

    async fn resume(&self) -> Result<(), String> {
        let noted = self.pause.write(None);
        noted.map_err(|error| format!("the end of the pause cannot be noted on disk: {error}"))?;
        self.tell(Command::Resume, |mode| mode != Mode::Paused).await
    }

    async fn tell(&self, command: Command, is_done: impl Fn(Mode) -> bool) -> Result<(), String> {
        let mut state = self.control.state.clone();
        let told = self.control.commands.send(command).await;
        told.map_err(|_| "the recording is ending".to_owned())?;
        // Later is no failure: an agent that still starts obeys when it begins to record.
        let _ = tokio::time::timeout(PATIENCE, state.wait_for(|state| is_done(state.mode))).await;
        Ok(())
    }

    fn status(&self) -> Status {
        let now_ms = (self.clock)();
        let state = self.control.state.borrow().clone();
        Status {
            stream: self.stream.clone(),
            store: self.store.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_ms: self.started_ms,
            now_ms,
            mode: state.mode,
            reason: state.reason,
            absent_since_ms: state.absent_since_ms,
            paused_until_ms: state.paused_until_ms,
            interval_ms: self.interval_ms,
            last_screenshot_ms: state.last_good_ms,
            next_screenshot_ms: state.next_ms,
            screenshots: state.taken,
            missed: state.missed,
            upload: self.upload(now_ms),
            usage: usage::of_this_process(now_ms.saturating_sub(self.started_ms)),
        }
    }

    fn upload(&self, now_ms: u64) -> Upload {
        let Some(outbox) = self.outbox.get() else {
            let bytes_today = self.daily.read().bytes(now_ms);
            return Upload { bytes_today, ..Upload::default() };
        };
        let status = outbox.status();
        let since = status.trouble.as_ref().map(|trouble| trouble.since.elapsed().as_millis());
        Upload {
            last_ms: status.last_upload_ms,
            last_screenshot_ms: status.last_arrived_ms,
            bytes_today: status.today_bytes,
            bytes: status.arrived_bytes,
            waiting_segments: status.waiting,
            waiting_screenshots: status.waiting_moments,
            waiting_bytes: status.waiting_bytes,
            given_up_screenshots: status.given_up_moments,
            trouble: status.trouble.map(|trouble| trouble.reason),
            trouble_since_ms: since.map(|ms| now_ms.saturating_sub(ms as u64)),
        }
    }
}

/// Listens at the first of these places that can be had.
///
/// # Errors
/// What the system answered for the last of them.
#[cfg(unix)]
pub fn serve(places: &[std::path::PathBuf], host: Host) -> io::Result<Serving> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for path in places {
        match bind(path) {
            Ok(listener) => {
                let task = tokio::spawn(listen(listener, Arc::new(host)));
                return Ok(Serving { task, path: path.clone() });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Controlling a running agent takes Unix sockets.
///
/// # Errors
/// Always, on this system.
#[cfg(not(unix))]
pub fn serve(_places: &[std::path::PathBuf], _host: Host) -> io::Result<Serving> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "not supported on this system yet"))
}

/// A socket for this user alone, in a folder for this user alone. Only the holder of the stream's lock
/// may call this: what lies there is then of a run that is over.
#[cfg(unix)]
fn bind(path: &Path) -> io::Result<tokio::net::UnixListener> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let folder = path.parent().unwrap_or(Path::new("."));
    let private = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // It may have been there; whose folder it is not cannot do this.
    std::fs::set_permissions(folder, private(0o700))?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, private(0o600))?;
    Ok(listener)
}

#[cfg(unix)]
async fn listen(listener: tokio::net::UnixListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = host.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &host).await {
                        tracing::debug!(%error, "a conversation over the control socket failed");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket does not take a connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

#[cfg(unix)]
async fn converse(stream: tokio::net::UnixStream, host: &Host) -> io::Result<()> {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::protocol::{MAX_LINE, read, write};
    let theirs = stream.peer_cred()?.uid();
    if theirs != own_uid()? {
        tracing::warn!(uid = theirs, "another user was refused at the control socket");
        return Ok(());
    }
    let (reading, mut writing) = stream.into_split();
    let mut line = Vec::new();
    let mut reading = BufReader::new(reading.take(MAX_LINE));
    reading.read_until(b'\n', &mut line).await?;
    let request = read::<Request>(&line);
    let is_last = request == Ok(Request::Stop);
    let answer = match request {
        Ok(request) => host.answer(request).await,
        Err(error) => Answer::Error(error.to_string()),
    };
    writing.write_all(write(&answer).as_bytes()).await?;
    if is_last {
        // The end of the process closes the connection: so whoever asked knows when it is over.
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// The user of this process: what it creates is its own.
#[cfg(unix)]
fn own_uid() -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicU64, Ordering};
    /// No user id is larger than 32 bits.
    static KNOWN: AtomicU64 = AtomicU64::new(u64::MAX);
    if let Ok(uid) = u32::try_from(KNOWN.load(Ordering::Relaxed)) {
        return Ok(uid);
    }
    let uid = tempfile::tempfile()?.metadata()?.uid();
    KNOWN.store(uid.into(), Ordering::Relaxed);
    Ok(uid)
}
