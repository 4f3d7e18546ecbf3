//! The page of the player in real Chromium (and Firefox), by the keys, mouse and fingers of a person.

mod access;
mod firefox;
mod modules;
mod pip;
mod reading;
mod regions;
mod slider;
mod story;
mod wall;
mod weight;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use deskreel_tests::browser::Browser;
use deskreel_tests::product::Product;
use serde_json::Value;

use story::Story;

/// A server with a story that has just ended, and the page that shows it.
struct Stage {
    product: Product,
    story: Story,
    browser: Browser,
}

impl Stage {
    async fn open(width: u32, height: u32) -> Result<Self> {
        let product = Product::start()?;
        let story = story::record(&product, "desk", now_ms()?).await?;
        let browser = Browser::open(width, height, false).await?;
        browser.go(&product.player_url("desk")).await?;
        browser.ready().await?;
        browser.until("p.moments.length === 60 && p.exact", "p.moments.length").await?;
        Ok(Self { product, story, browser })
    }

    /// Waits until a screenshot is on the screen.
    async fn shows(&self, time_ms: u64) -> Result<()> {
        let condition = format!("!p.seeking && p.shownTime === {time_ms}");
        self.browser.until(&condition, "[p.shownTime, p.currentTime, p.status]").await.map(drop)
    }

    async fn number(&self, expression: &str) -> Result<f64> {
        let value = self.browser.player(&format!("return {expression};")).await?;
        value.as_f64().with_context(|| format!("{expression} is {value}"))
    }

    async fn text(&self, id: &str) -> Result<String> {
        let script = format!("return document.getElementById('{id}').textContent;");
        let value = self.browser.player(&script).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }
}

fn now_ms() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64)
}

/// Calls `act` with every file below a folder.
fn each_file(folder: &Path, act: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { each_file(&path, act)? } else { act(&path)? }
    }
    Ok(())
}

/// The times of a JavaScript list, UTC milliseconds.
fn times(value: &Value) -> Result<Vec<u64>> {
    let list = value.as_array().context("a list of times")?;
    list.iter().map(|time| time.as_f64().map(|ms| ms as u64).context("a time")).collect()
}
