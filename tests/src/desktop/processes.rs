//! The desktop's programs: started in a clean environment, and all ended together.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Every program carries this variable, so that those that left their group are found too.
const MARK: &str = "DESKREEL_DESKTOP";

/// Running programs; dropping them kills them and what they started.
#[derive(Debug)]
pub(super) struct Processes {
    home: PathBuf,
    mark: String,
    display: Option<String>,
    children: Vec<Child>,
}

impl Processes {
    /// No programs yet; they will live in `home`.
    pub(super) fn new(home: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{count}", std::process::id());
        Self { home: home.to_owned(), mark, display: None, children: vec![] }
    }

    /// Starts the X server on a free display and gives the display's name.
    pub(super) fn start_server(&mut self, width: u32, height: u32) -> Result<String> {
        let size = format!("{width}x{height}x24");
        let arguments = [
            "-displayfd",
            "1",
            "-screen",
            "0",
            &size,
            "-dpi",
            "96",
            "-noreset",
            "-nolisten",
            "tcp",
        ];
        let mut command = self.command("Xvfb", &arguments);
        let mut server = command.stdout(Stdio::piped()).spawn().context("starting Xvfb")?;
        let output = server.stdout.take();
        self.children.push(server);
        let mut number = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut number).context("reading from Xvfb")?;
        }
        let number = number.trim();
        ensure!(!number.is_empty(), "Xvfb ended without opening a display of {width}x{height}");
        let display = format!(":{number}");
        self.display = Some(display.clone());
        Ok(display)
    }

    /// Starts a program that stays.
    pub(super) fn start(&mut self, program: &str, arguments: &[&str]) -> Result<()> {
        let child = self.command(program, arguments).spawn();
        self.children.push(child.with_context(|| format!("starting {program}"))?);
        Ok(())
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let ended = self.command(program, arguments).status();
        let status = ended.with_context(|| format!("running {program}"))?;
        ensure!(status.success(), "{program} {} ended with {status}", arguments.join(" "));
        Ok(())
    }

    /// Nothing of the caller's environment but `PATH` and the time zone: what is on the screen
    /// gets recorded.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.home.join(super::home::PROJECT)).env_clear();
        for kept in ["PATH", "TZ"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .env(MARK, &self.mark)
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("TMPDIR", self.home.join("tmp"))
            .env("SHELL", "/bin/bash")
            .env("USER", "dev")
            .env("LANG", "C.UTF-8")
            .env("NO_AT_BRIDGE", "1")
            // No session bus: GTK and Chromium would start one of their own that outlives them.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .envs(self.display.as_ref().map(|display| ("DISPLAY", display)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }

    /// What every program of ours carries in its environment.
    #[cfg(test)]
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }
}

/// The processes that carry this mark.
pub(super) fn carrying(mark: &str) -> Vec<Pid> {
    let needle = format!("{MARK}={mark}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![] };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let ours = environment.split(|byte| *byte == 0).any(|v| v == needle.as_bytes());
            if ours { Pid::from_raw(pid) } else { None }
        })
        .collect()
}

/// Waits a little for a program to end by itself.
fn ended(child: &mut Child) -> bool {
    (0..100).any(|_| {
        let ended = !matches!(child.try_wait(), Ok(None));
        if !ended {
            std::thread::sleep(Duration::from_millis(20));
        }
        ended
    })
}

impl Drop for Processes {
    fn drop(&mut self) {
        // Every call that is ignored here fails only when its target is gone already. The newest
        // end first and the server, the oldest, last: it may tidy up its socket.
        for (age, child) in self.children.iter_mut().enumerate().rev() {
            let group = Pid::from_child(child);
            if age == 0 {
                let _ = kill_process(group, Signal::TERM);
            }
            if age > 0 || !ended(child) {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
            }
        }
        // What forks while it is looked for is found the next time round.
        for _ in 0..20 {
            let left = carrying(&self.mark);
            if left.is_empty() {
                break;
            }
            for pid in left {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
