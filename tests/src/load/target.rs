//! What is loaded: the server's own program, with its own store or before MinIO, and its memory.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use deskreel_store::{Credentials, S3Config, S3Store};
use tempfile::TempDir;

use crate::minio::Minio;
use crate::product::{Running, program};

/// Which store stands behind the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The server's own.
    Embedded,
    /// MinIO, with keys by its STS.
    Minio,
}

/// A running server.
pub struct Target {
    // The server goes before what it needs.
    server: Running,
    minio: Option<Minio>,
    _folder: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// The operator's way in.
    pub root: S3Store,
}

const BUCKET: &str = "deskreel";

impl Target {
    /// Starts it, with nothing stored.
    ///
    /// # Errors
    /// When a program is missing or does not come up.
    pub async fn start(behind: Behind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program("deskreel-server")?);
        let mut config = S3Config::new(BUCKET, "");
        let minio = match behind {
            Behind::Embedded => None,
            Behind::Minio => Some(tokio::task::spawn_blocking(Minio::start).await??),
        };
        match &minio {
            None => {
                command.arg("serve").arg("--data").arg(folder.path());
            }
            Some(minio) => {
                minio.store(BUCKET, "").await?;
                let store = format!("s3://{BUCKET}");
                command.args(["gateway", "--store", &store, "--endpoint", &minio.endpoint()]);
                command.env("AWS_ACCESS_KEY_ID", minio.access_key_id());
                command.env("AWS_SECRET_ACCESS_KEY", minio.secret_access_key());
                command.env("AWS_REGION", "us-east-1");
            }
        }
        command.args(["--listen", "127.0.0.1:0"]).env("RUST_LOG", "warn");
        let mut server = command.stdout(Stdio::piped()).spawn()?;
        let stdout = server.stdout.take().context("the server has an output")?;
        let server = Running(server);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim().strip_prefix("player: ").context("the server did not come up")?;
        let origin = url.split("/-/").next().context("a URL has an origin")?.to_owned();
        let (id, secret) = match &minio {
            Some(minio) => {
                config.endpoint = Some(minio.endpoint());
                (minio.access_key_id().to_owned(), minio.secret_access_key().to_owned())
            }
            None => {
                config.endpoint = Some(origin.clone());
                let mut asked = Command::new(program("deskreel-server")?);
                asked.args(["credentials", "--json", "--data"]).arg(folder.path());
                let root: serde_json::Value = serde_json::from_slice(&asked.output()?.stdout)?;
                let text = |name: &str| root[name].as_str().unwrap_or_default().to_owned();
                (text("access_key_id"), text("secret_access_key"))
            }
        };
        config.credentials = Credentials::Static {
            access_key_id: id,
            secret_access_key: secret,
            session_token: None,
        };
        let root = S3Store::connect(&config).await?;
        Ok(Self { server, minio, _folder: folder, origin, root })
    }

    /// CPU time of the server and of MinIO, if there is one, so far.
    ///
    /// # Errors
    /// Where there is no `/proc`, or the process is gone.
    pub fn cpu(&self) -> Result<(Duration, Option<Duration>)> {
        let minio = self.minio.as_ref().map(|minio| cpu(minio.process_id()));
        Ok((cpu(self.server.0.id())?, minio.transpose()?))
    }

    /// Memory of the server and of MinIO, if there is one, in bytes (what is resident).
    ///
    /// # Errors
    /// Where there is no `/proc`, or the process is gone.
    pub fn memory(&self) -> Result<(u64, Option<u64>)> {
        let minio = self.minio.as_ref().map(|minio| resident(minio.process_id()));
        Ok((resident(self.server.0.id())?, minio.transpose()?))
    }
}

/// CPU time that a process took so far. A tick is 10 ms on every Linux that Rust runs on.
fn cpu(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name before may hold spaces and brackets.
    let (_, rest) = stat.rsplit_once(") ").with_context(|| path.clone())?;
    let ticks = rest.split(' ').skip(11).take(2).map(|text| text.parse::<u64>());
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>().context(path)?))
}

fn resident(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|text| text.trim().strip_suffix("kB")).with_context(|| path.clone())?;
    Ok(kb.trim().parse::<u64>().context(path)? * 1024)
}
