//! What the session says over D-Bus: locked or not (logind, screen savers), about to sleep (logind).
//!
//! Where there is no bus, nothing is known and nothing forbids to record; a sleep is still seen by
//! the clocks.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use zbus::{Connection, Proxy};

use crate::core::sampling::Input;

/// A bus that went away is tried again so often.
const RETRY: Duration = Duration::from_secs(60);
const LOGIND: &str = "org.freedesktop.login1";
/// Screen savers that lock: bus name, path.
const SAVERS: [(&str, &str); 2] = [
    ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"),
    ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
];

/// Who says that the session is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Logind,
    Saver(usize),
}

#[derive(Debug, Clone, Copy)]
enum Said {
    Locked(Source, bool),
    Sleeping(bool),
}

/// Tells `inputs` what the session says, for ever.
pub(super) async fn watch(inputs: Sender<Input>) {
    let (say, mut said) = tokio::sync::mpsc::channel(16);
    tokio::spawn(again_and_again("logind", say.clone(), |say| Box::pin(logind(say))));
    tokio::spawn(again_and_again("the screen saver", say, |say| Box::pin(savers(say))));
    let mut locked_by = Vec::new();
    while let Some(what) = said.recv().await {
        let input = match what {
            Said::Sleeping(sleeping) => Input::Sleeping(sleeping),
            Said::Locked(source, locked) => {
                locked_by.retain(|by| *by != source);
                if locked {
                    locked_by.push(source);
                }
                Input::Locked(!locked_by.is_empty())
            }
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

type Watching = std::pin::Pin<Box<dyn Future<Output = zbus::Result<()>> + Send>>;

async fn again_and_again(what: &str, say: Sender<Said>, watch: fn(Sender<Said>) -> Watching) {
    while !say.is_closed() {
        if let Err(error) = watch(say.clone()).await {
            tracing::debug!(%error, "{what} cannot be asked");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Until the bus goes away.
async fn logind(say: Sender<Said>) -> zbus::Result<()> {
    let bus = Connection::system().await?;
    let manager_path = "/org/freedesktop/login1";
    let manager = Proxy::new(&bus, LOGIND, manager_path, "org.freedesktop.login1.Manager").await?;
    let mut sleeps = manager.receive_signal("PrepareForSleep").await?;
    // The session of this process, or where it is a service of the user, the one on the screen.
    // Changes are told under its real path alone.
    let interface = "org.freedesktop.login1.Session";
    let auto = Proxy::new(&bus, LOGIND, "/org/freedesktop/login1/session/auto", interface).await?;
    let id: String = auto.get_property("Id").await?;
    let path: zbus::zvariant::OwnedObjectPath = manager.call("GetSession", &(id,)).await?;
    let session = Proxy::new(&bus, LOGIND, path, interface).await?;
    let mut locks = session.receive_property_changed::<bool>("LockedHint").await;
    loop {
        let said = tokio::select! {
            Some(change) = locks.next() => Said::Locked(Source::Logind, change.get().await?),
            Some(signal) = sleeps.next() => Said::Sleeping(signal.body().deserialize()?),
            else => return Ok(()),
        };
        if say.send(said).await.is_err() {
            return Ok(());
        }
    }
}

/// Until the bus goes away.
async fn savers(say: Sender<Said>) -> zbus::Result<()> {
    let bus = Connection::session().await?;
    let mut changes = futures_util::stream::SelectAll::new();
    for (index, (name, path)) in SAVERS.into_iter().enumerate() {
        let saver = Proxy::new(&bus, name, path, name).await?;
        let changed = saver.receive_signal("ActiveChanged").await?;
        changes.push(changed.map(move |signal| (index, signal)).boxed());
        // One that is not there yet will tell when it locks.
        if let Ok(true) = saver.call::<_, _, bool>("GetActive", &()).await
            && say.send(Said::Locked(Source::Saver(index), true)).await.is_err()
        {
            return Ok(());
        }
    }
    while let Some((index, signal)) = changes.next().await {
        let active = signal.body().deserialize()?;
        if say.send(Said::Locked(Source::Saver(index), active)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
