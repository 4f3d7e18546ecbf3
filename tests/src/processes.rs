//! Programs of a desktop: started in a clean environment, and all ended together.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Every program carries this variable, so that those that left their group are found too.
const MARK: &str = "DESKREEL_DESKTOP";

/// Running programs; dropping them kills them and what they started.
#[derive(Debug)]
pub(crate) struct Processes {
    folder: PathBuf,
    logs: Option<PathBuf>,
    mark: String,
    variables: Vec<(String, String)>,
    children: Vec<Child>,
}

impl Processes {
    /// No programs yet; they will work in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{count}", std::process::id());
        let (folder, logs) = (folder.to_owned(), None);
        Self { folder, logs, mark, variables: vec![], children: vec![] }
    }

    /// What programs say from here on goes to files of their names in this folder; else it is lost.
    pub(crate) fn log_to(&mut self, folder: &Path) {
        self.logs = Some(folder.to_owned());
    }

    /// Sets a variable for the programs that start from here on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Starts a program that stays.
    pub(crate) fn start(&mut self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(program, arguments);
        if let Some(folder) = &self.logs {
            let name = Path::new(program).file_name().unwrap_or_default();
            let log = std::fs::File::create(folder.join(name).with_extension("log"))?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        let child = command.spawn().with_context(|| format!("starting {program}"))?;
        self.keep(child);
        Ok(())
    }

    /// Ends this one with the others too; it was started by [`Self::command`].
    pub(crate) fn keep(&mut self, child: Child) {
        self.children.push(child);
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let ended = self.command(program, arguments).status();
        let status = ended.with_context(|| format!("running {program}"))?;
        ensure!(status.success(), "{program} {} ended with {status}", arguments.join(" "));
        Ok(())
    }

    /// Nothing of the caller's environment but `PATH` and the time zone: what is on the screen
    /// gets recorded.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear();
        for kept in ["PATH", "TZ"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .env(MARK, &self.mark)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }

    /// What every program of ours carries in its environment.
    #[cfg(test)]
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }
}

/// The processes that carry this mark.
pub(crate) fn carrying(mark: &str) -> Vec<Pid> {
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
