//! What a first visit loads, and that it runs nothing else.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use deskreel_tests::browser::{Browser, is_here};
use deskreel_tests::product::player_files;
use deskreel_tests::static_site::StaticSite;
use serde_json::{Value, json};

use super::Stage;

/// Bytes on the wire for page, program and styles, by brotli.
const MOST: u64 = 225_000;
/// The same by gzip, as any static host can serve them.
const MOST_GZIPPED: u64 = 250_000;

#[test]
fn a_host_without_brotli_serves_little_as_well() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let mut sum = 0;
    for entry in std::fs::read_dir(player_files())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The decoder of WebP comes only with the first pack that needs it.
        if name.ends_with(".gz") && !name.starts_with("codecs") {
            sum += entry.metadata()?.len();
        }
    }
    assert!((1..MOST_GZIPPED).contains(&sum), "{sum} bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_comes_compressed_and_light() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let stage = Stage::open(1440, 900).await?;
    let loaded = stage
        .browser
        .player(
            "const all = [...performance.getEntriesByType('navigation'),
                          ...performance.getEntriesByType('resource')];
             return all.filter(e => e.name.includes('/-/player/') && e.decodedBodySize > 1000)
                 .map(e => [e.name.split('/').pop(), e.encodedBodySize, e.decodedBodySize]);",
        )
        .await?;
    let rows: Vec<&Value> = loaded.as_array().into_iter().flatten().collect();
    let modules: Vec<&&Value> = rows
        .iter()
        .filter(|row| row[0].as_str().is_some_and(|name| name.starts_with("player_bg.")))
        .collect();
    // Announced by the page and fetched by the program: one load.
    assert_eq!(modules.len(), 1, "{loaded}");
    assert!(rows.iter().all(|row| row[1].as_u64() < row[2].as_u64()), "not compressed: {loaded}");
    // What page and decoders share is named twice and loaded once.
    let each: BTreeMap<_, _> = rows.iter().map(|row| (row[0].as_str(), row[1].as_u64())).collect();
    let sum: u64 = each.into_values().flatten().sum();
    assert!(sum < MOST, "{sum} bytes: {loaded}");
    println!("the player weighs {sum} bytes on the wire");
    stage.browser.close().await
}

/// The hashed name that a file of the built player has, and its bytes.
fn built(stem: &str, kind: &str) -> Result<(String, Vec<u8>)> {
    for entry in std::fs::read_dir(player_files())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hash = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(kind));
        if hash.is_some_and(|hash| hash.len() == 16) {
            return Ok((name, std::fs::read(entry.path())?));
        }
    }
    anyhow::bail!("the player has no {stem}HASH{kind}; build it with `cargo xtask wasm`")
}

/// Whether the page's own code ran, how many styles it has, whether the module can be had.
async fn parts(browser: &Browser, site: &StaticSite) -> Result<Value> {
    let (player, _) = built("player.", ".js")?;
    // Scripts and styles hold up the page's load event, which `go` waits for.
    browser.go(&site.origin()).await?;
    let ask = format!(
        "const module = await import('./{player}').then(code => code.default()).catch(() => null);
         return [Boolean(window.deskreel), document.styleSheets.length, Boolean(module)];"
    );
    browser.player(&ask).await
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_bytes_are_refused_and_a_plain_host_is_enough() -> Result<()> {
    if !is_here("page") {
        return Ok(());
    }
    let browser = Browser::open(1280, 800, false).await?;
    let site = StaticSite::start(&player_files(), Vec::new()).await?;
    assert_eq!(parts(&browser, &site).await?, json!([true, 2, true]));
    for (stem, kind, expected) in [
        ("page.", ".js", json!([false, 2, true])),
        // Imported by what the page names.
        ("deskreel-player.", ".js", json!([false, 2, true])),
        ("deck.", ".css", json!([true, 1, true])),
        ("player_bg.", ".wasm", json!([true, 2, false])),
    ] {
        let (name, mut bytes) = built(stem, kind)?;
        if kind == ".wasm" {
            // A custom section with the name "a": as good a module as before, with other bytes.
            bytes.extend([0, 2, 1, b'a']);
        } else {
            bytes.push(b'\n');
        }
        let site = StaticSite::start(&player_files(), vec![(name.clone(), bytes)]).await?;
        let seen = parts(&browser, &site).await.with_context(|| name.clone())?;
        ensure!(seen == expected, "{name} was changed: {seen}, expected {expected}");
    }
    browser.close().await
}
