//! An X server that stops answering: the recording says so, tells the gap by its kind, and goes on.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[expect(dead_code, reason = "shared with the tests of the X11 source, which use more of it")]
mod xserver;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sampling::Pace;
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::recording::{self, Command, Control, Delivery, Mode, Setup, State, channels};
use deskreel_capture::source::ScreenSource;
use deskreel_capture::source::x11::X11Source;
use deskreel_format::codec::Codec;
use deskreel_format::{AbsenceKind, DomainKey, Limits, Manifest, Segment, TileSize};
use rustix::process::{Pid, Signal, kill_process};
use xserver::Server;

const INTERVAL_MS: u32 = 200;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Manifest>>>);

impl Delivery for Kept {
    fn deliver(&mut self, sealed: Sealed) {
        let segment = Segment::decode(&sealed.bytes, &Limits::default()).unwrap();
        self.0.lock().unwrap().push(segment.manifest);
    }
}

async fn wait(control: &mut Control, wanted: impl Fn(&State) -> bool) -> State {
    let reached = control.state.wait_for(|state| wanted(state));
    tokio::time::timeout(Duration::from_secs(90), reached).await.unwrap().unwrap().clone()
}

#[tokio::test]
async fn a_stopped_x_server_is_told_and_recording_goes_on_with_it() {
    let Some(server) = Server::start("320x240x24", &[]) else { return };
    let display = server.display.clone();
    let (kept, folder) = (Kept::default(), tempfile::tempdir().unwrap());
    let settings = Settings {
        tile: TileSize::new(16).unwrap(),
        codec: Codec::DEFAULT,
        interval_ms: INTERVAL_MS,
        domain: DomainKey::new([5; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let open = move || -> Result<Box<dyn ScreenSource>, _> {
        Ok(Box::new(X11Source::open(Some(&display))?))
    };
    let (mut control, ends) = channels();
    let setup = Setup {
        recorder: Recorder::new(settings, 1, KnownTiles::new(LEASE_MS)),
        delivery: Box::new(kept.clone()),
        pace: Pace { interval_ms: INTERVAL_MS, idle_after_ms: None, idle_interval_ms: 60_000 },
        batch_ms: 0,
        count: None,
        source: open().unwrap(),
        open: Box::new(open),
        state_folder: folder.path().to_owned(),
        before: None,
        new_writer: || 2,
    };
    let task = tokio::spawn(recording::run(setup, ends, std::future::pending()));
    let before = wait(&mut control, |state| state.taken >= 2).await;
    kill_process(Pid::from_child(&server.child), Signal::STOP).unwrap();
    let failing = wait(&mut control, |state| state.mode == Mode::Failing).await;
    let reason = failing.reason.unwrap();
    assert!(reason.contains("the display has not answered since"), "{reason}");
    // It may have answered once more before the signal came to it.
    assert!(failing.absent_since_ms.unwrap() >= before.last_good_ms.unwrap());
    kill_process(Pid::from_child(&server.child), Signal::CONT).unwrap();
    let goes_on = wait(&mut control, |state| state.taken >= failing.taken + 3).await;
    assert_eq!((goes_on.mode, goes_on.reason), (Mode::Recording, None));
    control.commands.send(Command::Stop).await.unwrap();
    task.await.unwrap().unwrap();
    let manifests = kept.0.lock().unwrap();
    let absences: Vec<_> = manifests.iter().flat_map(|manifest| &manifest.absences).collect();
    let [gap] = absences[..] else { panic!("{absences:?}") };
    assert_eq!(gap.kind, AbsenceKind::Offline);
    let times = manifests.iter().flat_map(|manifest| &manifest.moments).map(|m| m.time_ms);
    assert!(times.clone().all(|time| time <= gap.from_ms || time >= gap.to_ms), "{gap:?}");
    assert!(times.clone().any(|time| time >= gap.to_ms));
}
