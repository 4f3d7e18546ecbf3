//! The page of all desktops, the badge of the proof, and the health of a recording.

use super::story;
use anyhow::Result;
use deskreel_tests::browser::{Browser, is_here};
use deskreel_tests::product::{Product, sample_recording};

use super::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn all_desktops_are_shown_by_their_newest_picture_and_lead_to_themselves() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let product = Product::start()?;
    let now_ms = super::now_ms()?;
    let story = story::record(&product, "alice", now_ms).await?;
    let path = sample_recording().to_string_lossy().into_owned();
    let start = (now_ms - 7_200_000).to_string();
    product.run_ok(&["import", &path, "--stream", "bob", "--start", &start])?;
    let browser = Browser::open(1440, 900, true).await?;
    browser.go(&format!("{}/-/player/", product.origin())).await?;
    let cards = "[...document.querySelectorAll('#cards li')]";
    let players = format!("{cards}.map(card => card.querySelector('deskreel-player'))");
    let told = format!("{cards}.map(card => card.textContent)");
    let shown = format!("{players}.length === 2 && {players}.every(q => q.readyState >= 2)");
    browser.until(&shown, &told).await?;
    browser.until(&format!("{players}[0].shownTime === {}", story.times[59]), &told).await?;
    // Where this takes long, its newest screenshot is no longer new.
    browser.until(&format!("/^alice(Recording|Late)/.test({cards}[0].textContent)"), &told).await?;
    browser
        .until(&format!("{cards}[1].textContent.startsWith('bobNot recording, newest')"), &told)
        .await?;
    browser.click("#cards li:nth-child(2) a").await?;
    browser.until("p.stream === 'bob' && p.exact && byId('wall').hidden", "p.stream").await?;
    assert_eq!(browser.player("return document.querySelectorAll('#cards li').length;").await?, 0);
    browser.press("g").await?;
    browser.until(&format!("!byId('wall').hidden && {shown}"), &told).await?;
    // Events are told a moment after what they tell of; what is late must not cover the wall.
    let late = "new CustomEvent('status', { detail: { status: 'loading', reason: '' } })";
    browser.player(&format!("p.dispatchEvent({late});")).await?;
    browser.click("#cards li:nth-child(1) a").await?;
    browser.until("p.stream === 'alice' && p.exact && byId('wall').hidden", "p.stream").await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_well_then_late_as_its_newest_screenshot_ages() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let health = "byId('health').dataset.state";
    stage.browser.until(&format!("['fresh', 'late'].includes({health})"), health).await?;
    // Nothing is recorded any more: half a minute later it says so by itself.
    for _ in 0..3 {
        // Each of these waits lasts half a minute at most.
        if stage.browser.until(&format!("{health} === 'late'"), health).await.is_ok() {
            break;
        }
    }
    let said = stage.text("health-text").await?;
    assert!(said.starts_with("Late: newest ") && said.ends_with(" s ago"), "{said}");
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_on_the_badge_and_what_is_whole_is_verified_again() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let last_ms = stage.story.times[59];
    let mut damaged = 0;
    super::each_file(&stage.product.data(), &mut |path| {
        let name = path.to_string_lossy();
        let is_hurt = |time: &u64| name.contains("/segments") && name.contains(&format!("{time}-"));
        if stage.story.times[30..59].iter().any(is_hurt) {
            let mut bytes = std::fs::read(path)?;
            let end = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
            bytes[end - 1] ^= 1;
            std::fs::write(path, bytes)?;
            damaged += 1;
        }
        Ok(())
    })?;
    assert!(damaged >= 29, "{damaged} segments were damaged");
    let badge = "byId('exact-text').textContent";
    stage.browser.player(&format!("p.currentTime = {} / 1000;", stage.story.times[45])).await?;
    let named =
        format!("byId('exact').dataset.state === 'damaged' && {badge}.includes('segments/')");
    stage.browser.until(&named, badge).await?;
    stage.browser.player(&format!("p.currentTime = {} / 1000;", stage.story.times[3])).await?;
    stage.browser.until(&format!("{badge} === 'Pixels verified' && p.exact"), badge).await?;
    assert!(last_ms > stage.story.times[45]);
    stage.browser.close().await
}
