//! Accessibility, judged by axe-core, and the page's looks at several sizes.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use deskreel_tests::browser::{Browser, is_here};
use deskreel_tests::product::{not_run, player_files, repository, sample_recording};
use deskreel_tests::static_site::StaticSite;

use super::Stage;

/// axe-core's script: named by the environment, or where `cargo xtask test` puts it.
fn axe() -> Option<String> {
    let usual = || repository().join("target/tools/axe-core/node_modules/axe-core/axe.min.js");
    let path = std::env::var_os("DESKREEL_AXE").map_or_else(usual, PathBuf::from);
    std::fs::read_to_string(path).ok()
}

/// Fails with what axe-core finds on the page as it is now.
async fn judge(browser: &Browser, axe: &str, place: &str) -> Result<()> {
    let script = format!(
        "{axe};
         const found = await window.axe.run(document, {{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a',
             'wcag21aa', 'wcag22aa', 'best-practice'] }});
         return [found.passes.length,
                 found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))];"
    );
    let found = browser.player(&script).await?;
    ensure!(found[0].as_u64() > Some(10), "{place}: axe-core hardly looked: {found}");
    ensure!(found[1] == serde_json::json!([]), "{place}: {found:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_core_finds_no_violation_in_the_player_its_dialog_and_all_desktops() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let Some(axe) = axe() else {
        not_run("page", "axe-core is not installed; `cargo xtask test` installs it with npm");
        return Ok(());
    };
    let stage = Stage::open(1440, 900).await?;
    let path = sample_recording().to_string_lossy().into_owned();
    stage.product.run_ok(&["import", &path, "--stream", "other"])?;
    for (dark, width, height) in [(false, 1440, 900), (true, 1440, 900), (true, 390, 844)] {
        let browser = Browser::open(width, height, dark).await?;
        browser.go(&stage.product.player_url("desk")).await?;
        browser.ready().await?;
        browser.until("p.exact", "p.status").await?;
        judge(&browser, &axe, "the player").await?;
        browser.press("r").await?;
        browser.until("!byId('selecting').hidden", "0").await?;
        judge(&browser, &axe, "choosing a rectangle").await?;
        browser.press("h").await?;
        browser.until("!byId('region').hidden", "0").await?;
        judge(&browser, &axe, "a search").await?;
        browser.press("\u{E00C}\u{E00C}?").await?;
        browser.until("byId('keys').open", "0").await?;
        judge(&browser, &axe, "the list of keys").await?;
        browser.press("\u{E00C}").await?;
        browser.until("!byId('keys').open && !byId('to-wall').hidden", "0").await?;
        browser.press("g").await?;
        browser.until("document.querySelectorAll('#cards li.shown').length === 2", "0").await?;
        judge(&browser, &axe, "all desktops").await?;
        browser.go(&stage.product.player_url("nothing")).await?;
        browser.player("location.reload();").await?;
        browser.until("p && p.status === 'empty'", "p && p.status").await?;
        judge(&browser, &axe, "an empty stream").await?;
        browser.close().await?;
    }
    stage.browser.close().await
}

/// Sums up what moves on every page from now on in `window.shifts`, and names it in `window.moved`.
async fn watch_shifts(browser: &Browser) -> Result<()> {
    let shifts = "window.shifts = 0;
        window.moved = [];
        const side = r => `${r.x},${r.y} ${r.width}x${r.height}`;
        new PerformanceObserver(list => list.getEntries().forEach(entry => {
            if (entry.hadRecentInput) return;
            window.shifts += entry.value;
            window.moved.push(`at ${entry.startTime | 0} ms by ${entry.value}`);
            entry.sources.forEach(({ node, previousRect, currentRect }) => window.moved.push(
                `${node?.nodeName} ${node?.id || node?.className || node?.textContent}: ` +
                `${side(previousRect)} to ${side(currentRect)}`));
        })).observe({ type: 'layout-shift', buffered: true });";
    let script = serde_json::json!({ "source": shifts });
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", script).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_in_two_parts_moves_nothing() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    for pause_at in [
        "<section id=\"state\"",
        "<div id=\"timeline\"",
        "<div class=\"clock\"",
        "<ul id=\"legend\"",
    ] {
        let site = StaticSite::in_two_parts(&player_files(), pause_at).await?;
        let browser = Browser::open(390, 844, false).await?;
        watch_shifts(&browser).await?;
        browser.go(&site.origin()).await?;
        // Nobody grants anything here: the page ends by saying so.
        browser.until("byId('state-title').textContent !== 'Opening'", "0").await?;
        let told = browser
            .player("return [window.shifts, window.moved, performance.timing.responseEnd -
                             performance.timing.responseStart, getComputedStyle(document.body).visibility];")
            .await?;
        ensure!(told[2].as_f64() >= Some(900.0), "{pause_at}: the page came in one part: {told}");
        ensure!(told[3] == "visible", "{pause_at}: {told}");
        ensure!(told[0].as_f64().is_some_and(|moved| moved < 0.02), "{pause_at}: {told}");
        browser.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_or_scrolls_sideways_from_360_pixels_to_4k() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let folder = repository().join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    for (width, height) in [(360, 740), (390, 844), (1440, 900), (2560, 1440), (3840, 2160)] {
        for dark in [false, true] {
            let browser = Browser::open(width, height, dark).await?;
            watch_shifts(&browser).await?;
            browser.go(&stage.product.player_url("desk")).await?;
            browser.ready().await?;
            browser.until("p.exact && byId('legend').children.length", "p.status").await?;
            browser.press("l,.j").await?;
            browser.until("p.exact && !p.seeking", "p.status").await?;
            let told = browser
                .player(
                    "const e = document.documentElement, b = document.body;
                     const small = [...document.querySelectorAll('button, select, #timeline')]
                         .filter(n => n.offsetParent && n.offsetHeight < 44).map(n => n.id);
                     return [e.scrollWidth - e.clientWidth, b.scrollHeight - b.clientHeight,
                             window.shifts, p.clientHeight / innerHeight, small, window.moved];",
                )
                .await?;
            let name = format!("{width}x{height}-{}", if dark { "dark" } else { "light" });
            std::fs::write(folder.join(format!("{name}.png")), browser.screenshot().await?)?;
            assert_eq!((&told[0], &told[1]), (&0.into(), &0.into()), "{name} scrolls");
            let shifted = told[2].as_f64().context("shifts")?;
            assert!(shifted < 0.02, "{name} shifted by {shifted}: {}", told[5]);
            assert!(told[3].as_f64().is_some_and(|share| share > 0.5), "{name}: {told}");
            if width < 640 {
                assert_eq!(told[4], serde_json::json!([]), "{name}: too small to touch");
            }
            browser.close().await?;
        }
    }
    stage.browser.close().await
}
