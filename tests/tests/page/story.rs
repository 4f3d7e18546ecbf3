//! A short recording in which everything happens: two monitors, an idle stretch, every kind of absence,
//! and a small clock on the left monitor that ticks at known moments.

use std::process::Command;

use anyhow::{Context, Result};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::{Absence, AbsenceKind, DomainKey, Picture, StreamName, TileSize};
use deskreel_store::{Credentials, ObjectStore, Put, PutMode, S3Config, S3Store};
use serde_json::Value;

use deskreel_tests::product::{Product, program};

const INTERVAL_MS: u64 = 10_000;
const ABSENT_MS: u64 = 900_000;
const KINDS: [AbsenceKind; 5] = [
    AbsenceKind::Paused,
    AbsenceKind::Locked,
    AbsenceKind::Excluded,
    AbsenceKind::Offline,
    AbsenceKind::NotRunning,
];
/// The left monitor, and the one beside it, lower.
pub(crate) const LEFT: (u32, u32) = (640, 400);
/// See [`LEFT`].
pub(crate) const RIGHT: (u32, u32) = (480, 320);
/// How much lower.
pub(crate) const DROP: u32 = 48;
/// Where the clock ticks on the left monitor: x, y, width, height.
pub(crate) const CLOCK: [u32; 4] = [32, 48, 64, 32];

/// What was recorded.
#[derive(Debug)]
pub(crate) struct Story {
    /// Times of the screenshots, UTC milliseconds.
    pub(crate) times: Vec<u64>,
    /// The screenshots at which the clock shows something else than before.
    pub(crate) ticks: Vec<u64>,
    /// From the first idle screenshot to the last.
    pub(crate) idle: (u64, u64),
    /// Absences: start, end, kind.
    pub(crate) absences: Vec<(u64, u64, AbsenceKind)>,
}

/// The two pictures of a screenshot.
pub(crate) fn pictures(number: u64, clock: u64) -> Result<[Picture; 2]> {
    let paint = |(width, height): (u32, u32), colour: [u8; 3], clock: Option<u64>| {
        let mut picture = Picture::filled(width, height, colour)?;
        let rgb = picture.rgb_mut();
        for y in 0..height {
            for x in 0..width {
                let [left, top, wide, high] = CLOCK;
                let is_clock = (left..left + wide).contains(&x) && (top..top + high).contains(&y);
                let value = match clock {
                    Some(clock) if is_clock => (clock * 53 + u64::from(x * y)) as u8,
                    _ if y > height / 2 && (x * 7 + y * 3) % 11 == 0 && x < 400 => {
                        ((number * 29) % 251) as u8
                    }
                    _ => continue,
                };
                let at = ((y * width + x) * 3) as usize;
                rgb[at..at + 3].copy_from_slice(&[value, value ^ 90, 40]);
            }
        }
        Ok::<_, anyhow::Error>(picture)
    };
    Ok([paint(LEFT, [24, 60, 96], Some(clock))?, paint(RIGHT, [90, 40, 70], None)?])
}

/// Records the story so that its last screenshot was just taken at `end_ms`.
///
/// # Errors
/// When the store does not take it.
pub(crate) async fn record(product: &Product, stream: &str, end_ms: u64) -> Result<Story> {
    let store = operator(product).await?;
    let stream = StreamName::parse(stream)?;
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: INTERVAL_MS as u32,
        domain: DomainKey::new([5; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let mut recorder = Recorder::new(settings, 5, KnownTiles::new(86_400_000));
    recorder.make_storyboards();
    let mut story = Story { times: vec![], ticks: vec![], idle: (0, 0), absences: vec![] };
    // 30 screenshots, 12 of them idle, then after each absence six more.
    let shots = 30 + 6 * KINDS.len() as u64;
    let mut time_ms = end_ms - shots * INTERVAL_MS - KINDS.len() as u64 * ABSENT_MS;
    let mut shown = (0, 0);
    for number in 0..shots {
        let is_idle = (12..24).contains(&number);
        if number >= 30 && number.is_multiple_of(6) {
            let kind = KINDS[(number as usize - 30) / 6];
            let to_ms = time_ms + ABSENT_MS;
            story.absences.push((time_ms, to_ms, kind));
            recorder.add_absences([Absence { from_ms: time_ms, to_ms, kind }]);
            time_ms = to_ms;
        }
        let before = shown.1;
        if !is_idle {
            shown = (number, number / 5);
        }
        if shown.1 != before {
            story.ticks.push(time_ms);
        }
        let [left, right] = pictures(shown.0, shown.1)?;
        let place = |name: &str, x: u32, y: u32, picture| Surface {
            name: name.into(),
            x: x as i32,
            y: y as i32,
            scale_milli: 1000,
            picture,
        };
        let surfaces = vec![place("DP-1", 0, 0, left), place("HDMI-1", LEFT.0, DROP, right)];
        recorder.shoot(time_ms, surfaces, is_idle)?;
        match number {
            12 => story.idle.0 = time_ms,
            23 => story.idle.1 = time_ms,
            _ => {}
        }
        story.times.push(time_ms);
        let put = Put {
            mode: PutMode::Create,
            content_type: "application/octet-stream",
            cache_control: None,
        };
        for board in recorder.take_boards(number + 1 == shots)? {
            store.put(&stream.storyboard_key(board.id), board.bytes.into(), put).await?;
        }
        if let Some(sealed) = recorder.seal()? {
            store.put(&stream.segment_key(sealed.id), sealed.bytes.into(), put).await?;
        }
        time_ms += INTERVAL_MS;
    }
    Ok(story)
}

/// The store with the operator's key.
async fn operator(product: &Product) -> Result<S3Store> {
    let told = Command::new(program("deskreel-server")?)
        .args(["credentials", "--json", "--data"])
        .arg(product.data())
        .output()?;
    let told: Value = serde_json::from_slice(&told.stdout)?;
    let part = |name: &str| told[name].as_str().map(str::to_owned).context("a key");
    let mut s3 = S3Config::new("deskreel", "");
    s3.endpoint = Some(product.origin().to_owned());
    s3.credentials = Credentials::Static {
        access_key_id: part("access_key_id")?,
        secret_access_key: part("secret_access_key")?,
        session_token: None,
    };
    Ok(S3Store::connect(&s3).await?)
}
