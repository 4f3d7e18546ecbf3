//! The real Firefox, driven by geckodriver.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::{Browser, find};
use crate::product::repository;

/// Firefox and its driver, by environment or in the usual places.
///
/// # Errors
/// Names what is missing and how to get it.
pub fn programs() -> Result<(PathBuf, PathBuf)> {
    let firefox = find("DESKREEL_FIREFOX", &["firefox-esr", "firefox"])?;
    let built = repository().join("target/tools/geckodriver/bin/geckodriver");
    let driver = find("DESKREEL_GECKODRIVER", &["geckodriver"])
        .or_else(|error| built.is_file().then_some(built).ok_or(error))
        .context("`cargo xtask test` builds it")?;
    Ok((firefox, driver))
}

impl Browser {
    /// Opens a window of Firefox, `width` x `height` pixels. What goes by the Chrome DevTools Protocol
    /// cannot be done in it.
    ///
    /// # Errors
    /// When browser or driver is missing or does not start.
    pub async fn firefox(width: u32, height: u32) -> Result<Self> {
        let (firefox, driver) = programs()?;
        let profile = tempfile::tempdir()?;
        let folder = profile.path().display().to_string();
        let capabilities = json!({
            "moz:firefoxOptions": {
                "binary": firefox,
                "args": ["-headless", "-profile", folder],
                "prefs": {
                    "app.update.enabled": false,
                    "datareporting.policy.dataSubmissionEnabled": false,
                    "toolkit.telemetry.reportingpolicy.firstRun": false,
                },
            },
            "timeouts": { "script": 150_000 },
        });
        let mut driver = Command::new(driver);
        driver.arg("--websocket-port=0");
        let browser = Self::connect(driver, profile, capabilities).await?;
        browser.client.set_window_size(width, height).await?;
        Ok(browser)
    }
}
