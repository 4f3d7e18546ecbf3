//! A real S3 server for tests: MinIO on a free port, with data and keys that are thrown away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_store::{Credentials, S3Config, S3Store};
use rand::distr::{Alphanumeric, SampleString};
use tempfile::TempDir;

use crate::product::{Running, repository};

/// How long MinIO may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running MinIO. Dropping it kills it and deletes its data.
#[derive(Debug)]
pub struct Minio {
    // Fields are dropped in this order: first the process ends, then its files go.
    _process: Running,
    folder: TempDir,
    address: SocketAddr,
    access_key_id: String,
    secret_access_key: String,
}

impl Minio {
    /// The program: named by MINIO, built by `cargo xtask minio`, or on PATH.
    ///
    /// # Errors
    /// Says how to get it when there is none.
    pub fn program() -> Result<PathBuf> {
        if let Some(named) = std::env::var_os("MINIO").map(PathBuf::from) {
            ensure!(named.is_file(), "MINIO names {}, which is no file", named.display());
            return Ok(named);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join("minio"));
        std::iter::once(repository().join("target/tools/minio"))
            .chain(on_path)
            .find(|path| path.is_file())
            .context("MinIO is not there; run `cargo xtask minio --print`, which builds it")
    }

    /// Starts it with empty data and waits until it is healthy.
    ///
    /// # Errors
    /// When it is not there (see [`Self::program`]) or does not come up, with what it said.
    pub fn start() -> Result<Self> {
        let program = Self::program()?;
        // Between choosing a port and using it somebody else may take it.
        let mut outcome = Self::start_once(&program);
        for _ in 0..2 {
            if outcome.is_err() {
                outcome = Self::start_once(&program);
            }
        }
        outcome
    }

    fn start_once(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("deskreel-minio-").tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let random = |length| Alphanumeric.sample_string(&mut rand::rng(), length);
        let (access_key_id, secret_access_key) = (random(16), random(32));
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log)?;
        let process = Command::new(program)
            .args(["server", "--address", &address.to_string()])
            .arg(folder.path().join("data"))
            .env("MINIO_ROOT_USER", &access_key_id)
            .env("MINIO_ROOT_PASSWORD", &secret_access_key)
            // It has no CORS rules per bucket.
            .env("MINIO_API_CORS_ALLOW_ORIGIN", "*")
            // Lifecycle rules are then carried out within seconds.
            .env("MINIO_SCANNER_SPEED", "fastest")
            .envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")])
            .env("MINIO_CALLHOME_ENABLE", "off")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let _process = Running(process);
        let mut minio = Self { _process, folder, address, access_key_id, secret_access_key };
        let start = Instant::now();
        while !minio.is_healthy() {
            let ended = minio._process.0.try_wait()?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("MinIO did not come up (ended: {ended:?}); it said: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(minio)
    }

    fn is_healthy(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let limit = Duration::from_secs(1);
            let mut stream = TcpStream::connect_timeout(&self.address, limit)?;
            stream.set_read_timeout(Some(limit))?;
            write!(stream, "GET /minio/health/ready HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
            let mut answer = String::new();
            stream.take(4096).read_to_string(&mut answer)?;
            Ok(answer.lines().next().is_some_and(|line| line.contains(" 200 ")))
        };
        ask().unwrap_or(false)
    }

    /// Its process, as the system names it.
    pub fn process_id(&self) -> u32 {
        self._process.0.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it keeps its data, until it is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The public half of the root key.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret half of the root key.
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// A store in `bucket`, which is made when it is missing, below `prefix`.
    ///
    /// # Errors
    /// When MinIO refuses.
    pub async fn store(&self, bucket: &str, prefix: &str) -> Result<S3Store> {
        let mut config = S3Config::new(bucket, prefix);
        config.endpoint = Some(self.endpoint());
        config.credentials = Credentials::Static {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: None,
        };
        let store = S3Store::connect(&config).await?;
        store.ensure_bucket().await?;
        Ok(store)
    }

    /// How `deskreel` gets at a bucket, with the root key.
    pub fn options(&self, bucket: &str) -> StoreOptions {
        StoreOptions {
            store: Some(format!("s3://{bucket}")),
            endpoint: Some(self.endpoint()),
            access_key_id: Some(self.access_key_id.clone()),
            secret_access_key: Some(self.secret_access_key.as_str().into()),
            ..StoreOptions::default()
        }
    }

    /// Whether an object's bytes lie on the disk, whatever the API says of it.
    pub fn has_on_disk(&self, bucket: &str, key: &str) -> bool {
        self.folder.path().join("data").join(bucket).join(key).exists()
    }
}
