//! The main job seen from the browser: the canvas of the real player in real Chromium.

use anyhow::Result;
use deskreel_tests::browser::{Browser, is_here};
use deskreel_tests::product::{Product, pictures, read_picture, repository, sample_recording};
use deskreel_tests::prove::prove_canvas;

const START: u64 = 1_763_900_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_canvas_shows_exactly_what_was_captured_in_any_order() -> Result<()> {
    if !is_here("browser") {
        return Ok(());
    }
    let product = Product::start()?;
    let folder = sample_recording();
    let path = folder.to_string_lossy().into_owned();
    product.run_ok(&["import", &path, "--stream", "desk", "--start", &START.to_string()])?;
    let jumps = prove_canvas(&product, "desk", &pictures(&folder)?, START, 12, 1).await?;
    assert!(jumps.forward > 0 && jumps.backward > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_stream_and_a_stopped_server_are_said_plainly() -> Result<()> {
    if !is_here("browser") {
        return Ok(());
    }
    let mut product = Product::start()?;
    let browser = Browser::open(1440, 900, true).await?;
    browser.go(&product.player_url("nothing")).await?;
    let wait = "for (let i = 0; i < 200 && p.status !== WANTED; i++)
                  await new Promise(r => setTimeout(r, 50));
                return p.status;";
    assert_eq!(browser.player(&wait.replace("WANTED", "'empty'")).await?, "empty");
    product.stop_server();
    browser.player("p.stream = 'other';").await?;
    assert_eq!(browser.player(&wait.replace("WANTED", "'offline'")).await?, "offline");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_pack_marks_its_hole_names_its_object_and_shows_the_rest() -> Result<()> {
    if !is_here("browser") {
        return Ok(());
    }
    let product = Product::start()?;
    let folder = sample_recording();
    let path = folder.to_string_lossy().into_owned();
    product.run_ok(&["import", &path, "--stream", "desk", "--start", &START.to_string()])?;
    // The first segment holds most tiles; its last pack's last byte is changed.
    let mut objects = Vec::new();
    find(&product.data(), &format!("{START}-"), &mut objects)?;
    objects.retain(|path| path.to_string_lossy().contains("/segments"));
    let mut bytes = std::fs::read(&objects[0])?;
    let packs_end = deskreel_format_object_len(&bytes);
    bytes[packs_end - 1] ^= 1;
    std::fs::write(&objects[0], bytes)?;
    let browser = Browser::open(1440, 900, false).await?;
    browser.go(&product.player_url("desk")).await?;
    browser
        .player(
            "for (let i = 0; i < 300 && !p.error; i++) await new Promise(r => setTimeout(r, 50));",
        )
        .await?;
    let seen = browser.seek(START + 110_000).await?;
    let error = seen.error.unwrap_or_default();
    assert!(!seen.exact);
    assert!(error.contains(&format!("{START}-")), "the error does not name the object: {error}");
    let right = read_picture(&pictures(&folder)?[11])?;
    let differing = browser
        .player("const i = p.pixels(0); return [i.width, i.height, Array.from(i.data)];")
        .await?;
    let data = differing[2].as_array().expect("pixels");
    let same = right
        .as_raw()
        .chunks(3)
        .zip(data.chunks(4))
        .filter(|(a, b)| (0..3).all(|c| b[c].as_u64() == Some(u64::from(a[c]))))
        .count();
    let total = right.as_raw().len() / 3;
    assert!(same > total / 4 && same < total, "{same} of {total} pixels are right");
    browser.close().await
}

/// The length of the segment at the start of a stored file, from its header (FORMAT.md).
fn deskreel_format_object_len(bytes: &[u8]) -> usize {
    u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize
}

fn find(folder: &std::path::Path, part: &str, found: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, part, found)?;
        } else if path.to_string_lossy().contains(part) {
            found.push(path);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_looks_right_at_desktop_and_phone_size_light_and_dark() -> Result<()> {
    if !is_here("browser") {
        return Ok(());
    }
    let product = Product::start()?;
    let path = sample_recording().to_string_lossy().into_owned();
    product.run_ok(&["import", &path, "--stream", "desk"])?;
    let folder = repository().join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    for (name, width, height, dark) in [
        ("desktop-light", 1440, 900, false),
        ("desktop-dark", 1440, 900, true),
        ("phone-light", 390, 844, false),
        ("phone-dark", 390, 844, true),
    ] {
        let browser = Browser::open(width, height, dark).await?;
        browser.go(&product.player_url("desk")).await?;
        browser.ready().await?;
        let layout = browser
            .player(
                "await new Promise(r => setTimeout(r, 600));
                 const e = document.documentElement;
                 return [e.scrollWidth - e.clientWidth, p.getBoundingClientRect().width,
                         matchMedia('(prefers-color-scheme: dark)').matches];",
            )
            .await?;
        assert_eq!(layout[0], 0, "{name} scrolls sideways");
        assert!(layout[1].as_f64().unwrap_or(0.0) > f64::from(width) * 0.5, "{name}: {layout}");
        assert_eq!(layout[2], dark);
        std::fs::write(folder.join(format!("{name}.png")), browser.screenshot().await?)?;
        browser.close().await?;
    }
    Ok(())
}
