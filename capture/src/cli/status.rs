//! How an agent does, as a person reads it: pure text from what it told.

use crate::control::protocol::{Status, Upload};
use crate::recording::Mode;

/// Colours of a terminal; plain text elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// One line: recording, or why not.
pub(super) fn headline(status: &Status, paint: Paint) -> String {
    let now = status.now_ms;
    let since = |what: &str| match status.absent_since_ms {
        Some(since) => format!("{what} for {}", length(now.saturating_sub(since))),
        None => what.to_owned(),
    };
    let reason = |what: String| match &status.reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    };
    let (colour, text) = match status.mode {
        Mode::Starting => (YELLOW, "starting".to_owned()),
        Mode::Recording => (GREEN, "recording".to_owned()),
        Mode::Idle => (GREEN, "recording slowly: nobody is there".to_owned()),
        Mode::Paused => (YELLOW, paused(status)),
        Mode::Locked => (YELLOW, since("not recording: the session is locked")),
        Mode::Excluded => (YELLOW, reason(since("not recording: what is visible is excluded"))),
        Mode::Asleep => (YELLOW, since("not recording: the machine sleeps")),
        Mode::Failing => (RED, reason(since("not recording: the screen cannot be photographed"))),
        Mode::Stopped => (YELLOW, "ending: the last screenshots are uploaded".to_owned()),
    };
    let text = match (&status.upload.trouble, status.mode) {
        (Some(_), Mode::Failing) | (None, _) => text,
        (Some(_), _) => format!("{text}, but nothing reaches the store"),
    };
    let colour = if status.upload.trouble.is_some() { RED } else { colour };
    format!("{} {}", paint.with(colour, "●"), paint.bold(&text))
}

fn paused(status: &Status) -> String {
    match status.paused_until_ms {
        None => "paused until `deskreel resume`".to_owned(),
        Some(until) => {
            let left = length(until.saturating_sub(status.now_ms));
            format!("paused until {} UTC, for {left} more", clock(until))
        }
    }
}

/// All that is known, in lines.
pub(super) fn page(status: &Status, paint: Paint) -> String {
    let now = status.now_ms;
    let ago = |time: Option<u64>| match time {
        None => "none yet".to_owned(),
        Some(time) => format!("{} ago, {} UTC", length(now.saturating_sub(time)), clock(time)),
    };
    let usage = &status.usage;
    let mut agent = vec![
        format!("pid {}", status.pid),
        format!("up {}", length(now.saturating_sub(status.started_ms))),
    ];
    agent.extend(usage.cpu_percent.map(|percent| format!("{percent:.1} % of a core")));
    agent.extend(usage.memory_bytes.map(|bytes| format!("{} of memory", size(bytes))));
    let mut rows = vec![
        ("stream", format!("{} in {}", status.stream, status.store)),
        ("last screenshot", ago(status.last_screenshot_ms)),
        ("next screenshot", next(status)),
        ("last upload", ago(status.upload.last_ms)),
        ("waiting", waiting(&status.upload)),
    ];
    if let Some(trouble) = &status.upload.trouble {
        let since = status.upload.trouble_since_ms.unwrap_or(now);
        let tried = length(now.saturating_sub(since));
        rows.push(("store", paint.with(RED, &format!("{trouble} (tried for {tried})"))));
    }
    if status.upload.given_up_screenshots > 0 {
        let text = format!(
            "{} given up, for want of room",
            shots(status.upload.given_up_screenshots as u64)
        );
        rows.push(("lost", paint.with(RED, &text)));
    }
    let missed = match status.missed {
        0 => "none missed".to_owned(),
        missed => format!("{missed} missed"),
    };
    rows.push((
        "uploaded today",
        format!("{} since midnight UTC", size(status.upload.bytes_today)),
    ));
    rows.push(("this run", format!("{}, {missed}", shots(status.screenshots))));
    rows.push(("agent", agent.join(", ")));
    let lines = rows
        .iter()
        .map(|(name, value)| format!("  {} {value}\n", paint.dim(&format!("{name:<16}"))));
    format!("{}\n{}", headline(status, paint), lines.collect::<String>())
}

fn next(status: &Status) -> String {
    match (status.next_screenshot_ms, status.mode) {
        (_, Mode::Paused) | (None, _) => match status.paused_until_ms {
            Some(until) => format!("at {} UTC, when the pause ends", clock(until)),
            None if status.mode == Mode::Paused => "after `deskreel resume`".to_owned(),
            None if status.mode == Mode::Locked => "when the session is unlocked".to_owned(),
            None => "when the machine is awake again".to_owned(),
        },
        (Some(time), Mode::Idle) if time <= status.now_ms => "when somebody is back".to_owned(),
        (Some(time), _) if time <= status.now_ms => "now".to_owned(),
        (Some(time), _) => format!("in {}", length(time - status.now_ms)),
    }
}

fn waiting(upload: &Upload) -> String {
    if upload.waiting_segments == 0 {
        return "nothing".to_owned();
    }
    format!("{}, {}", shots(upload.waiting_screenshots as u64), size(upload.waiting_bytes))
}

fn shots(count: u64) -> String {
    if count == 1 { "1 screenshot".to_owned() } else { format!("{count} screenshots") }
}

/// `3 s`, `12 min`, `3 h 5 min`, `2 days`.
pub(super) fn length(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match (minutes, hours) {
        (0, _) => format!("{seconds} s"),
        (1..10, _) if seconds % 60 != 0 => format!("{minutes} min {} s", seconds % 60),
        (_, 0) => format!("{minutes} min"),
        (_, 1..48) if minutes % 60 != 0 => format!("{hours} h {} min", minutes % 60),
        (_, 1..48) => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}

/// `12.3 MB`, in decimal units.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// The time of day, UTC.
fn clock(time_ms: u64) -> String {
    let seconds = time_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::Usage;

    const NOW: u64 = 1_795_516_200_000; // 2026-11-24 10:30 UTC

    fn recording() -> Status {
        Status {
            stream: "desk".into(),
            store: "http://127.0.0.1:8420".into(),
            version: "0.1.0".into(),
            pid: 4711,
            started_ms: NOW - 11_520_000,
            now_ms: NOW,
            mode: Mode::Recording,
            reason: None,
            absent_since_ms: None,
            paused_until_ms: None,
            interval_ms: 10_000,
            last_screenshot_ms: Some(NOW - 3_000),
            next_screenshot_ms: Some(NOW + 7_000),
            screenshots: 1_152,
            missed: 0,
            upload: Upload {
                last_ms: Some(NOW - 2_500),
                bytes_today: 20_460_000,
                ..Upload::default()
            },
            usage: Usage {
                cpu_ms: Some(46_000),
                cpu_percent: Some(0.4),
                memory_bytes: Some(61_900_000),
            },
        }
    }

    #[test]
    fn a_recording_that_does_well() {
        let expected = "\
● recording
  stream           desk in http://127.0.0.1:8420
  last screenshot  3 s ago, 10:29:57 UTC
  next screenshot  in 7 s
  last upload      2 s ago, 10:29:57 UTC
  waiting          nothing
  uploaded today   20.5 MB since midnight UTC
  this run         1152 screenshots, none missed
  agent            pid 4711, up 3 h 12 min, 0.4 % of a core, 61.9 MB of memory
";
        assert_eq!(page(&recording(), Paint(false)), expected);
        assert!(!recording().is_troubled());
    }

    #[test]
    fn each_reason_not_to_record_is_told() {
        for (mode, expected) in [
            (Mode::Idle, "● recording slowly: nobody is there"),
            (Mode::Paused, "● paused until `deskreel resume`"),
            (Mode::Locked, "● not recording: the session is locked for 2 min"),
            (
                Mode::Failing,
                "● not recording: the screen cannot be photographed for 2 min: it is gone",
            ),
        ] {
            let reason = (mode == Mode::Failing).then(|| "it is gone".to_owned());
            let absent_since_ms = (mode != Mode::Idle).then_some(NOW - 120_000);
            let status = Status { mode, reason, absent_since_ms, ..recording() };
            assert_eq!(headline(&status, Paint(false)), expected);
            assert_eq!(status.is_troubled(), mode == Mode::Failing);
        }
        let status =
            Status { mode: Mode::Paused, paused_until_ms: Some(NOW + 1_740_000), ..recording() };
        let said = headline(&status, Paint(false));
        assert_eq!(said, "● paused until 10:59:00 UTC, for 29 min more");
    }

    #[test]
    fn a_store_that_does_not_answer_is_told_with_what_waits() {
        let mut status = recording();
        status.upload.trouble = Some("no answer".into());
        status.upload.trouble_since_ms = Some(NOW - 75_000);
        status.upload.waiting_segments = 8;
        status.upload.waiting_screenshots = 8;
        status.upload.waiting_bytes = 150_000;
        let said = page(&status, Paint(false));
        assert!(said.starts_with("● recording, but nothing reaches the store\n"), "{said}");
        assert!(said.contains("store            no answer (tried for 1 min 15 s)\n"), "{said}");
        assert!(said.contains("waiting          8 screenshots, 150.0 KB\n"), "{said}");
        assert!(status.is_troubled());
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(!page(&recording(), Paint(false)).contains('\x1b'));
        assert!(page(&recording(), Paint(true)).contains("\x1b[32m●"));
    }
}
