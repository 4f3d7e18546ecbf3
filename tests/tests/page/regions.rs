//! Questions about a rectangle, asked and stepped through on the page.

use super::story::CLOCK;
use anyhow::Result;
use deskreel_tests::browser::is_here;

use super::Stage;

const ESCAPE: &str = "\u{E00C}";

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_rectangle_are_found_stepped_through_and_put_away() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let ticks = &stage.story.ticks;
    // Asked without a rectangle, it begins one.
    stage.browser.press("h").await?;
    stage.browser.until("!byId('selecting').hidden && byId('region').hidden", "0").await?;
    let [x, y, width, height] = CLOCK.map(f64::from);
    let script = format!(
        "const b = p.getBoundingClientRect();
         const at = (x, y) => (({{ x, y }}) => [b.left + x, b.top + y])(p.toElement(x, y));
         return [...at({x} + 4, {y} + 4), ...at({x} + {width} - 4, {y} + {height} - 4)];"
    );
    let corners = stage.browser.player(&script).await?;
    let number = |index: usize| corners[index].as_f64().unwrap_or_default();
    stage.browser.drag((number(0), number(1)), (number(2), number(3)), 0).await?;
    stage.browser.click("#ask-changes").await?;
    let said = "byId('region-text').textContent";
    let words = format!("{} changes", ticks.len());
    stage.browser.until(&format!("{said}.startsWith('{words}')"), said).await?;
    stage.browser.click("#region-previous").await?;
    stage.shows(*ticks.last().expect("ticks")).await?;
    stage.browser.until(&format!("{said}.includes('{0} of {0}')", ticks.len()), said).await?;
    stage.browser.press("p").await?;
    stage.shows(ticks[ticks.len() - 2]).await?;
    stage.browser.press("x").await?;
    stage.shows(ticks[ticks.len() - 1]).await?;
    stage.browser.until("byId('region-next').disabled", "0").await?;
    // The marks stand on the strip: pixels of their colour are there, and gone with them.
    let orange = "(() => { const c = byId('strip'), [r, g, b] = [179, 92, 0];
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0;
        for (let i = 0; i < d.length; i += 4) n += d[i] === r && d[i + 1] === g && d[i + 2] === b;
        return n; })()";
    stage.browser.until(&format!("{orange} > 20"), orange).await?;
    stage.browser.click("#ask-seen").await?;
    stage.browser.until(&format!("{said}.startsWith('Seen once')"), said).await?;
    stage.browser.press(ESCAPE).await?;
    stage.browser.until("byId('selecting').hidden", "0").await?;
    stage.browser.press(ESCAPE).await?;
    stage.browser.until(&format!("byId('region').hidden && {orange} === 0"), orange).await?;
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_can_be_cancelled_and_a_rectangle_be_chosen_by_keys() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let answer = stage
        .browser
        .player(
            "const ending = new AbortController();
             const all = { x: 0, y: 0, width: 640, height: 400 };
             const asked = p.regionHistory(all, 0, { signal: ending.signal }).catch(e => e.name);
             ending.abort();
             const ended = await p.regionHistory(all, 0, { signal: ending.signal }).catch(e => e.name);
             return [await asked, ended, (await p.regionHistory(all)).length > 0];",
        )
        .await?;
    assert_eq!(answer, serde_json::json!(["AbortError", "AbortError", true]));
    stage.browser.press("r").await?;
    let label = "byId('selection').getAttribute('aria-label')";
    stage
        .browser
        .until(&format!("document.activeElement === byId('selection') && {label}"), label)
        .await?;
    let before = stage.browser.player("return p.currentTime;").await?;
    let first = stage
        .browser
        .player("return document.getElementById('selection').getAttribute('aria-label');")
        .await?;
    stage.browser.press("\u{E014}").await?;
    stage.browser.press_with('\u{E008}', '\u{E015}').await?;
    stage.browser.until(&format!("{label} !== {first}"), label).await?;
    assert_eq!(
        stage.browser.player("return p.currentTime;").await?,
        before,
        "arrows moved the time"
    );
    stage.browser.close().await
}
