//! The recording loop with a recorded screen: what the manifests say of pauses, restarts, failures.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sampling::Pace;
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::recording::{
    self, Command, Control, Delivery, Mode, PresenceFile, Setup, channels,
};
use deskreel_capture::source::replay::ReplaySource;
use deskreel_capture::source::{ScreenSource, SourceError, Surface};
use deskreel_format::codec::Codec;
use deskreel_format::{Absence, AbsenceKind, DomainKey, Limits, Manifest, Segment, TileSize};
use tokio::task::JoinHandle;

const INTERVAL_MS: u32 = 200;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Sealed>>>);

impl Delivery for Kept {
    fn deliver(&mut self, sealed: Sealed) {
        self.0.lock().expect("no panic").push(sealed);
    }
}

impl Kept {
    fn manifests(&self) -> Vec<Manifest> {
        let sealed = self.0.lock().expect("no panic");
        let decode = |s: &Sealed| Segment::decode(&s.bytes, &Limits::default()).expect("a segment");
        sealed.iter().map(|s| decode(s).manifest).collect()
    }

    fn absences(&self) -> Vec<Absence> {
        self.manifests().into_iter().flat_map(|manifest| manifest.absences).collect()
    }
}

/// Fails as long as it is told to, and says nothing as long as somebody holds `fails`.
struct Fickle {
    replay: ReplaySource,
    fails: Arc<Mutex<bool>>,
}

impl ScreenSource for Fickle {
    fn grab(&mut self) -> Result<Vec<Surface>, SourceError> {
        if *self.fails.lock().expect("no panic") {
            return Err(SourceError::Lost { doing: "testing", reason: "told to".into() });
        }
        self.replay.grab()
    }
}

struct Running {
    control: Control,
    fails: Arc<Mutex<bool>>,
    task: JoinHandle<Result<u64, recording::RecordingError>>,
}

/// A recording of the sample desktop that keeps its segments in `kept`.
fn record(folder: &Path, kept: &Kept) -> Running {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/desktop");
    let fails = Arc::new(Mutex::new(false));
    let open = {
        let fails = fails.clone();
        move || -> Result<Box<dyn ScreenSource>, SourceError> {
            Ok(Box::new(Fickle { replay: ReplaySource::open(&sample)?, fails: fails.clone() }))
        }
    };
    let settings = Settings {
        tile: TileSize::new(64).expect("a size"),
        codec: Codec::Webp,
        interval_ms: INTERVAL_MS,
        domain: DomainKey::new([5; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let (control, ends) = channels();
    let setup = Setup {
        recorder: Recorder::new(
            settings,
            rand::random_range(1..u32::MAX),
            KnownTiles::new(LEASE_MS),
        ),
        delivery: Box::new(kept.clone()),
        pace: Pace { interval_ms: INTERVAL_MS, idle_after_ms: None, idle_interval_ms: 60_000 },
        batch_ms: 0,
        count: None,
        source: open().expect("the sample is there"),
        open: Box::new(open),
        state_folder: folder.to_owned(),
        before: PresenceFile::of(folder).read().and_then(|presence| presence.before()),
        new_writer: || 7,
    };
    let task = tokio::spawn(recording::run(setup, ends, std::future::pending()));
    Running { control, fails, task }
}

impl Running {
    async fn tell(&self, command: Command) {
        self.control.commands.send(command).await.expect("it listens");
    }

    async fn until(&mut self, mode: Mode) {
        let reached = self.control.state.wait_for(|state| state.mode == mode);
        tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .expect("in time")
            .expect("it runs");
    }

    /// Waits for `more` further screenshots.
    async fn shots(&mut self, more: u64) {
        let now = self.control.state.borrow().taken;
        let reached = self.control.state.wait_for(|state| state.taken >= now + more);
        tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .expect("in time")
            .expect("it runs");
    }

    /// Waits until segments tell of `count` absences.
    async fn absences(&self, kept: &Kept, count: usize) -> Vec<Absence> {
        for _ in 0..600 {
            if kept.absences().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        kept.absences()
    }

    async fn stop(self) -> u64 {
        self.tell(Command::Stop).await;
        self.task.await.expect("no panic").expect("it ends well")
    }
}

#[tokio::test]
async fn a_pause_takes_no_screenshot_and_is_told_by_the_next_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut running = record(folder.path(), &kept);
    running.shots(2).await;
    running.tell(Command::Pause { until_ms: None }).await;
    running.until(Mode::Paused).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let state = running.control.state.borrow().clone();
    assert!(state.absent_since_ms.is_some() && state.next_ms.is_none(), "{state:?}");
    running.tell(Command::Resume).await;
    running.shots(2).await;
    let taken = running.stop().await;
    let manifests = kept.manifests();
    assert_eq!(manifests.len() as u64, taken);
    let [pause] = kept.absences()[..] else { panic!("{:?}", kept.absences()) };
    assert_eq!(pause.kind, AbsenceKind::Paused);
    assert!(pause.to_ms - pause.from_ms >= 190, "{pause:?}");
    for manifest in manifests {
        let time = manifest.moments[0].time_ms;
        assert!(time <= pause.from_ms || time >= pause.to_ms, "{time} lies in {pause:?}");
    }
}

#[tokio::test]
async fn a_pause_for_a_while_ends_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut running = record(folder.path(), &kept);
    running.shots(1).await;
    let last = running.control.state.borrow().last_good_ms.expect("a screenshot");
    running.tell(Command::Pause { until_ms: Some(last + 3_000) }).await;
    running.until(Mode::Paused).await;
    assert!(running.control.state.borrow().paused_until_ms.is_some());
    assert_eq!(running.absences(&kept, 1).await[0].kind, AbsenceKind::Paused);
    assert_eq!(running.control.state.borrow().paused_until_ms, None);
    running.stop().await;
}

#[tokio::test]
async fn a_run_that_ended_in_a_pause_leaves_its_kind_to_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut running = record(folder.path(), &kept);
    running.shots(1).await;
    running.tell(Command::Pause { until_ms: None }).await;
    running.until(Mode::Paused).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    running.stop().await;
    assert_eq!(kept.absences(), []);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let running = record(folder.path(), &kept);
    let absences = running.absences(&kept, 2).await;
    running.stop().await;
    let kinds: Vec<_> = absences.iter().map(|absence| absence.kind).collect();
    assert_eq!(kinds, [AbsenceKind::Paused, AbsenceKind::NotRunning]);
    assert_eq!(absences[0].to_ms, absences[1].from_ms);
    assert!(absences[0].to_ms - absences[0].from_ms >= 390, "{absences:?}");
}

#[tokio::test]
async fn a_screen_that_says_nothing_is_told_and_the_gap_is_offline() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut running = record(folder.path(), &kept);
    running.shots(1).await;
    let fails = running.fails.clone();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        let _held = fails.lock().expect("no panic");
        // Until the test says so, or is gone.
        let _ = released.recv();
    });
    running.until(Mode::Failing).await;
    let reason = running.control.state.borrow().reason.clone().expect("a reason");
    assert!(reason.contains("has not answered since"), "{reason}");
    drop(release);
    holder.join().expect("no panic");
    running.shots(2).await;
    assert_eq!(running.control.state.borrow().reason, None);
    running.stop().await;
    let [gap] = kept.absences()[..] else { panic!("{:?}", kept.absences()) };
    assert_eq!(gap.kind, AbsenceKind::Offline);
    for manifest in kept.manifests() {
        let time = manifest.moments[0].time_ms;
        assert!(time <= gap.from_ms || time >= gap.to_ms, "{time} lies in {gap:?}");
    }
}

#[tokio::test]
async fn a_screen_that_fails_is_opened_again_and_the_gap_is_offline() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut running = record(folder.path(), &kept);
    running.shots(1).await;
    *running.fails.lock().expect("no panic") = true;
    running.until(Mode::Failing).await;
    let reason = running.control.state.borrow().reason.clone().expect("a reason");
    assert!(reason.contains("told to"), "{reason}");
    *running.fails.lock().expect("no panic") = false;
    running.absences(&kept, 1).await;
    running.stop().await;
    let [gap] = kept.absences()[..] else { panic!("{:?}", kept.absences()) };
    assert_eq!(gap.kind, AbsenceKind::Offline);
}
