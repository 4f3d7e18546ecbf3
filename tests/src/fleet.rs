//! A fleet of desktops on a virtual clock, with and without sharing: what it stores, and that every
//! moment stays what it was.

mod drawing;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::commons::CommonsReader;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::reader::StreamReader;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::key::{COMMONS_INDEX, COMMONS_PREFIX, commons_id};
use deskreel_format::time::{DAY_MS, HOUR_MS};
use deskreel_format::{DomainKey, Picture, SegmentId, StreamName, TileSize};
use deskreel_store::{MemoryStore, ObjectStore, Put};
use deskreel_upkeep::share::{Sharing, share};
use deskreel_upkeep::survey::StreamObjects;

use drawing::{Build, Desk};

/// 09:00 UTC of the first day.
const START: u64 = 1_763_856_000_000 + 9 * HOUR_MS;

/// What is lived through: working days, with the machines off in between.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Desktops.
    pub desktops: u64,
    /// Days.
    pub days: u64,
    /// A working day, milliseconds.
    pub work_ms: u64,
    /// Between screenshots, milliseconds.
    pub interval_ms: u32,
    /// Whether tiles are shared, once an hour.
    pub share: bool,
}

/// Bytes stored in one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayBytes {
    /// Of segments.
    pub segments: u64,
    /// Of objects of the commons of that day, and of the index of them in the end.
    pub commons: u64,
    /// Of lists of candidates.
    pub lists: u64,
}

impl DayBytes {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.segments + self.commons + self.lists
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lived {
    /// By day.
    pub days: Vec<DayBytes>,
    /// Screenshots.
    pub moments: usize,
    /// Of those that were looked at, so many were exact: all.
    pub exact: usize,
    /// Cells that were shown from the commons when they changed.
    pub from_commons: usize,
}

struct Agent {
    stream: StreamName,
    desk: Desk,
    recorder: Recorder,
    commons: CommonsReader,
    /// Some of what it recorded.
    samples: Vec<(u64, Picture)>,
}

/// Lives the days.
///
/// # Errors
/// When an audit finds anything or a moment is not exact.
pub async fn live(fleet: Fleet, told: impl Fn(u64)) -> Result<Lived> {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let domain = DomainKey::derive("all desktops of the fleet");
    let sharing = Sharing::new(domain.clone());
    let build = Arc::new(Build::new()?);
    let mut agents = (0..fleet.desktops)
        .map(|number| agent(number, &fleet, &domain, build.clone()))
        .collect::<Result<Vec<Agent>>>()?;
    let mut lived = Lived { days: Vec::new(), moments: 0, exact: 0, from_commons: 0 };
    for day in 0..fleet.days {
        let mut bytes = DayBytes::default();
        let from = START + day * DAY_MS;
        let mut next_round = from + HOUR_MS;
        for agent in &mut agents {
            // Each start of an agent is a run of its own.
            agent.recorder.change_writer(agent.desk_number() + 1 + 1_000 * day as u32);
            agent.samples.clear();
        }
        for now_ms in (from..from + fleet.work_ms).step_by(fleet.interval_ms as usize) {
            if fleet.share && now_ms >= next_round {
                next_round += HOUR_MS;
                let shared = share(&store, &sharing, now_ms, false).await?;
                ensure!(shared.skipped == 0, "skipped: {shared:?}");
            }
            for (number, agent) in agents.iter_mut().enumerate() {
                // They were not switched on in one second.
                let now_ms = now_ms + 700 * number as u64;
                agent.record(&store, &fleet, now_ms, &mut bytes, &mut lived).await?;
            }
        }
        let end = from + fleet.work_ms;
        for agent in &agents {
            lived.exact += agent.prove(&store, end).await?;
        }
        // The index is replaced each time: only the last one is stored.
        for object in store.list_all(COMMONS_PREFIX).await? {
            let is_of_day = commons_id(&object.key)?.first_ms >= from;
            bytes.commons += if is_of_day { object.size } else { 0 };
        }
        if fleet.share {
            bytes.commons += store.head(COMMONS_INDEX).await?.size;
        }
        lived.days.push(bytes);
        told(day);
    }
    Ok(lived)
}

fn agent(number: u64, fleet: &Fleet, domain: &DomainKey, build: Arc<Build>) -> Result<Agent> {
    let settings = Settings {
        tile: TileSize::new(16)?,
        codec: Codec::DEFAULT,
        interval_ms: fleet.interval_ms,
        domain: domain.clone(),
        budget: SeekBudget::default(),
        pack_pixels: 524_288,
    };
    let mut recorder = Recorder::new(settings, 1, KnownTiles::new(LEASE_MS));
    if fleet.share {
        recorder.share();
    }
    Ok(Agent {
        stream: StreamName::parse(&format!("desk-{number}"))?,
        desk: Desk::new(number, build),
        recorder,
        commons: CommonsReader::new(domain.clone()),
        samples: Vec::new(),
    })
}

impl Agent {
    fn desk_number(&self) -> u32 {
        self.stream.as_str().trim_start_matches("desk-").parse().unwrap_or(0)
    }

    async fn record(
        &mut self,
        store: &Arc<dyn ObjectStore>,
        fleet: &Fleet,
        now_ms: u64,
        bytes: &mut DayBytes,
        lived: &mut Lived,
    ) -> Result<()> {
        if fleet.share {
            if let Some(index) = self.commons.look(store.as_ref()).await? {
                self.recorder.set_commons(&index);
            }
            if let Some((list, writer)) = self.recorder.take_candidates(now_ms) {
                let list = list.encode(self.commons.key())?;
                bytes.lists += list.len() as u64;
                let key = self.stream.candidates_key(SegmentId { first_ms: now_ms, writer });
                store.put(&key, list.into(), Put::ONCE).await?;
            }
        }
        self.recorder.expire(now_ms);
        let picture = self.desk.screen(now_ms / 60_000);
        if lived.moments.is_multiple_of(13) {
            self.samples.push((now_ms, picture.clone()));
        }
        let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
        lived.from_commons += self.recorder.shoot(now_ms, vec![surface], false)?.from_commons;
        lived.moments += 1;
        let sealed = self.recorder.seal()?.context("a screenshot")?;
        bytes.segments += sealed.bytes.len() as u64;
        let key = self.stream.segment_key(sealed.id);
        store.put(&key, sealed.bytes.into(), Put::ONCE).await?;
        Ok(())
    }

    /// Nothing is wrong with the stream, and the day's samples are what they were.
    async fn prove(&self, store: &Arc<dyn ObjectStore>, now_ms: u64) -> Result<usize> {
        let survey =
            StreamObjects::new(store.clone(), self.stream.clone()).survey(|_, _| ()).await?;
        let problems = survey.audit(&self.stream, now_ms);
        ensure!(problems.is_empty(), "{}: {:?}", self.stream, problems.first());
        let reader = StreamReader::new(store.clone(), self.stream.clone());
        for (time_ms, picture) in &self.samples {
            let (found, surfaces) = reader.frame(*time_ms).await?;
            let same = found == *time_ms && surfaces.first().map(|s| &s.picture) == Some(picture);
            ensure!(same, "{} at {time_ms} is not what was recorded", self.stream);
        }
        Ok(self.samples.len())
    }
}

/// A table of both ways, for a person.
pub fn table(alone: &Lived, shared: &Lived) -> String {
    let mut text = String::from(
        "| day | alone | shared | of which segments | commons | lists | saved |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (day, (alone, shared)) in alone.days.iter().zip(&shared.days).enumerate() {
        let kb = |bytes: u64| format!("{:.0} KB", bytes as f64 / 1e3);
        let saved = 100.0 - 100.0 * shared.total() as f64 / alone.total().max(1) as f64;
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {saved:.1} % |\n",
            day + 1,
            kb(alone.total()),
            kb(shared.total()),
            kb(shared.segments),
            kb(shared.commons),
            kb(shared.lists),
        ));
    }
    text
}
