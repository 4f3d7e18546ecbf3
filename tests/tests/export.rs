//! Exports: what comes out is what went in, as PNG files and as video.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use deskreel_tests::fault_proxy::{Fault, FaultProxy, Pattern, Schedule};
use deskreel_tests::product::{Product, not_run, pictures, read_picture, sample_recording};
use image::RgbImage;

fn product() -> Result<(Product, Vec<RgbImage>)> {
    let product = Product::start()?;
    let recording = sample_recording();
    let folder = recording.to_string_lossy().into_owned();
    product.run_ok(&["import", &folder, "--stream", "desk", "--start", "1763900000000"])?;
    let sources =
        pictures(&recording)?.iter().map(|file| read_picture(file)).collect::<Result<_>>()?;
    Ok((product, sources))
}

fn export(product: &Product, output: &Path, more: &[&str]) -> Result<std::process::Output> {
    let output = output.to_string_lossy().into_owned();
    let mut arguments = vec!["export", "--stream", "desk", "-o", &output];
    arguments.extend_from_slice(more);
    product.run(&arguments)
}

fn text(output: &std::process::Output) -> String {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    of(&output.stdout) + &of(&output.stderr)
}

#[test]
fn exported_files_are_the_screenshots_bit_for_bit() -> Result<()> {
    let (product, sources) = product()?;
    let folder = product.folder().join("out");
    let done = export(&product, &folder, &[])?;
    ensure!(done.status.success(), "{}", text(&done));
    assert!(text(&done).starts_with("12 screenshots"), "{}", text(&done));
    let files = pictures(&folder)?;
    assert_eq!(files.len(), sources.len());
    assert!(files[0].ends_with("2025-11-23T12-13-20.000Z.png"), "{}", files[0].display());
    for (file, source) in files.iter().zip(&sources) {
        assert!(read_picture(file)? == *source, "{}", file.display());
    }
    // What is there is not written over, unless asked.
    let refused = export(&product, &folder, &[])?;
    assert!(text(&refused).contains("--force") && refused.status.code() == Some(1));
    ensure!(export(&product, &folder, &["--force"])?.status.success());
    // A window, thinned out.
    let few = product.folder().join("few");
    let window = ["--from", "1763900010000", "--to", "1763900060000", "--every", "2"];
    ensure!(export(&product, &few, &window)?.status.success());
    let files = pictures(&few)?;
    assert_eq!(files.len(), 3);
    for (file, source) in files.iter().zip([1, 3, 5]) {
        assert!(read_picture(file)? == sources[source], "{}", file.display());
    }
    Ok(())
}

/// A request too many for each screenshot of a day is thousands.
#[tokio::test(flavor = "multi_thread")]
async fn every_manifest_and_every_pack_is_read_once() -> Result<()> {
    let (product, sources) = product()?;
    let proxy = FaultProxy::start(product.address()?).await?;
    // It strikes never; it counts.
    let never = Pattern::Once(u64::MAX);
    proxy.begin(Schedule::new(Fault::Latency(Duration::ZERO), never, 0));
    let folder = product.folder().join("out").to_string_lossy().into_owned();
    let mut command = product.deskreel(&["export", "--stream", "desk", "-o", &folder])?;
    command.env("DESKREEL_STORE", proxy.origin());
    let done = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(done.status.success(), "{}", text(&done));
    let (requests, _) = proxy.heal();
    // Each segment has one manifest and at most one pack; the rest is asking what is there.
    let most = 2 * sources.len() as u64 + 4;
    assert!(requests <= most, "{requests} requests for {} screenshots", sources.len());
    Ok(())
}

#[test]
fn wrong_exports_say_what_to_do() -> Result<()> {
    let (product, _) = product()?;
    let folder = product.folder();
    for (name, more, code, hint) in [
        ("out.mkv", vec![], 2, ".mp4 or .webm"),
        (
            "none",
            vec!["--from", "2000-01-01T00:00:00Z", "--to", "2000-01-02T00:00:00Z"],
            1,
            "frame --list",
        ),
        ("none", vec!["--surface", "HDMI-9"], 1, "HDMI-9"),
        ("none", vec!["--every", "0"], 2, "--every"),
    ] {
        let output = export(&product, &folder.join(name), &more)?;
        assert_eq!(output.status.code(), Some(code), "{name}: {}", text(&output));
        assert!(text(&output).contains(hint), "{name}: {}", text(&output));
        assert!(!folder.join(name).exists());
    }
    // Without ffmpeg it says what to install.
    let video = folder.join("out.mp4").to_string_lossy().into_owned();
    let output = product
        .deskreel(&["export", "--stream", "desk", "-o", &video])?
        .env("PATH", "")
        .output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("apt install ffmpeg"), "{}", text(&output));
    Ok(())
}

#[test]
fn videos_decode_to_the_screenshots_bit_for_bit() -> Result<()> {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        not_run("videos", "ffmpeg is not installed");
        return Ok(());
    }
    let (product, sources) = product()?;
    for name in ["out.mp4", "out.webm"] {
        let video = product.folder().join(name);
        let done = export(&product, &video, &["--fps", "5"])?;
        ensure!(done.status.success(), "{name}: {}", text(&done));
        let decoded = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-i"])
            .arg(&video)
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()?;
        ensure!(decoded.status.success(), "{name}: {}", String::from_utf8_lossy(&decoded.stderr));
        let expected: Vec<u8> = sources.iter().flat_map(|source| source.as_raw().clone()).collect();
        assert_eq!(decoded.stdout.len(), expected.len(), "{name}");
        assert!(decoded.stdout == expected, "{name} is not lossless");
        assert!(!product.folder().join(format!("{name}.partial")).exists());
    }
    Ok(())
}
