//! Threads that give way to what the person does.

use std::io;
use std::thread::JoinHandle;

/// How far below the person's programs.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Runs `work` on a thread of its own, at a lower priority where the system has one per thread.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn in_background(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        give_way();
        work();
    })
}

/// On Linux the priority is a thread's own.
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "this thread keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}
