//! Picture-in-picture, in a Chromium that is seen on a display: without one it has none.

use anyhow::{Result, ensure};
use deskreel_tests::browser::{Browser, is_here};
use deskreel_tests::display::Display;

use super::Stage;

/// Whether the small window is open, how large its video is, and a sum over its pixels.
const SMALL: &str = "const video = document.pictureInPictureElement;
    if (!video) return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.width, canvas.height, data.reduce((sum, v, i) => (sum * 31 + v * (i % 7 + 1)) % 1e9, 0)];";

/// The bytes of the first pixels that are drawn, the very first among them.
const DRAWN: &str = "const canvas = p.shadowRoot.querySelector('canvas');
    return [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data];";

#[tokio::test(flavor = "multi_thread")]
async fn a_still_picture_comes_into_the_small_window_and_changes_with_the_player() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let display = Display::start(1400, 900)?;
    let browser = Browser::open_on(&display, 1200, 800).await?;
    browser.go(&stage.product.player_url("desk")).await?;
    browser.ready().await?;
    browser
        .until("p.exact && !byId('pip').hidden", "[p.status, document.pictureInPictureEnabled]")
        .await?;
    let told = "[p.status, byId('said').textContent, byId('banner').textContent]";
    let before = browser.player(DRAWN).await?;
    browser.press("i").await?;
    browser.until("document.pictureInPictureElement?.readyState >= 2", told).await?;
    let size = browser.player("const canvas = p.shadowRoot.querySelector('canvas'); return [canvas.width, canvas.height];").await?;
    let first = browser.player(SMALL).await?;
    ensure!(first[0] == size[0] && first[1] == size[1], "{first} of {size}");
    ensure!(browser.player(DRAWN).await? == before, "what is drawn is as it was");
    browser.press(",,,").await?;
    browser.until("p.exact && !p.seeking", told).await?;
    let mut now = first.clone();
    for _ in 0..50 {
        now = browser.player(SMALL).await?;
        if now[2] != first[2] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(now[2] != first[2], "the small window did not change: {now}");
    browser.press("i").await?;
    browser.until("!document.pictureInPictureElement", told).await?;
    browser.close().await?;
    stage.browser.close().await
}
