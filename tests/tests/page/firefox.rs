//! The main path in Firefox: open, look, seek, read, save, ask.

use anyhow::Result;
use deskreel_tests::browser::firefox::programs;
use deskreel_tests::browser::{Browser, is_here, sha256};
use deskreel_tests::product::{Product, not_run, pictures, read_picture, sample_recording};

const START: u64 = 1_763_900_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn firefox_shows_exact_pixels_and_obeys_keys_and_mouse() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    if let Err(error) = programs() {
        not_run("page", &format!("{error:#}"));
        return Ok(());
    }
    let product = Product::start()?;
    let path = sample_recording().to_string_lossy().into_owned();
    product.run_ok(&["import", &path, "--stream", "desk", "--start", &START.to_string()])?;
    let files = pictures(&sample_recording())?;
    let browser = Browser::firefox(1280, 900).await?;
    browser.go(&product.player_url("desk")).await?;
    browser.ready().await?;
    for index in [11, 2, 7, 0, 9, 4] {
        let seen = browser.seek(START + index * 10_000).await?;
        let expected = sha256(&read_picture(&files[index as usize])?);
        assert_eq!((seen.shown_ms, seen.error), (START + index * 10_000, None));
        assert_eq!(seen.sha256, expected, "screenshot {index}");
    }
    browser.until("p.exact && byId('exact-text').textContent === 'Pixels verified'", "0").await?;
    let shows = |index: u64| format!("!p.seeking && p.shownTime === {}", START + index * 10_000);
    browser.press("\u{E011}").await?;
    browser.until(&shows(0), "p.shownTime").await?;
    browser.press("...").await?;
    browser.until(&shows(3), "p.shownTime").await?;
    browser.click("#back").await?;
    browser.until(&shows(2), "p.shownTime").await?;
    browser.press("z+").await?;
    browser.until("p.zoom === 1.5", "p.zoom").await?;
    browser.click("#timeline").await?;
    // Its middle is twelve hours before the recording, which begins with the first one.
    browser.until(&shows(0), "p.shownTime").await?;
    browser.press("\u{E011}>>>>k").await?;
    browser.until("p.ended && p.paused", "[p.currentTime, p.paused]").await?;
    browser.until(&shows(11), "p.shownTime").await?;
    browser.press("rh").await?;
    let said = "byId('region-text').textContent";
    browser.until(&format!("/^[0-9]+ changes?/.test({said})"), said).await?;
    // Firefox may guard canvases against fingerprinting; what is saved does not come from one.
    let saved = browser
        .player(
            "const bitmap = await createImageBitmap(await p.toBlob());
             return [bitmap.width, bitmap.height];",
        )
        .await?;
    assert_eq!(saved, serde_json::json!([1280, 800]));
    browser.close().await
}
