//! Days of a desktop on a virtual clock, into the embedded store that deletes by its lifecycle rules:
//! what the bucket holds is audited every hour.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::spread::Spread;
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::seek::SeekCost;
use deskreel_format::time::{DAY_MS, HOUR_MS};
use deskreel_format::{DomainKey, Limits, Picture, Segment, StreamName, TileSize};
use deskreel_server::clock::{Clock, ManualClock};
use deskreel_server::{Running, ServeConfig, start};
use deskreel_store::{Credentials, ObjectStore, Put, PutMode, S3Config, S3Store};
use deskreel_upkeep::deep;
use deskreel_upkeep::plan::sweep::SweepRule;
use deskreel_upkeep::rollup::{Heads, roll};
use deskreel_upkeep::survey::StreamObjects;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::product::read_picture;

/// 00:00 UTC of the first day.
const START: u64 = 1_763_856_000_000;
/// The person sleeps until then, each day.
const NIGHT_MS: u64 = 8 * HOUR_MS;

/// Between sweeps.
const SWEEP_HOURS: u64 = 6;

/// The store looks so often for what has expired.
const LIFECYCLE: Duration = Duration::from_millis(100);

/// What is lived through.
#[derive(Debug, Clone)]
pub struct Days {
    /// The screenshots that pass in a loop by day.
    pub pictures: Vec<PathBuf>,
    /// Between screenshots by day, milliseconds.
    pub interval_ms: u32,
    /// Between screenshots at night, when nothing changes, milliseconds.
    pub night_interval_ms: u32,
    /// Screenshots in a segment.
    pub batch: usize,
    /// Hours in all.
    pub hours: u64,
    /// The hour in which the machine falls asleep, and for how many hours.
    pub sleep: Option<(u64, u64)>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Lived {
    /// Screenshots.
    pub moments: usize,
    /// Clean audits, one an hour.
    pub audits: usize,
    /// Bytes in the bucket at the end of each hour.
    pub bytes: Vec<u64>,
    /// Bytes of cold seeks, over all screenshots that end a segment.
    pub seek_bytes: Spread,
    /// Requests of cold seeks.
    pub seek_requests: Spread,
    /// Moments proven exact to the pixel, in samples and in the end.
    pub exact: usize,
    /// Objects that sweeps deleted.
    pub swept: usize,
}

struct World {
    clock: Arc<ManualClock>,
    store: Arc<dyn ObjectStore>,
    stream: StreamName,
    objects: StreamObjects,
    // Dropped last: the store's server, and its data.
    _server: Running,
    _data: tempfile::TempDir,
}

impl World {
    async fn begin() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let clock = Arc::new(ManualClock::new(START as i64));
        let mut config = ServeConfig::new(data.path());
        config.clock = clock.clone();
        config.lifecycle_every = LIFECYCLE;
        let server = start(config).await?;
        let mut s3 = S3Config::new(server.bucket.clone(), "");
        s3.endpoint = Some(server.endpoint());
        s3.credentials = Credentials::Static {
            access_key_id: server.credentials.access_key_id.clone(),
            secret_access_key: server.credentials.secret_access_key.clone(),
            session_token: None,
        };
        let store: Arc<dyn ObjectStore> = Arc::new(S3Store::connect(&s3).await?);
        let stream = StreamName::parse("desk")?;
        let objects = StreamObjects::new(store.clone(), stream.clone());
        Ok(Self { clock, store, stream, objects, _server: server, _data: data })
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms().unsigned_abs()
    }

    fn pass(&self, ms: u64) {
        self.clock.advance(ms as i64);
    }
}

/// Lives the days. `told` is called after each hour with its number and the bytes stored.
///
/// # Errors
/// When an audit finds anything, a moment is not exact, or a seek is beyond the budget.
pub async fn live(days: &Days, told: impl Fn(u64, u64)) -> Result<Lived> {
    let world = World::begin().await?;
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: days.night_interval_ms,
        domain: DomainKey::new([3; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 524_288,
    };
    let mut recorder = Recorder::new(settings, 7, KnownTiles::new(LEASE_MS));
    let mut pictures: Vec<Option<Picture>> = vec![None; days.pictures.len()];
    let mut random = StdRng::seed_from_u64(72);
    let (mut costs, mut bytes, mut heads) = (Vec::new(), Vec::new(), Heads::new());
    let (mut moments, mut audits, mut exact, mut shown, mut swept) = (0, 0, 0, 0, 0);
    let end = START + days.hours * HOUR_MS;
    let mut next_audit = START + HOUR_MS;
    let mut asleep = days.sleep;
    while world.now_ms() < end {
        let now_ms = world.now_ms();
        if now_ms >= next_audit {
            let over = (now_ms - START) / HOUR_MS;
            // The store's lifecycle runs at the present time in between.
            tokio::time::sleep(2 * LIFECYCLE).await;
            let hour = START + (over - 1) * HOUR_MS;
            roll(&world.objects, &[hour].into(), &heads, now_ms, |_, _| ()).await?;
            heads.retain(|id, _| id.first_ms + HOUR_MS >= hour);
            let stored = audit(&world, now_ms, &mut random, &mut exact).await?;
            if over.is_multiple_of(SWEEP_HOURS) {
                swept += sweep(&world, now_ms).await?;
            }
            (audits, next_audit) = (audits + 1, START + (over + 1) * HOUR_MS);
            bytes.push(stored);
            told(over, stored);
            if let Some((at, hours)) = asleep
                && over >= at
            {
                asleep = None;
                world.pass(hours * HOUR_MS);
                continue;
            }
        }
        let night = now_ms % DAY_MS < NIGHT_MS;
        let interval_ms = if night { days.night_interval_ms } else { days.interval_ms };
        if recorder.interval() != interval_ms {
            deliver(&world, &mut recorder, &mut heads, &mut costs).await?;
            recorder.set_interval(interval_ms);
        }
        if !night {
            shown = (shown + 1) % days.pictures.len();
        }
        let picture = match &mut pictures[shown] {
            Some(picture) => picture,
            none => {
                let read = read_picture(&days.pictures[shown])?;
                none.insert(Picture::new(read.width(), read.height(), read.into_raw())?)
            }
        };
        let picture = picture.clone();
        let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
        recorder.shoot(now_ms, vec![surface], night)?;
        moments += 1;
        if recorder.pending() >= days.batch {
            deliver(&world, &mut recorder, &mut heads, &mut costs).await?;
        }
        if moments % 360 == 0 {
            recorder.expire(now_ms);
        }
        world.pass(interval_ms.into());
    }
    deliver(&world, &mut recorder, &mut heads, &mut costs).await?;
    let now_ms = world.now_ms();
    let survey = world.objects.survey(|_, _| ()).await?;
    let all = deep::audit(&world.objects, &survey, now_ms, || ()).await?;
    let problem = all.problems.first().map(|problem| format!("{problem:?}"));
    ensure!(problem.is_none(), "in the end: {}", problem.unwrap_or_default());
    exact += all.exact;
    Ok(Lived {
        moments,
        audits,
        bytes,
        seek_bytes: Spread::of(costs.iter().map(|cost: &SeekCost| cost.bytes).collect()),
        seek_requests: Spread::of(costs.iter().map(|cost| cost.requests.into()).collect()),
        exact,
        swept,
    })
}

/// Deletes what is not needed although it has not expired; the audits after it show that all else
/// stayed. Returns the number of objects.
async fn sweep(world: &World, now_ms: u64) -> Result<usize> {
    let survey = world.objects.survey(|_, _| ()).await?;
    let rule = SweepRule { now_ms, grace_ms: HOUR_MS };
    let plan = survey.sweep(rule);
    deskreel_upkeep::sweep::execute(&world.objects, &plan, |_| ()).await?;
    Ok(plan.segments.len() + plan.indexes.len())
}

/// Seals and stores, and reckons what showing the last moment costs.
async fn deliver(
    world: &World,
    recorder: &mut Recorder,
    heads: &mut Heads,
    costs: &mut Vec<SeekCost>,
) -> Result<()> {
    let Some(sealed) = recorder.seal()? else { return Ok(()) };
    let segment = Segment::decode(&sealed.bytes, &Limits::default())?;
    let start = segment.packs_start;
    let cost = segment.seek_cost(segment.manifest.moments.len() - 1).context("a moment")?;
    ensure!(cost.requests <= 32, "{} needs {} requests", sealed.id, cost.requests);
    costs.push(cost);
    heads.insert(sealed.id, Bytes::copy_from_slice(&sealed.bytes[..start as usize]));
    let put = Put {
        mode: PutMode::Create,
        content_type: "application/octet-stream",
        cache_control: None,
    };
    world.store.put(&world.stream.segment_key(sealed.id), sealed.bytes.into(), put).await?;
    Ok(())
}

/// Audits the structure, shows some moments of the last 24 hours; the bytes stored.
async fn audit(world: &World, now_ms: u64, random: &mut StdRng, exact: &mut usize) -> Result<u64> {
    let survey = world.objects.survey(|_, _| ()).await?;
    let problems = survey.audit(&world.stream, now_ms);
    let hour = (now_ms - START) / HOUR_MS;
    ensure!(problems.is_empty(), "hour {hour}: {:?}", problems.first());
    let from = now_ms.saturating_sub(DAY_MS);
    let shown: Vec<u64> = survey
        .segments
        .iter()
        .flat_map(|facts| facts.moments.iter().copied())
        .filter(|time| *time > from)
        .collect();
    let reader = StreamReader::new(world.store.clone(), world.stream.clone());
    for _ in 0..2.min(shown.len()) {
        let time_ms = shown[random.random_range(0..shown.len())];
        let (found, _) = reader.frame(time_ms).await.with_context(|| format!("hour {hour}"))?;
        ensure!(found == time_ms, "hour {hour}: asked for {time_ms}, found {found}");
        *exact += 1;
    }
    let entries = survey.segments.iter().map(|facts| &facts.entry).chain(&survey.index_entries);
    Ok(entries.map(|entry| entry.size).sum())
}
