//! The product as a person has it: the real programs, a server on a free port, a folder of state.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// The folder of this repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").into()
}

/// The small recording that ships with the project: 12 screenshots of 1280x800.
pub fn sample_recording() -> PathBuf {
    repository().join("tests/data/desktop")
}

/// The built player: named by the environment, or where `cargo xtask wasm` puts it.
pub fn player_files() -> PathBuf {
    std::env::var_os("DESKREEL_PLAYER_DIST")
        .map_or_else(|| repository().join("dist/player"), PathBuf::from)
}

/// A program of the workspace, as built by `cargo build`.
///
/// # Errors
/// Says how to build it when it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("DESKREEL_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = std::env::current_exe()?;
            let deps = test.parent().context("a test binary lies in a folder")?;
            if deps.ends_with("deps") { deps.parent().unwrap_or(deps) } else { deps }.into()
        }
    };
    let path = folder.join(name);
    ensure!(path.is_file(), "{} is not built; run `cargo build --workspace`", path.display());
    Ok(path)
}

/// A process that is killed when its owner goes.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server with its own data, and an agent's own state.
#[derive(Debug)]
pub struct Product {
    folder: TempDir,
    server: Option<Running>,
    origin: String,
}

impl Product {
    /// Starts the server on a free port with empty data.
    ///
    /// # Errors
    /// When a program is missing or the server does not come up.
    pub fn start() -> Result<Self> {
        Self::start_on("127.0.0.1:0")
    }

    /// Starts the server on an address with empty data.
    ///
    /// # Errors
    /// When a program is missing or the server does not come up.
    pub fn start_on(listen: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut product = Self { folder, server: None, origin: String::new() };
        product.start_server(listen)?;
        Ok(product)
    }

    fn start_server(&mut self, listen: &str) -> Result<()> {
        let mut server = Command::new(program("deskreel-server")?)
            .args(["serve", "--listen", listen, "--data"])
            .arg(self.folder.path().join("data"))
            .arg("--player")
            .arg(player_files())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = server.stdout.take().context("the server has an output")?;
        self.server = Some(Running(server));
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Some(url) = line.trim().strip_prefix("player: ") else {
            bail!("the server did not print its URL but {line:?}");
        };
        let origin = url.split("/-/").next().context("a URL has an origin")?;
        origin.clone_into(&mut self.origin);
        Ok(())
    }

    /// Kills the server as a power cut would.
    pub fn stop_server(&mut self) {
        self.server = None;
    }

    /// Starts the server again with the data it had, on the port it had.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart_server(&mut self) -> Result<()> {
        self.server = None;
        let listen = self.origin.trim_start_matches("http://").to_owned();
        self.start_server(&listen)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When it listens at a name.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.origin.trim_start_matches("http://");
        address.parse().with_context(|| format!("{address} is no address"))
    }

    /// The page that plays a stream.
    pub fn player_url(&self, stream: &str) -> String {
        format!("{}/-/player/#stream={stream}", self.origin)
    }

    /// Files of this run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the embedded store keeps its files.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `deskreel` with these arguments, against this server.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn deskreel(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("deskreel")?);
        command
            .args(arguments)
            .env("DESKREEL_STORE", &self.origin)
            .env("DESKREEL_STATE", self.folder.path().join("state"))
            .env("DESKREEL_CONFIG", self.config()?)
            .env_remove("DESKREEL_STREAM")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// An empty config file: the person's own must not be read.
    fn config(&self) -> Result<PathBuf> {
        let path = self.folder.path().join("config.toml");
        if !path.exists() {
            std::fs::write(&path, "")?;
        }
        Ok(path)
    }

    /// Runs `deskreel` to its end.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.deskreel(arguments)?.output()?)
    }

    /// Runs `deskreel`, which must succeed; returns its standard output.
    ///
    /// # Errors
    /// With what it said, when it failed.
    pub fn run_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "deskreel {arguments:?} failed: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The times of all moments of a stream, UTC milliseconds.
    ///
    /// # Errors
    /// When the stream cannot be listed.
    pub fn moments(&self, stream: &str) -> Result<Vec<u64>> {
        let text = self.run_ok(&["frame", "--stream", stream, "--list", "--json"])?;
        let list: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        list.iter().map(|m| m["time_ms"].as_u64().context("a moment has a time")).collect()
    }

    /// The PNG that `deskreel frame` writes for a moment.
    ///
    /// # Errors
    /// When there is none.
    pub fn frame(&self, stream: &str, time_ms: u64) -> Result<image::RgbImage> {
        let path = self.folder.path().join(format!("frame-{stream}-{time_ms}.png"));
        let (file, at) = (path.to_string_lossy().into_owned(), time_ms.to_string());
        self.run_ok(&["frame", "--stream", stream, "--at", &at, "-o", &file])?;
        let picture = read_picture(&path)?;
        std::fs::remove_file(&path)?;
        Ok(picture)
    }
}

/// The pixels of a picture file.
///
/// # Errors
/// When it cannot be read.
pub fn read_picture(path: &Path) -> Result<image::RgbImage> {
    Ok(image::open(path).with_context(|| path.display().to_string())?.into_rgb8())
}

/// The pictures of a folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
    let mut files: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    files.sort();
    Ok(files)
}

/// Says that a suite cannot run here: fails where everything must run (`CI=true`), else notes it for
/// the last lines of `cargo xtask test`.
///
/// # Panics
/// With `CI=true`, and when the note cannot be written.
pub fn not_run(suite: &str, reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{suite} did not run: {reason}");
    eprintln!("{suite} did not run: {reason}");
    if let Some(path) = std::env::var_os("DESKREEL_SKIPPED") {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{suite}\t{reason}"));
        written.expect("the note of what did not run can be written");
    }
}
