//! Region history and "seen when" in real Chromium, on a real recording, against its PNG files.

use anyhow::{Context, Result};
use deskreel_tests::browser::{Browser, programs};
use deskreel_tests::product::{
    Product, not_run, pictures, player_files, read_picture, sample_recording,
};
use image::RgbImage;

const START: u64 = 1_763_900_000_000;
/// x, y, width, height: whole tiles of 16 pixels.
const RECTS: [[u32; 4]; 4] =
    [[0, 0, 1280, 800], [320, 160, 320, 160], [0, 768, 1280, 32], [640, 400, 16, 16]];

fn cut(picture: &RgbImage, [x, y, width, height]: [u32; 4]) -> Vec<u8> {
    image::imageops::crop_imm(picture, x, y, width, height).to_image().into_raw()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_element_finds_changes_and_equal_moments_as_comparing_the_files_does() -> Result<()> {
    if let Err(error) = programs() {
        not_run("regions", &error.to_string());
        return Ok(());
    }
    if !player_files().join("index.html").is_file() {
        not_run("regions", "the player is not built; run `cargo xtask wasm`");
        return Ok(());
    }
    let product = Product::start()?;
    let path = sample_recording().to_string_lossy().into_owned();
    product.run_ok(&["import", &path, "--stream", "desk", "--start", &START.to_string()])?;
    let files = pictures(&sample_recording())?;
    let pictures = files.iter().map(|file| read_picture(file)).collect::<Result<Vec<_>>>()?;
    let time = |index: usize| START + index as u64 * 10_000;
    let browser = Browser::open(1280, 800, false).await?;
    browser.go(&product.player_url("desk")).await?;
    browser.ready().await?;
    for rect in RECTS {
        let cuts: Vec<Vec<u8>> = pictures.iter().map(|picture| cut(picture, rect)).collect();
        let [x, y, width, height] = rect;
        let rectangle = format!("{{ x: {x}, y: {y}, width: {width}, height: {height} }}");
        let body = format!("return [...await p.regionHistory({rectangle})];");
        let changes = times(&browser.player(&body).await?)?;
        let expected: Vec<u64> =
            (1..cuts.len()).filter(|i| cuts[*i] != cuts[i - 1]).map(time).collect();
        assert_eq!(changes, expected, "{rect:?}");
        for at in [3, 8] {
            browser.seek(time(at)).await?;
            let body = format!(
                "const seen = await p.seenWhen({rectangle}), ends = [];
                 for (let i = 0; i < seen.length; i++)
                   ends.push(Math.round(seen.start(i) * 1000), Math.round(seen.end(i) * 1000));
                 return ends;"
            );
            let ends = times(&browser.player(&body).await?)?;
            let is_in = |time: u64| ends.chunks(2).any(|pair| (pair[0]..pair[1]).contains(&time));
            let found: Vec<usize> = (0..cuts.len()).filter(|i| is_in(time(*i))).collect();
            let expected: Vec<usize> = (0..cuts.len()).filter(|i| cuts[*i] == cuts[at]).collect();
            assert_eq!(found, expected, "{rect:?} as at {at}");
        }
    }
    let refused = browser
        .player("return p.regionHistory({ x: -1, y: 0, width: 1, height: 1 }).catch(e => e.name);");
    assert_eq!(refused.await?, "TypeError");
    browser.close().await
}

fn times(value: &serde_json::Value) -> Result<Vec<u64>> {
    let list = value.as_array().context("a list of times")?;
    list.iter().map(|time| time.as_f64().map(|ms| ms as u64).context("a time")).collect()
}
