//! Where the player decodes: in workers under a strict policy and across origins, and on the page's
//! own thread where there are none. The pixels are the same everywhere.

use anyhow::{Context, Result};
use deskreel_tests::browser::{Browser, programs, sha256};
use deskreel_tests::product::{
    Product, not_run, pictures, player_files, read_picture, sample_recording,
};
use deskreel_tests::static_site::StaticSite;

const START: u64 = 1_763_900_000_000;
/// A stream for each codec: what is coded as WebP is decoded by a module of its own.
const STREAMS: [(&str, &str); 3] = [("desk", "quick"), ("small", "screen"), ("old", "webp")];

/// A recorded product and a browser; else notes why not.
async fn recorded() -> Result<Option<(Product, Browser)>> {
    if let Err(error) = programs() {
        not_run("decoders", &error.to_string());
        return Ok(None);
    }
    if !player_files().join("index.html").is_file() {
        not_run("decoders", "the player is not built; run `cargo xtask wasm`");
        return Ok(None);
    }
    let product = Product::start()?;
    let path = sample_recording().to_string_lossy().into_owned();
    for (stream, codec) in STREAMS {
        let start = START.to_string();
        let options = ["--stream", stream, "--codec", codec, "--start", &start];
        product.run_ok(&[&["import", path.as_str()], &options[..]].concat())?;
    }
    Ok(Some((product, Browser::open(1280, 800, false).await?)))
}

/// A grant for the stream, as a page of the server gets it.
async fn grant(product: &Product, browser: &Browser, stream: &str) -> Result<Vec<u8>> {
    browser.go(&product.player_url(stream)).await?;
    let body = format!(
        "const body = JSON.stringify({{ stream: '{stream}', role: 'view' }});
         const headers = {{ 'content-type': 'application/json' }};
         const answer = await fetch('/-/api/grant', {{ method: 'POST', headers, body }});
         return answer.text();"
    );
    let text = browser.player(&body).await?;
    Ok(text.as_str().context("a grant is text")?.as_bytes().to_vec())
}

/// A page with nothing but the player, which comes from `origin`; `head` goes into its head.
fn page(origin: &str, stream: &str, head: &str) -> Vec<u8> {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{head}<title>t</title>
         <style>deskreel-player {{ width: 800px; height: 600px }}</style>
         <script type=\"module\" src=\"{origin}/deskreel-player.js\"></script></head>
         <body><deskreel-player src=\"{origin}/grant.json\" stream=\"{stream}\"></deskreel-player></body>"
    )
    .into_bytes()
}

/// Three moments are exact on the canvas; returns the memory of the workers that decoded them.
async fn prove(browser: &Browser) -> Result<f64> {
    browser.ready().await?;
    let files = pictures(&sample_recording())?;
    for index in [2, 9, 5] {
        let time_ms = START + index as u64 * 10_000;
        let seen = browser.seek(time_ms).await?;
        assert!(seen.exact && seen.error.is_none(), "{seen:?}");
        assert_eq!(seen.sha256, sha256(&read_picture(&files[index])?), "moment {index}");
    }
    let memory = browser.player("return p.memory.decoders;").await?;
    memory.as_f64().context("memory is a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_decode_under_the_servers_own_strict_policy() -> Result<()> {
    let Some((product, browser)) = recorded().await? else { return Ok(()) };
    for (stream, _) in STREAMS {
        browser.go(&product.player_url(stream)).await?;
        assert!(prove(&browser).await? > 0.0, "no worker decoded anything of {stream}");
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_decode_for_a_page_of_another_origin() -> Result<()> {
    let Some((product, browser)) = recorded().await? else { return Ok(()) };
    for (stream, _) in STREAMS {
        let made = vec![("grant.json".to_owned(), grant(&product, &browser, stream).await?)];
        let host = StaticSite::start(&player_files(), made).await?;
        let nothing = tempfile::tempdir()?;
        let made = vec![("index.html".to_owned(), page(&host.origin(), stream, ""))];
        let embedder = StaticSite::start(nothing.path(), made).await?;
        browser.go(&embedder.origin()).await?;
        assert!(prove(&browser).await? > 0.0, "no worker decoded anything of {stream}");
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_workers_the_page_decodes_itself_and_loses_no_pixel() -> Result<()> {
    let Some((product, browser)) = recorded().await? else { return Ok(()) };
    let mut grants = Vec::new();
    for (stream, _) in STREAMS {
        grants.push((stream, grant(&product, &browser, stream).await?));
    }
    let forbids = "<meta http-equiv=\"Content-Security-Policy\" content=\"worker-src 'none'\">";
    // Workers that start and then die of their first pack, that never start, that never answer.
    let dies = "onmessage = ({ data }) => {
        if (data.module) { postMessage({ ready: true, memory: 1 }); return; }
        throw new Error('this decoder dies'); };";
    let breaks = "throw new Error('this decoder never starts');";
    let silent = "onmessage = () => {};";
    let hosts = [(forbids, None), ("", Some(dies)), ("", Some(breaks)), ("", Some(silent))];
    let cases = hosts.iter().flat_map(|host| grants.iter().map(move |grant| (host, grant)));
    for ((head, decoder), (stream, grant)) in cases {
        let mut made = vec![
            ("grant.json".to_owned(), grant.clone()),
            ("index.html".to_owned(), page("", stream, head)),
        ];
        made.extend(decoder.map(|code| ("decoder.js".to_owned(), code.as_bytes().to_vec())));
        let site = StaticSite::start(&player_files(), made).await?;
        browser.go(&site.origin()).await?;
        let held = prove(&browser).await.with_context(|| format!("{stream} {head} {decoder:?}"))?;
        assert_eq!(held, 0.0, "{stream} {head} {decoder:?}");
    }
    browser.close().await
}
