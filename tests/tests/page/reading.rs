//! Reading the picture: zoom, pan, monitors, copies, files, links, and the proof of its pixels.

use std::path::Path;

use super::story::{DROP, LEFT, RIGHT, pictures};
use anyhow::{Context, Result};
use deskreel_tests::browser::hands::CTRL;
use deskreel_tests::browser::is_here;
use deskreel_tests::product::read_picture;
use serde_json::json;

use super::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_zooms_to_800_percent_with_hard_edges_and_pans_within_bounds() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1000, 700).await?;
    assert_eq!(stage.text("fit").await?, "Fit");
    stage.browser.press("z").await?;
    stage.browser.until("p.zoom === 1 && byId('fit').textContent === '100 %'", "p.zoom").await?;
    let centre = stage.browser.place("#player", 0.5, 0.5).await?;
    for _ in 0..12 {
        stage.browser.wheel(centre, 0.0, -100.0, CTRL).await?;
    }
    stage.browser.until("p.zoom === 8", "p.zoom").await?;
    let drawn = stage
        .browser
        .player(
            "const canvas = p.shadowRoot.querySelector('canvas'), box = canvas.getBoundingClientRect();
             return [getComputedStyle(canvas).imageRendering, box.width / canvas.width,
                     box.left % 1, box.top % 1];",
        )
        .await?;
    assert_eq!(drawn, json!(["pixelated", 8, 0, 0]));
    // The place under the pointer stays there while it is zoomed about.
    let place = stage.browser.place("#player", 0.3, 0.6).await?;
    let under = format!("(({{ x, y }}) => [x, y])(p.toDesktop({}, {}))", place.0, place.1);
    let before = stage.browser.player(&format!("return {under};")).await?;
    stage.browser.wheel(place, 0.0, 100.0, CTRL).await?;
    stage.browser.until("p.zoom < 8", "p.zoom").await?;
    let after = stage.browser.player(&format!("return {under};")).await?;
    for axis in [0, 1] {
        let (a, b) = (before[axis].as_f64().context("x")?, after[axis].as_f64().context("x")?);
        assert!((a - b).abs() < 0.5, "{before} {after}");
    }
    // A drag pans, and is no click: nothing plays.
    let from = stage.browser.player("return p.centre.x;").await?;
    stage.browser.drag(centre, (centre.0 + 160.0, centre.1), 0).await?;
    let to = stage.number("p.centre.x").await?;
    assert!(to < from.as_f64().context("x")? - 15.0);
    assert_eq!(stage.browser.player("return p.paused;").await?, true);
    for _ in 0..30 {
        stage.browser.wheel(centre, -2_000.0, -2_000.0, 0).await?;
    }
    let corner = stage.browser.place("#player", 0.0, 0.0).await?;
    let at = format!("Math.round(p.toDesktop({}, {}).x)", corner.0, corner.1);
    stage.browser.until(&format!("{at} === 0"), &at).await?;
    stage.browser.press("--------------").await?;
    stage.browser.until("p.fitted && byId('fit').textContent === 'Fit'", "p.zoom").await?;
    stage.browser.press("+").await?;
    stage.browser.until("!p.fitted", "p.zoom").await?;
    stage
        .browser
        .cdp("Emulation.setTouchEmulationEnabled", json!({ "enabled": true, "maxTouchPoints": 2 }))
        .await?;
    let zoom = stage.number("p.zoom").await?;
    let fingers = |apart: f64| [(centre.0 - apart, centre.1), (centre.0 + apart, centre.1)];
    stage.browser.pinch(fingers(40.0), fingers(120.0)).await?;
    let pinched = stage.number("p.zoom").await?;
    assert!((pinched / zoom - 3.0).abs() < 0.3, "{zoom} {pinched}");
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn monitors_are_shown_as_laid_out_or_one_at_a_time_and_links_lead_back_there() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let first = stage.story.times[7];
    stage.browser.player(&format!("p.currentTime = {first} / 1000;")).await?;
    stage.shows(first).await?;
    let places = "return p.monitors.map(m => [m.name, m.x, m.y, m.width, m.height]);";
    let expected =
        json!([["DP-1", 0, 0, LEFT.0, LEFT.1], ["HDMI-1", LEFT.0, DROP, RIGHT.0, RIGHT.1]]);
    assert_eq!(stage.browser.player(places).await?, expected);
    stage.browser.press("mm").await?;
    stage.browser.until("byId('monitors').value === 'HDMI-1'", "byId('monitors').value").await?;
    stage.browser.press("z+").await?;
    stage.browser.until("p.zoom === 1.5", "p.zoom").await?;
    let hash = "location.hash.includes('monitor=HDMI-1&zoom=150&at=')";
    stage.browser.until(hash, "location.hash").await?;
    let link = stage.browser.player("return location.href;").await?;
    let link = link.as_str().context("a link")?.to_owned();
    let centre =
        stage.browser.player("return [Math.round(p.centre.x), Math.round(p.centre.y)];").await?;
    stage.browser.go("about:blank").await?;
    stage.browser.go(&link).await?;
    stage.browser.ready().await?;
    stage.shows(first).await?;
    stage.browser.until("p.zoom === 1.5 && p.monitor === 'HDMI-1'", "[p.zoom, p.monitor]").await?;
    let again =
        stage.browser.player("return [Math.round(p.centre.x), Math.round(p.centre.y)];").await?;
    assert_eq!(centre, again);
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_copied_and_saved_is_exact_to_the_bit_whole_and_in_part() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let folder = stage.product.folder().join("saved");
    std::fs::create_dir(&folder)?;
    let behavior = json!({ "behavior": "allow", "downloadPath": folder });
    stage.browser.cdp("Browser.setDownloadBehavior", behavior).await?;
    let grant = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    stage.browser.cdp("Browser.grantPermissions", grant).await?;
    let at = stage.story.times[7];
    stage.browser.player(&format!("p.currentTime = {at} / 1000;")).await?;
    stage.shows(at).await?;
    stage
        .browser
        .until("p.exact && byId('exact-text').textContent === 'Pixels verified'", "p.exact")
        .await?;
    let [left, right] = pictures(7, 1)?;
    stage.browser.press("d").await?;
    let whole = saved(&folder, 1).await?;
    assert_eq!((whole.width(), whole.height()), (LEFT.0 + RIGHT.0, LEFT.1));
    for (x, y, pixel) in whole.enumerate_pixels() {
        let expected = if x < LEFT.0 {
            colour(left.rgb(), LEFT.0, x, y)
        } else if (DROP..DROP + RIGHT.1).contains(&y) {
            colour(right.rgb(), RIGHT.0, x - LEFT.0, y - DROP)
        } else {
            [0, 0, 0]
        };
        assert_eq!(pixel.0, expected, "at {x}, {y}");
    }
    // A rectangle that the mouse draws on the right monitor, saved and copied by its buttons.
    stage.browser.click("#select").await?;
    let place = |x: f64, y: f64| {
        format!(
            "const b = p.getBoundingClientRect(), e = p.toElement({x}, {y});
             return [b.left + e.x, b.top + e.y];"
        )
    };
    let mut corners = Vec::new();
    for (x, y) in [(700.0, 100.0), (860.0, 180.0)] {
        let at = stage.browser.player(&place(x, y)).await?;
        corners.push((at[0].as_f64().context("x")?, at[1].as_f64().context("y")?));
    }
    stage.browser.drag(corners[0], corners[1], 0).await?;
    stage.browser.click("#save-rectangle").await?;
    let part = saved(&folder, 2).await?;
    assert!((158..=162).contains(&part.width()) && (78..=82).contains(&part.height()), "{part:?}");
    let size = stage.text("selection-size").await?;
    assert_eq!(size, format!("{} × {}", part.width(), part.height()));
    let found = (698..=702).any(|x| {
        (98..=102).any(|y| {
            part.enumerate_pixels().all(|(dx, dy, pixel)| {
                pixel.0 == colour(right.rgb(), RIGHT.0, x + dx - LEFT.0, y + dy - DROP)
            })
        })
    });
    assert!(found, "the rectangle is not a part of the right monitor");
    stage.browser.click("#copy-rectangle").await?;
    stage
        .browser
        .until("byId('said').textContent === 'Rectangle copied'", "byId('said').textContent")
        .await?;
    let copied = stage
        .browser
        .player(
            "const [item] = await navigator.clipboard.read();
             const bitmap = await createImageBitmap(await item.getType('image/png'));
             return [bitmap.width, bitmap.height];",
        )
        .await?;
    assert_eq!(copied, json!([part.width(), part.height()]));
    stage.browser.press("\u{E00C}u").await?;
    stage
        .browser
        .until("byId('said').textContent === 'Link copied'", "byId('said').textContent")
        .await?;
    let link = stage.browser.player("return navigator.clipboard.readText();").await?;
    assert!(link.as_str().is_some_and(|link| link.contains("#t=") && link.contains("stream=desk")));
    stage.browser.close().await
}

fn colour(rgb: &[u8], width: u32, x: u32, y: u32) -> [u8; 3] {
    let at = ((y * width + x) * 3) as usize;
    [rgb[at], rgb[at + 1], rgb[at + 2]]
}

/// The newest PNG, once so many are in the folder.
async fn saved(folder: &Path, count: usize) -> Result<image::RgbImage> {
    for _ in 0..600 {
        let mut files: Vec<_> = std::fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "png"))
            .collect();
        if files.len() == count {
            files.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
            return read_picture(files.last().context("a file")?);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("{count} files were not saved")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_shown_at_less_than_half_is_reduced_smoothly_and_kept_up_to_date() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(480, 800).await?;
    // The monitors of this desktop leave room between them, which is transparent in both.
    let compared = "(() => {
        const [whole, small] = p.shadowRoot.querySelectorAll('canvas');
        // Only one of them is composed with the page.
        const isHidden = getComputedStyle(whole).visibility === 'hidden';
        if (small.hidden) return isHidden ? 'nothing is seen' : null;
        if (!isHidden) return 'both are seen';
        const smooth = new OffscreenCanvas(small.width, small.height).getContext('2d');
        smooth.imageSmoothingQuality = 'high';
        smooth.drawImage(whole, 0, 0, small.width, small.height);
        const pixels = canvas => canvas.getContext('2d').getImageData(0, 0, small.width, small.height).data;
        const [seen, meant] = [pixels(small), smooth.getImageData(0, 0, small.width, small.height).data];
        const box = small.getBoundingClientRect();
        return [small.width / whole.width, box.width * devicePixelRatio / small.width,
                seen.reduce((most, byte, at) => Math.max(most, Math.abs(byte - meant[at])), 0)];
    })()";
    let times = &stage.story.times;
    for (from_ms, time_ms) in [(times[9], times[3]), (times[30], times[40])] {
        stage.browser.seek(from_ms).await?;
        // Pictures that follow each other fast are reduced well once the last one rests.
        let scrub = format!(
            "for (let i = 0; i < 6; i++) {{
               p.currentTime = (i % 2 ? {time_ms} : {from_ms}) / 1000;
               await new Promise(requestAnimationFrame);
             }}"
        );
        stage.browser.player(&scrub).await?;
        stage.browser.seek(time_ms).await?;
        let rested = "await new Promise(r => setTimeout(r, 300));";
        let seen = stage.browser.player(&format!("{rested} return {compared};")).await?;
        let number = |at: usize| seen[at].as_f64().context("a reduced copy");
        assert!(number(0)? < 0.5, "{seen}");
        assert!((number(1)? - 1.0).abs() < 0.01, "{seen}");
        assert!(number(2)? <= 2.0, "{seen}");
    }
    stage.browser.press("z").await?;
    stage.browser.until(&format!("p.zoom === 1 && {compared} === null"), "p.zoom").await?;
    stage.browser.close().await
}
