//! Many desktops at one server: each with a stream and a grant of its own, an upload every interval,
//! and an index when its hour ends. Beside them people who look.
//!
//! What the agents' core makes of screenshots does not depend on the stream's name. So a few recordings
//! are made by the real core on a virtual clock, each from another place of the corpus, and every
//! desktop sends one of them: the server has the same to do, and the machine is not busy coding.

mod measured;
mod target;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use deskreel_capture::agent::{LEASE_MS, Uploader};
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{DomainKey, Limits, Picture, Segment, StreamName, TileSize};
use deskreel_store::{ObjectStore, StoreError};
use deskreel_upkeep::rollup::{Heads, roll};
use deskreel_upkeep::survey::StreamObjects;

pub use measured::{Figures, Measured, Notes, Verb};
pub use target::{Behind, Target};

use crate::product::read_picture;

/// How many, how much, how fast.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Desktops.
    pub desktops: usize,
    /// Different recordings among them.
    pub recordings: usize,
    /// Screenshots of each desktop, one a segment.
    pub shots: usize,
    /// Between screenshots on the virtual clock, milliseconds.
    pub interval_ms: u32,
    /// How many virtual seconds pass in one; 0: each desktop sends as fast as it can.
    pub speed: f64,
    /// People who look, each at one desktop after the other for as long as desktops send.
    pub viewers: usize,
    /// The corpus.
    pub pictures: Vec<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Requests by kind.
    pub figures: Vec<Figures>,
    /// How long desktops sent.
    pub took: Duration,
    /// CPU time of the server, and of MinIO, while desktops sent.
    pub cpu: (Duration, Option<Duration>),
    /// Memory of the server, and of MinIO, once a second, bytes.
    pub memory: Vec<(u64, Option<u64>)>,
    /// Cold looks at a moment, each proven exact.
    pub looks: u64,
    /// Segments found in the bucket in the end.
    pub segments: usize,
    /// Indexes found.
    pub indexes: usize,
    /// What failed, the first few.
    pub errors: Vec<String>,
}

/// A segment is sent so often at most.
const ATTEMPTS: u32 = 10;

/// A recording, made before anything is measured.
struct Reel {
    segments: Vec<(Sealed, Bytes)>,
    heads: Heads,
}

/// Makes the recordings. Half of each lies before an hour's end.
fn record(plan: &Plan, number: usize) -> Result<Reel> {
    let interval = u64::from(plan.interval_ms);
    let now_ms = u64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?;
    let end_ms = hour_start(now_ms) - HOUR_MS;
    let start_ms = end_ms - plan.shots as u64 / 2 * interval;
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: plan.interval_ms,
        domain: DomainKey::new([3; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 524_288,
    };
    let mut recorder = Recorder::new(settings, 7, KnownTiles::new(LEASE_MS));
    let mut reel = Reel { segments: Vec::new(), heads: Heads::new() };
    let first = number * plan.pictures.len() / plan.recordings;
    for shot in 0..plan.shots {
        let read = read_picture(&plan.pictures[(first + shot) % plan.pictures.len()])?;
        let picture = Picture::new(read.width(), read.height(), read.into_raw())?;
        let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
        recorder.shoot(start_ms + shot as u64 * interval, vec![surface], false)?;
        let sealed = recorder.seal()?.context("a segment")?;
        let packs_start = Segment::decode(&sealed.bytes, &Limits::default())?.packs_start;
        let head = Bytes::copy_from_slice(&sealed.bytes[..packs_start as usize]);
        reel.heads.insert(sealed.id, head);
        let bytes = Bytes::from(sealed.bytes.clone());
        reel.segments.push((sealed, bytes));
    }
    Ok(reel)
}

struct Load {
    plan: Plan,
    origin: String,
    reels: Vec<Reel>,
    notes: Arc<Notes>,
    sending: AtomicBool,
    looks: AtomicU64,
}

fn stream(number: usize) -> Result<StreamName> {
    Ok(StreamName::parse(&format!("desk-{number:05}"))?)
}

impl Load {
    async fn enter(&self, stream: &StreamName, role: Role) -> Result<Arc<dyn ObjectStore>> {
        let options = StoreOptions { store: Some(self.origin.clone()), ..Default::default() };
        let entering = options.open(stream, role);
        let store = self.notes.time(Verb::Grant, entering, |_| 0).await?;
        Ok(Arc::new(Measured { store, notes: self.notes.clone() }))
    }

    /// One desktop's life.
    async fn live(&self, number: usize) -> Result<()> {
        let stream = stream(number)?;
        let reel = &self.reels[number % self.reels.len()];
        let interval = match self.plan.speed {
            0.0 => Duration::ZERO,
            speed => Duration::from_millis(self.plan.interval_ms.into()).div_f64(speed),
        };
        // Desktops do not start together.
        tokio::time::sleep(interval.mul_f64(number as f64 / self.plan.desktops as f64)).await;
        let store = self.enter(&stream, Role::Upload).await?;
        let uploader = Uploader::new(store.clone(), stream.clone());
        let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
        let mut hour = None;
        for (sealed, bytes) in &reel.segments {
            ticks.tick().await;
            // As the agent's outbox does: what may pass is tried again.
            let mut attempts = 1;
            while let Err(error) = uploader.upload_bytes(sealed.id, bytes.clone()).await {
                if !error.is_retryable() || attempts == ATTEMPTS {
                    return Err(error.into());
                }
                attempts += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let of = hour_start(sealed.id.first_ms);
            if hour.is_some_and(|hour| hour != of) {
                let objects = StreamObjects::new(store.clone(), stream.clone());
                let over = hour.into_iter().collect();
                roll(&objects, &over, &reel.heads, of + HOUR_MS, |_, _| ()).await?;
            }
            hour = Some(of);
        }
        Ok(())
    }

    /// One person, who looks at a moment of one desktop after the other, each cold.
    async fn look(&self, person: usize) -> Result<()> {
        let mut number = person;
        while self.sending.load(Ordering::Relaxed) {
            let stream = stream(number % self.plan.desktops)?;
            let store = self.enter(&stream, Role::View).await?;
            let reader = StreamReader::new(store, stream);
            let segments = reader.segments(0).await?;
            if let Some(middle) = segments.get(segments.len() / 2) {
                // The reader holds the picture against its digest.
                reader.frame(middle.id.first_ms).await?;
                self.looks.fetch_add(1, Ordering::Relaxed);
            }
            number += 7_919;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }
}

/// Loads `target` as planned. `told` gets a line now and then.
///
/// # Errors
/// When the recordings cannot be made or the bucket not listed in the end; what desktops and people
/// met is part of the outcome.
pub async fn run(plan: Plan, target: &Target, told: impl Fn(String)) -> Result<Outcome> {
    ensure!(plan.desktops > 0 && plan.recordings > 0 && !plan.pictures.is_empty(), "no desktop");
    told(format!("making {} recordings of {} screenshots", plan.recordings, plan.shots));
    let making: Vec<_> = (0..plan.recordings)
        .map(|number| {
            let plan = plan.clone();
            tokio::task::spawn_blocking(move || record(&plan, number))
        })
        .collect();
    let mut reels = Vec::new();
    for reel in making {
        reels.push(reel.await??);
    }
    let load = Arc::new(Load {
        origin: target.origin.clone(),
        reels,
        notes: Arc::default(),
        sending: AtomicBool::new(true),
        looks: AtomicU64::new(0),
        plan,
    });
    told(format!("{} desktops begin", load.plan.desktops));
    let (began, cpu_before) = (std::time::Instant::now(), target.cpu()?);
    let mut desktops = tokio::task::JoinSet::new();
    let mut people = tokio::task::JoinSet::new();
    for number in 0..load.plan.desktops {
        let load = load.clone();
        desktops.spawn(async move { load.live(number).await });
    }
    for person in 0..load.plan.viewers {
        let (load, runtime) = (load.clone(), tokio::runtime::Handle::current());
        people.spawn_blocking(move || runtime.block_on(load.look(person * 31)));
    }
    let (mut memory, mut errors, mut failures) = (vec![target.memory()?], Vec::new(), 0);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            ended = desktops.join_next() => match ended {
                None => break,
                Some(outcome) => if let Err(error) = outcome? {
                    failures += 1;
                    errors.push(format!("a desktop: {error:#}"));
                }
            },
            _ = ticks.tick() => {
                memory.push(target.memory()?);
                if memory.len() % 30 == 0 {
                    let (server, _) = memory[memory.len() - 1];
                    told(format!("{} s: server {} MB", memory.len(), server / 1_000_000));
                }
            }
        }
    }
    let (took, cpu) = (began.elapsed(), target.cpu()?);
    let cpu_of_minio = cpu.1.zip(cpu_before.1).map(|(after, before)| after - before);
    load.sending.store(false, Ordering::Relaxed);
    while let Some(outcome) = people.join_next().await {
        if let Err(error) = outcome? {
            errors.push(format!("a person: {error:#}"));
        }
    }
    memory.push(target.memory()?);
    told(format!("{failures} desktops failed; counting what is stored"));
    let count = async |prefix| Ok::<_, StoreError>(target.root.list_all(prefix).await?.len());
    let (segments, indexes) = (count("segments/").await?, count("index/").await?);
    errors.truncate(5);
    Ok(Outcome {
        figures: load.notes.figures(),
        took,
        cpu: (cpu.0 - cpu_before.0, cpu_of_minio),
        memory,
        looks: load.looks.load(Ordering::Relaxed),
        segments,
        indexes,
        errors,
    })
}
