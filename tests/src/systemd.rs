//! systemd's user instance, the real one, where the machine itself was not started by systemd.
//!
//! It lives in mount and process namespaces of its own: what it starts ends with it, and nothing of it
//! is left on the machine. It wants to believe that systemd runs the machine, for which it looks at
//! `/run/systemd/system`; only inside of its namespace is that folder there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::product::Running;

/// Started inside of the namespaces, with the name of a control group of its own: two instances in
/// one group would take each other's processes for theirs. The shell stays the first process: as the
/// first, systemd would take itself for the machine's; and when the shell is killed, the kernel ends
/// all others with it.
const START: &str = "mount --make-rprivate / \
    && mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system \
    && mount -t proc proc /proc || exit 1
    for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        if [ -f $root/cgroup.procs ]; then mkdir $root/$0 && echo 0 > $root/$0/cgroup.procs; fi
    done
    /lib/systemd/systemd --user --log-target=console --log-level=notice & wait $!";

/// Where control groups may be mounted: of version 2, of version 1, and of both.
const CONTROL_GROUPS: [&str; 3] =
    ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];

/// A person's running instance, with a home of its own.
#[derive(Debug)]
pub struct UserSystemd {
    // Dropped in this order: the instance ends before its groups and folders go.
    instance: Running,
    groups: Groups,
    folder: tempfile::TempDir,
    first: String,
}

impl UserSystemd {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When systemd or `unshare` is missing, the namespaces are not allowed, or it does not come up;
    /// with what it said.
    pub fn start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        ensure!(Path::new("/lib/systemd/systemd").exists(), "systemd is not installed");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let groups = Groups(format!("deskreel-test-{}-{number}", std::process::id()));
        let folder = tempfile::tempdir()?;
        for name in ["run", "home", "home/.config"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let log = folder.path().join("systemd.log");
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", START, &groups.0])
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log)?)
            .stderr(std::fs::File::options().append(true).open(&log)?);
        person(&mut command, folder.path());
        let instance = Running(command.spawn().context("`unshare` (util-linux) cannot be run")?);
        let mut systemd = Self { instance, groups, folder, first: String::new() };
        for _ in 0..300 {
            std::thread::sleep(Duration::from_millis(100));
            if let Some(ended) = systemd.instance.0.try_wait()? {
                let said = std::fs::read_to_string(log)?;
                bail!("systemd's user instance did not start ({ended}): {said}");
            }
            let parent = systemd.instance.0.id();
            let children =
                std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
            children.trim().clone_into(&mut systemd.first);
            if systemd.first.is_empty() {
                continue;
            }
            let said = systemd.systemctl(&["is-system-running"])?;
            // `degraded` when a unit of the machine failed, which is no concern of ours.
            if matches!(said.stdout.trim_ascii(), b"running" | b"degraded") {
                return Ok(systemd);
            }
        }
        let said = std::fs::read_to_string(log)?;
        bail!("systemd's user instance {} does not answer: {said}", systemd.groups.0)
    }

    /// The person's home folder.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A program as that person runs it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--target", &self.first, "--mount", "--pid"]).arg(program);
        person(&mut command, self.folder.path());
        command
    }

    /// Runs `systemctl --user` to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn systemctl(&self, words: &[&str]) -> Result<Output> {
        let mut command = self.command("systemctl");
        Ok(command.arg("--user").args(words).output()?)
    }

    /// A property of a unit, such as `NRestarts`.
    ///
    /// # Errors
    /// When systemctl fails.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let said = self.systemctl(&["show", "--value", "--property", name, unit])?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8(said.stdout)?.trim().to_owned())
    }

    /// Waits until a property of a unit is as wanted; gives it.
    ///
    /// # Errors
    /// When it never is.
    pub fn until(&self, unit: &str, name: &str, is: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        for _ in 0..600 {
            last = self.property(unit, name)?;
            if is(&last) {
                return Ok(last);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("{name} of {unit} stays '{last}'")
    }
}

/// The control groups of an instance, by their name below [`CONTROL_GROUPS`].
#[derive(Debug)]
struct Groups(String);

impl Drop for Groups {
    fn drop(&mut self) {
        for root in CONTROL_GROUPS {
            // The kernel lets a group go a moment after its last process.
            for _ in 0..50 {
                if remove(&Path::new(root).join(&self.0)).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a control group and those below it, if it is there.
fn remove(group: &Path) -> std::io::Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(group)? {
        let path = entry?.path();
        if path.is_dir() {
            remove(&path)?;
        }
    }
    std::fs::remove_dir(group)
}

/// The folders of the person, and nothing of the caller's session.
fn person(command: &mut Command, folder: &Path) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let foreign = ["AWS_", "DESKREEL_", "XDG_", "DBUS_", "WAYLAND_"];
        if foreign.iter().any(|start| name.starts_with(start)) || name == "DISPLAY" {
            command.env_remove(&*name);
        }
    }
    command
        .env("HOME", folder.join("home"))
        .env("XDG_CONFIG_HOME", folder.join("home/.config"))
        .env("XDG_RUNTIME_DIR", folder.join("run"));
}
