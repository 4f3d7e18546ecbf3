//! A whole day made of a short recording: its segments again and again at later times, with the
//! indexes and summaries that an agent would have left. Manifests, packs and indexes are as large as
//! those of a real day, without coding a day's pixels.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use deskreel_format::roll::{HourSummary, index, roll_hour};
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_format::{Limits, Manifest, MomentSummary, Segment, SegmentId, StreamName};
use deskreel_store::{ObjectStore, Put};

/// Which recording becomes which day.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The stream to take segments from; each holds one screenshot.
    pub source: &'a StreamName,
    /// The stream to write.
    pub target: &'a StreamName,
    /// How often the recording is repeated.
    pub loops: u64,
    /// Milliseconds from one repetition to the next; more than the recording lasts.
    pub period_ms: u64,
    /// Time of the first screenshot, UTC milliseconds.
    pub start_ms: u64,
}

/// Writes the day; returns the times of its screenshots.
///
/// # Errors
/// When the source cannot be read or the target not written.
pub async fn write(
    source: &dyn ObjectStore,
    store: &dyn ObjectStore,
    plan: &Plan<'_>,
) -> Result<Vec<u64>> {
    let mut recording = Vec::new();
    for meta in source.list_all(&plan.source.segments_prefix()).await? {
        let bytes = source.get(&meta.key, None).await?.bytes;
        let segment = Segment::decode(&bytes, &Limits::default())?;
        recording.push((segment, bytes));
    }
    let (first, _) = recording.first().context("the source stream is empty")?;
    let source_ms = first.manifest.id.first_ms;
    let mut day = Day::default();
    for round in 0..plan.loops {
        let begin_ms = plan.start_ms + round * plan.period_ms;
        let shift =
            |id: SegmentId| SegmentId { first_ms: begin_ms + id.first_ms - source_ms, ..id };
        // Where the packs of each segment start: in the source, and in its copy.
        let mut starts: HashMap<SegmentId, (u32, u32)> = HashMap::new();
        for (segment, bytes) in &recording {
            let id = shift(segment.manifest.id);
            day.finish_hours(store, plan.target, id.first_ms).await?;
            let mut manifest = segment.manifest.clone();
            let own = manifest.id;
            manifest.id = id;
            manifest.moments.iter_mut().for_each(|m| m.time_ms = begin_ms + m.time_ms - source_ms);
            manifest.absences.clear();
            if let Some(chain) = &mut manifest.links.chain {
                chain.after_ms = chain.after_ms.map(|after_ms| begin_ms + after_ms - source_ms);
            }
            manifest.tail = day.tail.clone();
            let mut packs = Vec::new();
            for pack in &mut manifest.packs {
                let is_own = pack.segment == own;
                pack.segment = shift(pack.segment);
                if is_own {
                    let end = (pack.offset + pack.len) as usize;
                    packs.push((pack.offset, bytes[pack.offset as usize..end].to_vec()));
                    pack.offset -= segment.packs_start;
                } else {
                    let (before, now) = starts.get(&pack.segment).context("a pack of the past")?;
                    pack.offset = pack.offset - before + now;
                }
            }
            packs.sort_unstable_by_key(|(offset, _)| *offset);
            let packs: Vec<Vec<u8>> = packs.into_iter().map(|(_, bytes)| bytes).collect();
            let object = Segment::encode(&manifest, &packs)?;
            let copy = Segment::decode(&object, &Limits::default())?;
            starts.insert(id, (segment.packs_start, copy.packs_start));
            let key = plan.target.segment_key(id);
            store.put(&key, object.into(), Put::ONCE).await?;
            day.add(copy.manifest);
        }
    }
    ensure!(day.times.windows(2).all(|pair| pair[0] < pair[1]), "the repetitions overlap");
    Ok(day.times)
}

/// What was written so far.
#[derive(Default)]
struct Day {
    times: Vec<u64>,
    /// Manifests of the hour that is being written, and of the end of the one before.
    recent: Vec<Manifest>,
    hours: BTreeMap<u64, HourSummary>,
    tail: Vec<MomentSummary>,
}

impl Day {
    fn add(&mut self, manifest: Manifest) {
        for moment in &manifest.moments {
            self.times.push(moment.time_ms);
            self.tail.push(MomentSummary {
                time_ms: moment.time_ms,
                changed: 9,
                idle: moment.idle,
            });
        }
        self.recent.push(manifest);
    }

    /// Writes the index of the hour before, when another one begins.
    async fn finish_hours(
        &mut self,
        store: &dyn ObjectStore,
        stream: &StreamName,
        now_ms: u64,
    ) -> Result<()> {
        let Some(last_ms) = self.times.last().copied() else { return Ok(()) };
        let hour_ms = hour_start(last_ms);
        if hour_start(now_ms) == hour_ms {
            return Ok(());
        }
        let manifests: Vec<&Manifest> = self.recent.iter().collect();
        let rolled = roll_hour(hour_ms, &manifests)?.context("the hour has moments")?;
        self.hours.insert(hour_ms, rolled.summary);
        let object = index(rolled.manifest, &self.hours).encode()?;
        store.put(&stream.index_key(hour_ms), object.into(), Put::ONCE).await?;
        let kept_ms = hour_ms + HOUR_MS - deskreel_format::segment::MAX_SPAN_MS;
        self.recent.retain(|manifest| manifest.id.first_ms >= kept_ms);
        self.tail.retain(|moment| moment.time_ms >= hour_ms + HOUR_MS);
        Ok(())
    }
}
