//! The indexes of hours: made from segments, made anew when one comes late, and enough to open a day.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::source::Surface;
use deskreel_format::codec::Codec;
use deskreel_format::time::{DAY_MS, HOUR_MS};
use deskreel_format::{
    DaySummary, DomainKey, Index, Limits, Picture, Segment, StreamName, TileSize,
};
use deskreel_store::{
    ListPage, MemoryStore, Object, ObjectMeta, ObjectStore, Put, PutMode, StoreError,
};
use deskreel_upkeep::plan::rollup::due;
use deskreel_upkeep::rollup::{Heads, Rolled, roll};
use deskreel_upkeep::survey::StreamObjects;

/// 00:00 UTC of a day.
const DAY: u64 = 1_763_856_000_000;
const STEP: u64 = 10_000;

fn recorder(side: u32) -> Recorder {
    let settings = Settings {
        tile: TileSize::new(side).expect("a size"),
        codec: Codec::DEFAULT,
        interval_ms: STEP as u32,
        domain: DomainKey::new([3; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 524_288,
    };
    Recorder::new(settings, 7, KnownTiles::new(LEASE_MS))
}

fn shoot(recorder: &mut Recorder, time_ms: u64, picture: &Picture) {
    let picture = picture.clone();
    let surface = Surface { name: "screen".into(), x: 0, y: 0, scale_milli: 1000, picture };
    recorder.shoot(time_ms, vec![surface], false).expect("a shot");
}

fn seal(recorder: &mut Recorder) -> Sealed {
    recorder.seal().expect("a segment").expect("a moment")
}

async fn put(store: &dyn ObjectStore, stream: &StreamName, sealed: &Sealed) {
    let put = Put { mode: PutMode::Create, content_type: "x", cache_control: None };
    let bytes = Bytes::from(sealed.bytes.clone());
    store.put(&stream.segment_key(sealed.id), bytes, put).await.expect("a put");
}

async fn index(store: &dyn ObjectStore, stream: &StreamName, hour: u64) -> Index {
    let bytes = store.get(&stream.index_key(hour), None).await.expect("an index").bytes;
    Index::decode(&bytes, &Limits::default()).expect("an index")
}

/// Rolls whatever is due at `now_ms`.
async fn roll_due(objects: &StreamObjects, heads: &Heads, now_ms: u64) -> Rolled {
    let listing = objects.list().await.expect("a listing");
    let due = due(&listing.segments, &listing.indexes, 0, now_ms);
    roll(objects, &due, heads, now_ms, |_, _| ()).await.expect("a roll")
}

/// Three hours of a screen on which a spot moves; segments of 1 to 4 screenshots.
fn three_hours() -> Vec<Sealed> {
    let mut recorder = recorder(8);
    let mut picture = Picture::filled(64, 40, [9, 90, 160]).expect("a picture");
    let mut segments = Vec::new();
    for (number, time_ms) in (DAY..DAY + 3 * HOUR_MS).step_by(4 * STEP as usize).enumerate() {
        picture.rgb_mut()[number * 31 % 7_000] ^= 0x41;
        shoot(&mut recorder, time_ms, &picture);
        if number % 7 % 3 == 0 {
            segments.push(seal(&mut recorder));
        }
    }
    segments.extend(recorder.seal().expect("a segment"));
    segments
}

#[tokio::test]
async fn hours_that_are_over_are_rolled_and_a_late_segment_rolls_them_again() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let stream = StreamName::parse("desk").expect("a name");
    let objects = StreamObjects::new(store.clone(), stream.clone());
    let segments = three_hours();
    let late = segments.len() / 6;
    for (number, sealed) in segments.iter().enumerate() {
        if number != late {
            put(store.as_ref(), &stream, sealed).await;
        }
    }
    let now_ms = DAY + 5 * HOUR_MS / 2;
    let rolled = roll_due(&objects, &Heads::new(), now_ms).await;
    assert_eq!(rolled.hours, [DAY, DAY + HOUR_MS]);
    // Of stores that tell seconds, an index of the same second may be older than a segment.
    let told =
        |index: &Index| -> Vec<u64> { index.summary.moments.iter().map(|m| m.time_ms).collect() };
    let before = told(&index(store.as_ref(), &stream, DAY + HOUR_MS).await).len();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    put(store.as_ref(), &stream, &segments[late]).await;
    let rolled = roll_due(&objects, &Heads::new(), now_ms).await;
    assert_eq!(rolled.hours, [DAY, DAY + HOUR_MS], "the later summary tells of it too");
    assert_eq!(roll_due(&objects, &Heads::new(), now_ms).await, Rolled::default());
    let second = index(store.as_ref(), &stream, DAY + HOUR_MS).await;
    assert_eq!(told(&second).len(), before + segments[late].moments);
    assert!(told(&second).is_sorted());

    // From the manifests at hand nothing is read, and the same comes of it.
    let limits = Limits::default();
    let head = |sealed: &Sealed| {
        let end = Segment::decode(&sealed.bytes, &limits).expect("a segment").packs_start as usize;
        (sealed.id, Bytes::copy_from_slice(&sealed.bytes[..end]))
    };
    let heads: Heads = segments.iter().map(head).collect();
    store.delete(&[stream.index_key(DAY), stream.index_key(DAY + HOUR_MS)]).await.expect("gone");
    let rolled = roll_due(&objects, &heads, DAY + 4 * HOUR_MS).await;
    assert_eq!((rolled.hours.len(), rolled.read), (3, 0));
    assert_eq!(index(store.as_ref(), &stream, DAY + HOUR_MS).await, second);

    // Every moment of an index is that of a segment; none is missing.
    let mut moments = Vec::new();
    for hour in [DAY, DAY + HOUR_MS, DAY + 2 * HOUR_MS] {
        let rolled = index(store.as_ref(), &stream, hour).await.manifest;
        for (number, moment) in rolled.moments.iter().enumerate() {
            let screen = rolled.screen(number).expect("a screen");
            let places: Vec<_> = screen
                .cells
                .iter()
                .map(|cell| (rolled.packs[cell.pack as usize], cell.slot))
                .collect();
            moments.push((moment.time_ms, moment.digests.clone(), places));
        }
    }
    let mut expected = Vec::new();
    for sealed in &segments {
        let manifest = Segment::decode(&sealed.bytes, &limits).expect("a segment").manifest;
        for (number, moment) in manifest.moments.iter().enumerate() {
            let screen = manifest.screen(number).expect("a screen");
            let places: Vec<_> = screen
                .cells
                .iter()
                .map(|cell| (manifest.packs[cell.pack as usize], cell.slot))
                .collect();
            expected.push((moment.time_ms, moment.digests.clone(), places));
        }
    }
    assert_eq!(moments, expected);
}

/// Counts what a reader asks of a store.
#[derive(Debug, Default)]
struct Counted {
    store: MemoryStore,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Counted {
    fn count(&self, bytes: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Bytes that S3's XML spends on one object of a listing, as MinIO writes it.
const LISTED_BYTES: u64 = 420;

#[async_trait::async_trait]
impl ObjectStore for Counted {
    async fn put(&self, key: &str, bytes: Bytes, put: Put<'_>) -> Result<(), StoreError> {
        self.store.put(key, bytes, put).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, StoreError> {
        let object = self.store.get(key, range).await?;
        self.count(object.bytes.len() as u64);
        Ok(object)
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        self.count(0);
        self.store.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let page = self.store.list(prefix, start_after, limit).await?;
        self.count(500 + LISTED_BYTES * page.objects.len() as u64);
        Ok(page)
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.store.delete(keys).await
    }
}

/// Lists a day as FORMAT.md, section 9, says: the newest index, then what came after it.
async fn open_day(store: &dyn ObjectStore, stream: &StreamName, now_ms: u64) -> Vec<u64> {
    let limits = Limits::default();
    let after = stream.index_key(now_ms - DAY_MS);
    let indexes = store.list(&stream.index_prefix(), Some(&after), 1000).await.expect("indexes");
    let newest = indexes.objects.last().expect("an index");
    let start = store.get(&newest.key, Some(0..65_536)).await.expect("its start").bytes;
    let summary = DaySummary::decode(&start, &limits).expect("a summary");
    let end = summary.hours.last().expect("an hour") + HOUR_MS;
    let mut times: Vec<u64> = summary.moments.iter().map(|moment| moment.time_ms).collect();
    let from = stream.segments_from(end);
    let listed = store.list(&stream.segments_prefix(), Some(&from), 1000).await.expect("segments");
    // The newest segments tell of the hour that is not over.
    for object in listed.objects.iter().rev() {
        let size = object.size.min(16_384);
        let bytes = store.get(&object.key, Some(0..size)).await.expect("a manifest").bytes;
        let manifest = Segment::decode(&bytes, &limits).expect("a manifest").manifest;
        times.extend(manifest.moments.iter().map(|moment| moment.time_ms));
        times.extend(manifest.tail.iter().map(|moment| moment.time_ms));
        if !manifest.tail.is_empty() {
            break;
        }
    }
    times.sort_unstable();
    times.dedup();
    times.retain(|time| *time >= now_ms - DAY_MS);
    times
}

#[tokio::test]
async fn a_day_of_8640_screenshots_opens_with_few_requests_and_bytes() {
    let store = Arc::new(Counted::default());
    let stream = StreamName::parse("desk").expect("a name");
    let objects = StreamObjects::new(store.clone(), stream.clone());
    let mut recorder = recorder(16);
    let mut picture = Picture::filled(320, 200, [30, 90, 160]).expect("a picture");
    let (from, now_ms) = (DAY + HOUR_MS - 5 * 60_000, DAY + DAY_MS + HOUR_MS - 5 * 60_000);
    let mut heads = Heads::new();
    let (mut expected, mut stored, mut tails) = (Vec::new(), 0_u64, 0_u64);
    for (number, slot) in (from..now_ms).step_by(STEP as usize).enumerate() {
        // Real clocks are a few milliseconds late, now more, now less.
        let time_ms = slot + (number as u64).wrapping_mul(2_654_435_761) % 97;
        for byte in 0..number % 5 * 40 {
            let at = (number * 7_919 + byte * 1_931) % picture.rgb().len();
            picture.rgb_mut()[at] ^= 0x2a;
        }
        shoot(&mut recorder, time_ms, &picture);
        let sealed = seal(&mut recorder);
        expected.push(time_ms);
        stored += sealed.bytes.len() as u64;
        let segment = Segment::decode(&sealed.bytes, &Limits::default()).expect("a segment");
        tails += segment.manifest.tail.len() as u64;
        heads.insert(
            sealed.id,
            Bytes::copy_from_slice(&sealed.bytes[..segment.packs_start as usize]),
        );
        put(store.as_ref(), &stream, &sealed).await;
    }
    let rolled = roll_due(&objects, &heads, now_ms).await;
    assert_eq!(rolled.hours.len(), 24);
    store.requests.store(0, Ordering::Relaxed);
    store.bytes.store(0, Ordering::Relaxed);
    let times = open_day(store.as_ref(), &stream, now_ms).await;
    let (requests, bytes) =
        (store.requests.load(Ordering::Relaxed), store.bytes.load(Ordering::Relaxed));
    println!(
        "a day of {} screenshots opens with {requests} requests and {:.1} KB; {:.1} KB of indexes \
         an hour; {tails} moments in tails; {:.1} KB a screenshot",
        times.len(),
        bytes as f64 / 1e3,
        rolled.bytes as f64 / 24e3,
        stored as f64 / expected.len() as f64 / 1e3,
    );
    assert_eq!(times.len(), 8_640);
    assert_eq!(times, expected[expected.len() - 8_640..]);
    assert!(requests <= 30 && bytes <= 500_000, "{requests} requests, {bytes} bytes");
}
