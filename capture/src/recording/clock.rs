//! The three clocks of the scheduler.

use crate::core::sampling::Now;

/// The present.
#[cfg(target_os = "linux")]
pub(super) fn now() -> Now {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| {
        let time = clock_gettime(clock);
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000 + time.tv_nsec as u64 / 1_000_000
    };
    Now {
        wall_ms: read(ClockId::Realtime),
        mono_ms: read(ClockId::Monotonic),
        boot_ms: read(ClockId::Boottime),
    }
}

/// The present. Whether this system's monotonic clock goes on in suspend differs; a sleep then
/// shows as a stretch in which the agent did not run.
#[cfg(not(target_os = "linux"))]
pub(super) fn now() -> Now {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let mono_ms = START.get_or_init(Instant::now).elapsed().as_millis() as u64;
    Now { wall_ms: crate::cli::common::now_ms(), mono_ms, boot_ms: mono_ms }
}
