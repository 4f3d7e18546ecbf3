//! Locking and sleeping over a real D-Bus: a recording stops at once, and says why there is a gap.
#![cfg(target_os = "linux")]
#![expect(missing_docs, reason = "what the D-Bus macro makes has none")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskreel_capture::agent::LEASE_MS;
use deskreel_capture::core::budget::SeekBudget;
use deskreel_capture::core::known::KnownTiles;
use deskreel_capture::core::recorder::{Recorder, Settings};
use deskreel_capture::core::sampling::Pace;
use deskreel_capture::core::sealed::Sealed;
use deskreel_capture::recording::{
    self, Command as Told, Control, Delivery, Mode, Setup, channels,
};
use deskreel_capture::source::ScreenSource;
use deskreel_capture::source::replay::ReplaySource;
use deskreel_format::codec::Codec;
use deskreel_format::{Absence, AbsenceKind, DomainKey, Limits, Manifest, Segment, TileSize};
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

const SESSION: &str = "/org/freedesktop/login1/session/_31";

/// logind as far as a recorder asks it.
struct Manager;

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn get_session(&self, id: &str) -> OwnedObjectPath {
        assert_eq!(id, "1");
        ObjectPath::from_static_str_unchecked(SESSION).into()
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(
        emitter: &zbus::object_server::SignalEmitter<'_>,
        start: bool,
    ) -> zbus::Result<()>;
}

struct Session {
    locked: bool,
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn id(&self) -> &str {
        "1"
    }

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.locked
    }
}

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

/// A bus of our own; killed when dropped.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start() -> Option<Self> {
        let spawned = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn();
        let mut daemon = match spawned {
            Ok(daemon) => daemon,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                skip("dbus-daemon is not installed");
                return None;
            }
            Err(error) => panic!("dbus-daemon cannot be started: {error}"),
        };
        let mut address = String::new();
        let output = daemon.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut address).expect("an address");
        Some(Self { daemon, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It fails only when it has ended already.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "locking cannot be tested: {reason}");
    eprintln!("skipped: {reason}");
    if let Some(path) = std::env::var_os("DESKREEL_SKIPPED") {
        let mut file =
            std::fs::File::options().append(true).create(true).open(path).expect("a file");
        writeln!(file, "session\t{reason}").expect("a line");
    }
}

const NAME: &str = "nothing_is_recorded_while_locked_or_asleep_and_the_manifest_says_so";

/// The bus is named by the environment, which a process cannot change safely for itself: the test
/// runs itself again with it.
#[test]
fn nothing_is_recorded_while_locked_or_asleep_and_the_manifest_says_so() {
    const INNER: &str = "DESKREEL_TEST_BUS";
    if let Ok(address) = std::env::var(INNER) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(lock_and_sleep(&address));
    }
    let Some(bus) = Bus::start() else { return };
    let myself = std::env::current_exe().expect("a program");
    let output = Command::new(myself)
        .args(["--exact", NAME, "--nocapture"])
        .env(INNER, &bus.address)
        .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address)
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .output()
        .expect("it runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn lock_and_sleep(address: &str) {
    let logind = zbus::connection::Builder::address(address)
        .expect("an address")
        .name("org.freedesktop.login1")
        .expect("a name")
        .serve_at("/org/freedesktop/login1", Manager)
        .expect("a place")
        .serve_at("/org/freedesktop/login1/session/auto", Session { locked: false })
        .expect("a place")
        .serve_at(SESSION, Session { locked: false })
        .expect("a place")
        .build()
        .await
        .expect("the bus is there");
    let objects = logind.object_server();
    let session = objects.interface::<_, Session>(SESSION).await.expect("served");
    let manager = objects.interface::<_, Manager>("/org/freedesktop/login1").await.expect("served");
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let (mut control, task) = record(folder.path(), &kept);
    until(&mut control, |state| state.taken >= 1).await;

    session.get_mut().await.locked = true;
    session.get().await.locked_hint_changed(session.signal_emitter()).await.expect("told");
    until(&mut control, |state| state.mode == Mode::Locked).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.get_mut().await.locked = false;
    session.get().await.locked_hint_changed(session.signal_emitter()).await.expect("told");
    until(&mut control, |state| state.mode == Mode::Recording).await;

    Manager::prepare_for_sleep(manager.signal_emitter(), true).await.expect("told");
    until(&mut control, |state| state.mode == Mode::Asleep).await;
    Manager::prepare_for_sleep(manager.signal_emitter(), false).await.expect("told");
    for _ in 0..300 {
        if kept.absences().len() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    control.commands.send(Told::Stop).await.expect("it listens");
    task.await.expect("no panic").expect("it ends well");
    let absences = kept.absences();
    let kinds: Vec<_> = absences.iter().map(|absence| absence.kind).collect();
    assert_eq!(kinds, [AbsenceKind::Locked, AbsenceKind::Offline]);
    assert!(absences[0].to_ms - absences[0].from_ms >= 1_000, "{absences:?}");
    for moment in kept.manifests().iter().flat_map(|manifest| &manifest.moments) {
        let time = moment.time_ms;
        let within = absences.iter().any(|a| a.from_ms < time && time < a.to_ms);
        assert!(!within, "{time} lies in one of {absences:?}");
    }
}

async fn until(control: &mut Control, is: impl FnMut(&recording::State) -> bool) {
    let reached = control.state.wait_for(is);
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("in time").expect("runs");
}

fn record(
    folder: &Path,
    kept: &Kept,
) -> (Control, tokio::task::JoinHandle<Result<u64, recording::RecordingError>>) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/desktop");
    let open =
        move || -> Result<Box<dyn ScreenSource>, _> { Ok(Box::new(ReplaySource::open(&sample)?)) };
    let settings = Settings {
        tile: TileSize::new(64).expect("a size"),
        codec: Codec::Webp,
        interval_ms: 200,
        domain: DomainKey::new([5; 32]),
        budget: SeekBudget::default(),
        pack_pixels: 1 << 19,
    };
    let (control, ends) = channels();
    let setup = Setup {
        recorder: Recorder::new(settings, 9, KnownTiles::new(LEASE_MS)),
        delivery: Box::new(kept.clone()),
        pace: Pace { interval_ms: 200, idle_after_ms: None, idle_interval_ms: 60_000 },
        batch_ms: 0,
        count: None,
        source: open().expect("the sample is there"),
        open: Box::new(open),
        state_folder: folder.to_owned(),
        before: None,
        new_writer: || 7,
    };
    (control, tokio::spawn(recording::run(setup, ends, std::future::pending())))
}
