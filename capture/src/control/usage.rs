//! What this process uses of CPU and memory.

use super::protocol::Usage;

/// What it used in the `alive_ms` milliseconds since its start.
pub(super) fn of_this_process(alive_ms: u64) -> Usage {
    let cpu_ms = cpu_ms();
    let share = |cpu: u64| (alive_ms > 0).then(|| cpu as f64 * 100.0 / alive_ms as f64);
    Usage { cpu_ms, cpu_percent: cpu_ms.and_then(share), memory_bytes: memory_bytes() }
}

#[cfg(target_os = "linux")]
fn cpu_ms() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(u64::try_from(time.tv_sec).ok()? * 1_000 + time.tv_nsec as u64 / 1_000_000)
}

/// The line `VmRSS:    12345 kB`.
#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(not(target_os = "linux"))]
fn cpu_ms() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells_both() {
        let usage = super::of_this_process(1_000);
        assert!(usage.memory_bytes.unwrap() > 100_000, "{usage:?}");
        assert!(usage.cpu_ms.is_some() && usage.cpu_percent.is_some(), "{usage:?}");
    }
}
