//! The main job on the embedded store: screens in, bucket, exact pixels out; and bad input.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use deskreel_tests::product::{Product, pictures, read_picture, sample_recording};

const START: u64 = 1_763_900_000_000;

fn import<'a>(folder: &'a str, stream: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["import", folder, "--stream", stream, "--start", "1763900000000"];
    arguments.extend_from_slice(more);
    arguments
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// Every moment of the stream is the picture that was imported, and none is missing.
fn assert_exact(product: &Product, stream: &str, files: &[std::path::PathBuf]) -> Result<()> {
    let moments = product.moments(stream)?;
    let expected: Vec<u64> = (0..files.len() as u64).map(|n| START + n * 10_000).collect();
    assert_eq!(moments, expected);
    for (time_ms, file) in moments.iter().zip(files) {
        let frame = product.frame(stream, *time_ms)?;
        assert!(frame == read_picture(file)?, "{} differs at {time_ms}", file.display());
    }
    Ok(())
}

#[test]
fn every_imported_screenshot_comes_back_bit_for_bit_and_unchanged_tiles_cost_nothing() -> Result<()>
{
    let product = Product::start()?;
    let recording = sample_recording();
    let said = product.run_ok(&import(text(&recording), "desk", &[]))?;
    assert!(said.starts_with("12 screenshots"), "{said}");
    let files = pictures(&recording)?;
    assert_exact(&product, "desk", &files)?;
    let stats: serde_json::Value =
        serde_json::from_str(&product.run_ok(&["stats", "--stream", "desk", "--json"])?)?;
    assert_eq!(stats["screenshots"], 12);
    let png: u64 = files.iter().map(|f| std::fs::metadata(f).map_or(0, |m| m.len())).sum();
    let stored = stats["bytes"].as_u64().context("bytes")?;
    assert!(stored * 2 < png, "{stored} bytes stored of {png} bytes of PNG");
    // Once more changes nothing.
    let again = product.run_ok(&import(text(&recording), "desk", &[]))?;
    assert!(again.starts_with("0 screenshots") && again.contains("12 were already"), "{again}");
    // A second stream in batches of a minute reads alike.
    product.run_ok(&import(text(&recording), "minutes", &["--upload-every", "60s"]))?;
    assert_exact(&product, "minutes", &files)
}

#[test]
fn every_tile_size_and_codec_is_exact() -> Result<()> {
    let product = Product::start()?;
    let folder = product.folder().join("few");
    std::fs::create_dir(&folder)?;
    for file in &pictures(&sample_recording())?[..3] {
        std::fs::copy(file, folder.join(file.file_name().context("a name")?))?;
    }
    let files = pictures(&folder)?;
    for tile in ["8", "16", "32", "64", "128"] {
        for codec in ["webp", "screen", "quick"] {
            let stream = format!("{codec}-{tile}");
            let options = ["--tile", tile, "--codec", codec];
            product.run_ok(&import(text(&folder), &stream, &options))?;
            assert_exact(&product, &stream, &files)?;
        }
    }
    Ok(())
}

#[test]
fn an_import_killed_at_any_point_is_finished_by_running_it_again() -> Result<()> {
    let product = Product::start()?;
    let recording = sample_recording();
    let files = pictures(&recording)?;
    for round in 0..20_u64 {
        let stream = format!("killed-{}", round % 4);
        let mut child = product.deskreel(&import(text(&recording), &stream, &[]))?.spawn()?;
        // From before the first upload to about the last.
        std::thread::sleep(Duration::from_millis(20 + round * 67 % 900));
        child.kill()?;
        child.wait()?;
        // Whatever is listed is exact.
        for time_ms in product.moments(&stream)?.into_iter().rev().take(2) {
            let file = &files[((time_ms - START) / 10_000) as usize];
            assert!(product.frame(&stream, time_ms)? == read_picture(file)?, "round {round}");
        }
    }
    for stream in ["killed-0", "killed-1", "killed-2", "killed-3"] {
        product.run_ok(&import(text(&recording), stream, &[]))?;
        assert_exact(&product, stream, &files)?;
    }
    Ok(())
}

#[test]
fn the_known_tiles_survive_the_loss_of_the_agents_state() -> Result<()> {
    let product = Product::start()?;
    let recording = sample_recording();
    let files = pictures(&recording)?;
    let first = product.folder().join("first");
    std::fs::create_dir(&first)?;
    for file in &files[..6] {
        std::fs::copy(file, first.join(file.file_name().context("a name")?))?;
    }
    let bytes = |stream: &str| -> Result<u64> {
        let text = product.run_ok(&["stats", "--stream", stream, "--json"])?;
        serde_json::from_str::<serde_json::Value>(&text)?["bytes"].as_u64().context("bytes")
    };
    product.run_ok(&import(text(&recording), "whole", &[]))?;
    product.run_ok(&import(text(&first), "parts", &[]))?;
    std::fs::remove_dir_all(product.folder().join("state"))?;
    product.run_ok(&import(text(&recording), "parts", &[]))?;
    assert_exact(&product, "parts", &files)?;
    let (whole, parts) = (bytes("whole")?, bytes("parts")?);
    assert!(parts <= whole + whole / 50, "rebuilding lost tiles: {parts} bytes against {whole}");
    Ok(())
}

#[test]
fn a_picture_that_cannot_be_read_is_named_and_stopped_at_or_skipped() -> Result<()> {
    let product = Product::start()?;
    let folder = product.folder().join("bad");
    std::fs::create_dir(&folder)?;
    let files = pictures(&sample_recording())?;
    std::fs::copy(&files[0], folder.join("0.png"))?;
    std::fs::write(folder.join("1.png"), &std::fs::read(&files[1])?[..20_000])?;
    std::fs::write(folder.join("2.png"), "this is no picture")?;
    std::fs::copy(&files[3], folder.join("3.png"))?;
    let stopped = product.run(&import(text(&folder), "stop", &[]))?;
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(1), "{said}");
    assert!(said.contains("1.png") && said.contains("--on-error skip"), "{said}");
    assert_eq!(product.moments("stop")?, [START]);
    let skipped = product.run(&import(text(&folder), "skip", &["--on-error", "skip"]))?;
    let said = String::from_utf8_lossy(&skipped.stderr).into_owned();
    assert_eq!(skipped.status.code(), Some(3), "{said}");
    assert!(said.contains("1.png") && said.contains("2.png"), "{said}");
    assert_eq!(product.moments("skip")?, [START, START + 30_000]);
    assert!(product.frame("skip", START + 30_000)? == read_picture(&files[3])?);
    Ok(())
}

#[test]
fn screenshots_far_apart_go_into_segments_that_readers_look_for() -> Result<()> {
    let product = Product::start()?;
    // Two fit the time that goes into one object, by its start alone.
    let far = ["--interval", "11m", "--upload-every", "5m"];
    product.run_ok(&import(text(&sample_recording()), "far", &far))?;
    let now = (START + 12 * 660_000).to_string();
    let report =
        product.run_ok(&["verify", "--stream", "far", "--deep", "--json", "--now", &now])?;
    assert!(report.contains("\"clean\": true") && report.contains("\"segments\": 12"), "{report}");
    Ok(())
}

#[test]
fn a_damaged_segment_is_named_and_nothing_wrong_is_shown() -> Result<()> {
    let product = Product::start()?;
    product.run_ok(&import(text(&sample_recording()), "desk", &[]))?;
    let mut objects = Vec::new();
    walk(&product.data(), &mut |path| {
        let name = path.to_string_lossy();
        if name.contains("/segments") && name.contains("1763900000000-") {
            objects.push(path.to_owned());
        }
    })?;
    assert_eq!(objects.len(), 1, "{objects:?}");
    let whole = std::fs::read(&objects[0])?;
    let mut refused = 0;
    for at in [3, 40, 9_000, whole.len() / 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&objects[0], damaged)?;
        let out = product.folder().join("x.png");
        let output = product.run(&[
            "frame",
            "--stream",
            "desk",
            "--at",
            "1763900000000",
            "-o",
            text(&out),
        ])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "byte {at}: {said}");
        assert!(said.contains("1763900000000-"), "byte {at}: {said}");
        assert!(!out.exists());
        refused += 1;
    }
    assert_eq!(refused, 4);
    Ok(())
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, visit)? } else { visit(&path) }
    }
    Ok(())
}

#[test]
fn a_server_that_goes_down_loses_nothing() -> Result<()> {
    let mut product = Product::start()?;
    let recording = sample_recording();
    let mut child = product
        .deskreel(&import(text(&recording), "desk", &[]))?
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    std::thread::sleep(Duration::from_millis(400));
    product.stop_server();
    let failed = !child.wait()?.success();
    let said = std::io::read_to_string(child.stderr.take().context("an output")?)?;
    // It may have been done already, or else says who did not answer.
    assert!(!failed || said.contains("127.0.0.1"), "{said}");
    product.restart_server()?;
    product.run_ok(&import(text(&recording), "desk", &[]))?;
    assert_exact(&product, "desk", &pictures(&recording)?)?;
    product.stop_server();
    let output = product.run(&["frame", "--stream", "desk", "--list"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("deskreel-server serve"), "{said}");
    Ok(())
}

#[test]
fn screens_of_any_size_and_changes_of_size_mid_stream_are_exact() -> Result<()> {
    let product = Product::start()?;
    let folder = product.folder().join("sizes");
    std::fs::create_dir(&folder)?;
    for (index, (width, height)) in
        [(1, 1), (640, 480), (641, 479), (7680, 4320), (1, 900), (640, 480)].into_iter().enumerate()
    {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x / 7) as u8, (y / 5) as u8, ((x ^ y) / 64) as u8])
        });
        picture.save(folder.join(format!("{index}.png")))?;
    }
    product.run_ok(&import(text(&folder), "sizes", &[]))?;
    assert_exact(&product, "sizes", &pictures(&folder)?)
}

#[cfg(target_os = "linux")]
#[test]
fn a_picture_that_cannot_be_written_is_an_error_and_leaves_nothing_behind() -> Result<()> {
    let product = Product::start()?;
    let folder = product.folder().join("one");
    std::fs::create_dir(&folder)?;
    std::fs::copy(&pictures(&sample_recording())?[0], folder.join("0.png"))?;
    product.run_ok(&import(text(&folder), "desk", &[]))?;
    let at = START.to_string();
    for (output, hint) in
        [("/dev/full", "No space left"), ("/no/such/folder/x.png", "No such file")]
    {
        let failed = product.run(&["frame", "--stream", "desk", "--at", &at, "-o", output])?;
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(1), "{said}");
        assert!(said.contains(output) && said.contains(hint), "{said}");
    }
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::metadata("/dev/full")?.file_type().is_char_device(), "it was replaced");
    Ok(())
}

#[test]
fn wrong_usage_says_what_to_do_and_exits_with_2() -> Result<()> {
    let product = Product::start()?;
    let folder = sample_recording();
    for (arguments, hint) in [
        (vec!["frame", "--at", "0", "-o", "x"], "--stream"),
        (vec!["frame", "--stream", "UPPER", "--list"], "a-z"),
        (vec!["frame", "--stream", "desk", "--at", "noon", "-o", "x"], "2026-"),
        (vec!["import", text(&folder), "--stream", "a", "--interval", "10"], "10s"),
        (vec!["import", text(&folder), "--stream", "a", "--tile", "24"], "8, 16, 32"),
    ] {
        let output = product.run(&arguments)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
    Ok(())
}
