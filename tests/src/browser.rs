//! The real Chromium, driven by WebDriver, with the player open in it.

pub mod firefox;
pub mod hands;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::display::Display;
use crate::product::{Running, not_run, player_files};

/// A browser window.
pub struct Browser {
    client: Client,
    _driver: Running,
    profile: tempfile::TempDir,
}

/// Chromium and its driver, by environment or in the usual places.
///
/// # Errors
/// Names what is missing and how to get it.
pub fn programs() -> Result<(PathBuf, PathBuf)> {
    Ok((
        find("DESKREEL_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?,
        find("DESKREEL_CHROMEDRIVER", &["chromedriver"])?,
    ))
}

/// A program by a variable of the environment or on PATH.
fn find(variable: &str, names: &[&str]) -> Result<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let usual = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let all = folders.iter().flat_map(|folder| names.iter().map(move |n| folder.join(n)));
        all.into_iter().find(|path| path.is_file())
    };
    named
        .or_else(usual)
        .with_context(|| format!("{} is not installed; run `cargo xtask setup`", names[0]))
}

/// Whether browser and player are there; else notes for `suite` why not.
pub fn is_here(suite: &str) -> bool {
    if let Err(error) = programs() {
        not_run(suite, &error.to_string());
        return false;
    }
    if !player_files().join("index.html").is_file() {
        not_run(suite, "the player is not built; run `cargo xtask wasm`");
        return false;
    }
    true
}

impl Browser {
    /// Opens a window of `width` x `height` CSS pixels, with a light or a dark colour scheme.
    ///
    /// # Errors
    /// When browser or driver is missing or does not start.
    pub async fn open(width: u32, height: u32, dark: bool) -> Result<Self> {
        let browser = Self::start(None, width, height).await?;
        browser.emulate(width, height, dark).await?;
        Ok(browser)
    }

    /// Opens a window of `width` x `height` pixels that is seen on a display, for what browsers without
    /// a screen do not have.
    ///
    /// # Errors
    /// When browser or driver is missing or does not start.
    pub async fn open_on(display: &Display, width: u32, height: u32) -> Result<Self> {
        Self::start(Some(display), width, height).await
    }

    async fn start(display: Option<&Display>, width: u32, height: u32) -> Result<Self> {
        let (chromium, driver) = programs()?;
        let profile = tempfile::tempdir()?;
        let arguments = [
            if display.is_some() { "--ozone-platform=x11" } else { "--headless" },
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            &format!("--window-size={width},{height}"),
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments, "binary": chromium },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 150_000 },
        });
        let mut driver = Command::new(driver);
        driver.envs(display.map(|display| ("DISPLAY", display.name())));
        Self::connect(driver, profile, capabilities).await
    }

    /// Starts a driver on a free port and a browser by it.
    async fn connect(
        mut driver: Command,
        profile: tempfile::TempDir,
        capabilities: Value,
    ) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let driver = driver
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let driver = Running(driver);
        let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
        let url = format!("http://127.0.0.1:{port}");
        let mut error = None;
        for _ in 0..100 {
            let mut builder =
                ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&url).await {
                Ok(client) => return Ok(Self { client, _driver: driver, profile }),
                Err(failed) => error = Some(failed),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(error.map_or_else(|| anyhow::anyhow!("no attempt"), Into::into))
    }

    async fn emulate(&self, width: u32, height: u32, dark: bool) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp("Emulation.setEmulatedMedia", features).await
    }

    /// Sends a command of the Chrome DevTools Protocol.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn cdp(&self, command: &str, parameters: Value) -> Result<()> {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Cdp(body)).await?;
        Ok(())
    }

    /// Goes to a page.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn go(&self, url: &str) -> Result<()> {
        Ok(self.client.goto(url).await?)
    }

    /// Runs the body of an async function whose `p` is the player; returns what it returns.
    ///
    /// # Errors
    /// With the message of what it threw.
    pub async fn player(&self, body: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const p = document.querySelector('deskreel-player');
             (async () => {{ {body} }})().then(
                value => done({{ value: value === undefined ? null : value }}),
                error => done({{ error: String(error && error.stack || error) }}));"
        );
        let mut answer = self.client.execute_async(&script, vec![]).await?;
        if let Some(error) = answer["error"].as_str() {
            bail!("the page says: {error}");
        }
        Ok(answer["value"].take())
    }

    /// Waits until the player shows its first screenshot.
    ///
    /// # Errors
    /// With the player's state, when that takes more than 30 s.
    pub async fn ready(&self) -> Result<()> {
        let state = self
            .player(
                "for (let i = 0; i < 300 && !(p.readyState >= 2); i++)
                   await new Promise(r => setTimeout(r, 100));
                 return `${p.readyState} ${p.status} ${p.error && p.error.message}`;",
            )
            .await?;
        let state = state.as_str().unwrap_or_default().to_owned();
        if !state.starts_with(['2', '3', '4']) {
            bail!("the player shows nothing: {state}");
        }
        Ok(())
    }

    /// Seeks to a moment and reads the canvas: the time shown, whether the player calls it exact,
    /// and SHA-256 over width, height (32-bit little endian) and the RGB bytes on the canvas.
    ///
    /// # Errors
    /// When the player does not get there within 30 s.
    pub async fn seek(&self, time_ms: u64) -> Result<Seen> {
        let body = format!(
            "p.currentTime = {time_ms} / 1000;
             for (let i = 0; i < 3000 && (p.seeking || p.shownTime !== {time_ms}); i++)
               await new Promise(r => setTimeout(r, 10));
             const canvas = p.shadowRoot.querySelector('canvas');
             const {{ width, height }} = canvas;
             const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
             const bytes = new Uint8Array(8 + width * height * 3);
             new DataView(bytes.buffer).setUint32(0, width, true);
             new DataView(bytes.buffer).setUint32(4, height, true);
             for (let from = 0, to = 8; from < data.length; from += 4) {{
               bytes[to++] = data[from]; bytes[to++] = data[from + 1]; bytes[to++] = data[from + 2];
             }}
             const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
             const hex = Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('');
             return {{ shown: p.shownTime, exact: p.exact, hex,
                       error: p.error && p.error.message }};"
        );
        let seen = self.player(&body).await?;
        Ok(Seen {
            shown_ms: seen["shown"].as_f64().unwrap_or(-1.0) as u64,
            exact: seen["exact"].as_bool().unwrap_or(false),
            sha256: seen["hex"].as_str().unwrap_or_default().to_owned(),
            error: seen["error"].as_str().map(str::to_owned),
        })
    }

    /// A picture of the page as PNG.
    ///
    /// # Errors
    /// When the browser cannot take it.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// When it does not answer any more.
    pub async fn close(self) -> Result<()> {
        Ok(self.client.clone().close().await?)
    }
}

impl Drop for Browser {
    /// A session that was not closed leaves Chromium behind when its driver is killed: the profile
    /// folder, which no other process names, tells which processes are ours.
    fn drop(&mut self) {
        let profile = self.profile.path().as_os_str();
        // Nothing to do where it has ended, and nobody to tell where it cannot be.
        let _ = Command::new("pkill").args(["-KILL", "-f", "--"]).arg(profile).status();
    }
}

/// What the canvas showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Time of the screenshot shown.
    pub shown_ms: u64,
    /// Whether the player says that it proved every pixel.
    pub exact: bool,
    /// Hash of the canvas.
    pub sha256: String,
    /// What the player says is wrong.
    pub error: Option<String>,
}

/// The hash that [`Browser::seek`] gives for a picture.
pub fn sha256(picture: &image::RgbImage) -> String {
    let mut hasher = Sha256::new();
    hasher.update(picture.width().to_le_bytes());
    hasher.update(picture.height().to_le_bytes());
    hasher.update(picture.as_raw());
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// ChromeDriver's own command to speak CDP.
#[derive(Debug)]
struct Cdp(Value);

impl fantoccini::wd::WebDriverCompatibleCommand for Cdp {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> std::result::Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
