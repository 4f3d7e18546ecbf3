//! The plainest web server there is: files of a folder, and a few made for the test.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::minio::Minio;
use crate::product::player_files;

/// Longest request it reads, bytes.
const LONGEST_REQUEST: usize = 16_384;

/// How long a page that is sent in two parts lacks the second.
const PAUSE: Duration = Duration::from_secs(1);

/// A running site; it ends when dropped.
#[derive(Debug)]
pub struct StaticSite {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    made: HashMap<String, Vec<u8>>,
    /// Before the first of this text in a page, sending stops for [`PAUSE`].
    pause_at: Option<String>,
}

impl StaticSite {
    /// The player's files, and beside them a grant (`grant.json`) for the bucket `screens` of `minio`
    /// below `prefix`, which is reached at `endpoint`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn with_grant(minio: &Minio, endpoint: &str, prefix: &str) -> Result<Self> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let grant = serde_json::json!({
            "endpoint": endpoint,
            "region": "us-east-1",
            "bucket": "screens",
            "prefix": prefix,
            "access_key_id": minio.access_key_id(),
            "secret_access_key": minio.secret_access_key(),
            "session_token": null,
            "expires_at_ms": now.as_millis() as u64 + 3_600_000,
        });
        let made = vec![("grant.json".to_owned(), grant.to_string().into_bytes())];
        Self::start(&player_files(), made).await
    }

    /// Serves the files of `folder`, and `made` (name and bytes) beside them, on a free port.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(folder: &Path, made: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let made = made.into_iter().collect();
        Self::serve(Files { folder: folder.to_owned(), made, pause_at: None }).await
    }

    /// Serves the files of `folder`; pages come in two parts, the second, which begins with `pause_at`, a
    /// second after the first: a slow network.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn in_two_parts(folder: &Path, pause_at: &str) -> Result<Self> {
        let pause_at = Some(pause_at.to_owned());
        Self::serve(Files { folder: folder.to_owned(), made: HashMap::new(), pause_at }).await
    }

    async fn serve(files: Files) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let files = Arc::new(files);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let files = files.clone();
                tokio::spawn(async move {
                    // Whoever left before the answer does not want it.
                    let _ = answer(stream, &files).await;
                });
            }
        });
        Ok(Self { address, serving })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for StaticSite {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request and ends the connection.
async fn answer(mut stream: TcpStream, files: &Files) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < LONGEST_REQUEST {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/").split(['?', '#']).next().unwrap_or("/");
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    let bytes = match files.made.get(name) {
        Some(bytes) => Some(bytes.clone()),
        // The player lies in one flat folder; nothing else is served.
        None if name.contains('/') => None,
        None => tokio::fs::read(files.folder.join(name)).await.ok(),
    };
    let (status, body) = bytes.map_or(("404 Not Found", Vec::new()), |bytes| ("200 OK", bytes));
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    let halt = files.pause_at.as_deref().filter(|_| name.ends_with(".html"));
    let half =
        halt.and_then(|text| body.windows(text.len()).position(|part| part == text.as_bytes()));
    let (first, second) = body.split_at(half.unwrap_or(body.len()));
    stream.write_all(first).await?;
    if !second.is_empty() {
        stream.flush().await?;
        tokio::time::sleep(PAUSE).await;
        stream.write_all(second).await?;
    }
    stream.shutdown().await
}
