//! The slider: what it shows of a day, and getting around on it.

use anyhow::Result;
use deskreel_tests::browser::hands::SHIFT;
use deskreel_tests::browser::is_here;
use serde_json::json;

use super::{Stage, times};

const ARROW_LEFT: char = '\u{E012}';
const HOME: &str = "\u{E011}";
const END: &str = "\u{E010}";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_absence_is_marked_explained_and_spoken() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let kinds = ["paused", "locked", "excluded", "offline", "not running"];
    stage
        .browser
        .until(
            "p.gaps.length >= 5 && p.gaps.every(g => g.kind !== 'unknown' || g.to > p.newestTime)",
            "p.gaps",
        )
        .await?;
    let gaps = stage.browser.player("return p.gaps.map(g => [g.from, g.to, g.kind]);").await?;
    for ((from, to, _), (gap, kind)) in
        stage.story.absences.iter().zip(gaps.as_array().expect("gaps").iter().zip(kinds))
    {
        assert_eq!(gap, &json!([*from, *to, kind]));
    }
    // Who was there is told by manifests, and by indexes, which this story has none of.
    stage.browser.player(&format!("p.currentTime = {} / 1000;", stage.story.idle.0)).await?;
    stage.shows(stage.story.idle.0).await?;
    let shown =
        "[...document.querySelectorAll('#legend li:not([hidden])')].map(i => i.dataset.kind)";
    let all = "'active,idle,paused,locked,excluded,offline,not running'";
    stage.browser.until(&format!("String({shown}).startsWith({all})"), shown).await?;
    // Each pattern is another one: the legend's pictures differ.
    let patterns = stage
        .browser
        .player(
            "const all = [...document.querySelectorAll('#legend li:not([hidden]) canvas')];
             return all.length - new Set(all.map(canvas => canvas.toDataURL())).size;",
        )
        .await?;
    assert_eq!(patterns, 0);
    // In the middle of an absence the slider says so, and the pointer is told why and for how long.
    let (from, to, _) = stage.story.absences[1];
    let at = (from + to) / 2;
    stage.browser.player(&format!("p.currentTime = {at} / 1000;")).await?;
    let spoken = "byId('timeline').getAttribute('aria-valuetext')";
    stage.browser.until(&format!("{spoken}.includes('locked')"), spoken).await?;
    let share = stage.number(&format!("({at} / 1000 - p.windowStart) / p.duration")).await?;
    stage.browser.hover(stage.browser.place("#timeline", share, 0.3).await?).await?;
    let note = "byId('hover-note').textContent";
    stage.browser.until(&format!("{note} === 'Locked for 15 min'"), note).await?;
    stage.browser.close().await
}

/// How many objects the page has asked for; looking for new screenshots is not counted.
const ASKED: &str = "performance.getEntriesByType('resource')
    .filter(entry => !entry.name.includes('list-type')).length";

/// Waits until nothing more is fetched ahead; gives what was asked for by then.
async fn at_rest(stage: &Stage) -> Result<f64> {
    let mut asked = stage.number(ASKED).await?;
    let mut still = 0;
    for _ in 0..300 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let now = stage.number(ASKED).await?;
        still = if now > asked { 0 } else { still + 1 };
        asked = now;
        if still == 15 {
            return Ok(asked);
        }
    }
    anyhow::bail!("the page never stops asking: {asked} objects")
}

#[tokio::test(flavor = "multi_thread")]
async fn hovering_shows_the_moment_there_without_asking_for_anything() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let at = *stage.story.times.last().expect("shots");
    stage.browser.press("]]]]").await?;
    stage.browser.until("p.exact", "p.status").await?;
    let before = at_rest(&stage).await?;
    let place = stage.browser.place("#head", 0.5, 0.5).await?;
    stage.browser.hover(place).await?;
    let told = format!(
        "[byId('hover').outerHTML, innerWidth, {}, document.elementFromPoint({}, {}).id]",
        place.0, place.0, place.1
    );
    stage.browser.until("!byId('hover').hidden && !byId('hover-picture').hidden", &told).await?;
    let equal = stage
        .browser
        .player(&format!(
            "const small = p.preview({at} / 1000, 2000), canvas = p.shadowRoot.querySelector('canvas');
             const shown = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
             let differing = 0;
             for (let i = 0; i < shown.data.length; i++) differing += shown.data[i] !== small.image.data[i];
             return [small.time, small.image.width, canvas.width, differing];"
        ))
        .await?;
    assert_eq!(equal, json!([at, 1120, 1120, 0]), "at full size it is the picture itself");
    let after = stage.number(ASKED).await?;
    assert_eq!(before, after, "the preview asked the store for something");
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slider_zooms_by_wheel_keys_and_pinch_pans_and_never_loses_the_playhead() -> Result<()>
{
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let span = "Number(document.querySelector('[name=span]:checked')?.value ?? 0)";
    assert_eq!(stage.number(span).await?, 86_400.0);
    stage.browser.press("]]").await?;
    assert_eq!(stage.number(span).await?, 3_600.0);
    let middle = stage.browser.place("#timeline", 0.5, 0.3).await?;
    for _ in 0..20 {
        stage.browser.wheel(middle, 0.0, -240.0, 0).await?;
    }
    stage
        .browser
        .until("document.querySelector('[name=span]:checked')?.value === '60'", "0")
        .await?;
    let labels = stage.browser.player("return document.querySelectorAll('#ticks span').length;");
    assert!(labels.await?.as_u64().is_some_and(|count| count >= 3), "seconds are labelled");
    // Panned away, the playhead waits at the edge that it left by.
    for _ in 0..8 {
        stage.browser.wheel(middle, -600.0, 0.0, 0).await?;
    }
    let head = "byId('head').classList.contains('outside') && byId('head').getBoundingClientRect()";
    stage
        .browser
        .until(&format!("({head}).left > innerWidth - 40"), "byId('head').outerHTML")
        .await?;
    // A seek brings it back.
    stage.browser.press(",").await?;
    stage
        .browser
        .until("!byId('head').classList.contains('outside')", "byId('head').outerHTML")
        .await?;
    stage
        .browser
        .cdp("Emulation.setTouchEmulationEnabled", json!({ "enabled": true, "maxTouchPoints": 2 }))
        .await?;
    let (left, right) = (
        stage.browser.place("#timeline", 0.2, 0.3).await?,
        stage.browser.place("#timeline", 0.8, 0.3).await?,
    );
    let (a, b) = ((middle.0 - 20.0, middle.1), (middle.0 + 20.0, middle.1));
    stage.browser.pinch([left, right], [a, b]).await?;
    stage.browser.until("!document.querySelector('[name=span]:checked')", "0").await?;
    stage.browser.press("[[[[[[").await?;
    assert_eq!(stage.number(span).await?, 86_400.0);
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_keys_and_jumps_go_where_they_say() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let all = &stage.story.times;
    stage.browser.press(HOME).await?;
    stage.shows(all[0]).await?;
    stage.browser.press("...").await?;
    stage.shows(all[3]).await?;
    stage.browser.press(",").await?;
    stage.shows(all[2]).await?;
    stage.browser.press("l").await?;
    stage.shows(all[3]).await?;
    stage.browser.press_with('\u{E008}', ARROW_LEFT).await?;
    stage.shows(all[0]).await?;
    stage.browser.press(END).await?;
    stage.shows(all[59]).await?;
    let share =
        stage.number(&format!("({} / 1000 + 4 - p.windowStart) / p.duration", all[40])).await?;
    let place = stage.browser.place("#timeline", share, 0.4).await?;
    stage.browser.drag(place, place, 0).await?;
    stage.browser.until("p.shownTime < p.newestTime && !p.seeking", "p.shownTime").await?;
    let known = times(&stage.browser.player("return [p.shownTime, p.currentTime * 1000];").await?)?;
    let wanted = all.iter().rev().find(|time| **time <= known[1]).expect("a moment before");
    assert_eq!(known[0], *wanted, "the newest at or before the place");
    // Idle stretches are skipped at once, and while paused they are shown.
    stage.browser.player(&format!("p.currentTime = {} / 1000;", all[15])).await?;
    stage.shows(all[15]).await?;
    stage.browser.press("s").await?;
    stage.shows(all[15]).await?;
    stage
        .browser
        .player("document.getElementById('speed').value = '1'; p.playbackRate = 1;")
        .await?;
    stage.browser.press("k").await?;
    stage.browser.until(&format!("p.shownTime === {}", all[24]), "p.shownTime").await?;
    stage.browser.press("k").await?;
    stage.browser.until("p.paused", "p.paused").await?;
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_dragged_with_shift_is_looped_until_escape() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let all = &stage.story.times;
    stage.browser.player(&format!("p.currentTime = {} / 1000;", all[4])).await?;
    stage.shows(all[4]).await?;
    stage.browser.press("]]]").await?;
    let head = stage.number("document.getElementById('head').getBoundingClientRect().left").await?;
    let (_, y) = stage.browser.place("#timeline", 0.0, 0.4).await?;
    // On the slider of ten minutes a screenshot takes more than 20 pixels.
    stage.browser.drag((head + 2.0, y), (head + 60.0, y), SHIFT).await?;
    stage
        .browser
        .until("p.loop !== null && byId('loop').getAttribute('aria-pressed') === 'true'", "p.loop")
        .await?;
    let looped = times(&stage.browser.player("return p.loop.map(t => t * 1000);").await?)?;
    assert!(all[4] <= looped[0] && looped[0] < looped[1] && looped[1] < all[8], "{looped:?}");
    stage
        .browser
        .player(
            "window.seen = []; p.addEventListener('shown', () => window.seen.push(p.shownTime));",
        )
        .await?;
    stage.browser.press(">>k").await?;
    let first = all[4];
    let returns = format!(
        "window.seen.filter((t, i) => t === {first} && window.seen[i - 1] > t).length >= 2"
    );
    stage.browser.until(&returns, "window.seen").await?;
    stage.browser.press("\u{E00C}").await?;
    stage.browser.until("p.loop === null", "p.loop").await?;
    stage.browser.until(&format!("p.shownTime >= {}", all[9]), "p.shownTime").await?;
    // From here, to here.
    stage.browser.press("k").await?;
    stage.browser.until("p.paused", "p.paused").await?;
    stage.browser.press(&format!("{HOME}a...b")).await?;
    stage.browser.until("p.loop !== null && p.loop[1] - p.loop[0] <= 30.5", "p.loop").await?;
    stage.browser.press("o").await?;
    stage.browser.until("p.loop === null", "p.loop").await?;
    stage.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn hovering_where_nothing_is_here_shows_the_storyboard_and_fetches_no_tile() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let boards = "performance.getEntriesByType('resource')
        .filter(entry => entry.name.includes('/storyboards/')).map(entry => entry.name)";
    at_rest(&stage).await?;
    assert_eq!(stage.browser.player(&format!("return {boards};")).await?, json!([]));
    let before = stage.number(ASKED).await?;
    // A minute into the recording, more than an hour ago: nothing of it was fetched.
    let minute = stage.story.times[6];
    let share = format!("({minute} / 1000 + 5 - p.windowStart) / p.duration");
    let share = stage.number(&share).await?;
    stage.browser.hover(stage.browser.place("#timeline", share, 0.3).await?).await?;
    let shown = "!byId('hover-picture').hidden";
    let told = format!("[byId('hover').outerHTML, {boards}, p.storyboard({minute} / 1000)]");
    stage.browser.until(shown, &told).await?;
    // Both monitors, small: blue, and red beside it; where no monitor is, black.
    let colours = stage
        .browser
        .player(
            "const canvas = document.getElementById('hover-picture');
             const at = (x, y) =>
               [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3);
             return [canvas.width, canvas.height, at(60, 20), at(130, 20), at(130, 1)];",
        )
        .await?;
    let near = |value: &serde_json::Value, wanted: [i64; 3]| {
        let values = value.as_array().into_iter().flatten().map(|v| v.as_i64().unwrap_or(-99));
        values.zip(wanted).all(|(value, wanted)| (value - wanted).abs() < 12)
    };
    assert_eq!((&colours[0], &colours[1]), (&json!(160), &json!(57)), "{colours}");
    for (index, colour) in [(2, [24, 60, 96]), (3, [90, 40, 70]), (4, [0, 0, 0])] {
        assert!(near(&colours[index], colour), "{colours}");
    }
    let fetched = stage.browser.player(&format!("return {boards};")).await?;
    let fetched = fetched.as_array().map(Vec::len).unwrap_or_default();
    assert_eq!(fetched, 1, "one storyboard");
    assert_eq!(stage.number(ASKED).await?, before + 1.0, "nothing else");
    // The slider zooms below the pointer, which then means another time.
    let said = stage.text("hover-time").await?;
    stage.browser.press("]]").await?;
    let other = format!("byId('hover-time').textContent !== '{said}'");
    stage.browser.until(&other, &told).await?;
    // The pointer gone, nobody looks.
    stage.browser.hover((10.0, 10.0)).await?;
    stage.browser.until("byId('hover').hidden", &told).await?;
    stage.browser.close().await
}
