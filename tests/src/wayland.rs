//! A Wayland session without hardware, started and ended with a test: sway with outputs in memory, its
//! portal for sharing screens, PipeWire, and a bus of its own.
//!
//! The portal does not show a dialog but runs a command that answers for the person; each question is
//! counted.

mod config;
mod front;
pub mod proof;
mod proxy;
pub mod steps;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;
use tempfile::TempDir;

use crate::processes::Processes;
use crate::product::read_picture;

/// The programs a session needs, each with the Debian package that brings it.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("sway", "sway"),
    ("swaybg", "swaybg"),
    ("grim", "grim"),
    ("dbus-daemon", "dbus-daemon"),
    ("pipewire", "pipewire"),
    ("wireplumber", "wireplumber"),
    ("xdg-desktop-portal", "xdg-desktop-portal"),
    ("xdg-permission-store", "xdg-desktop-portal"),
    ("xdg-desktop-portal-wlr", "xdg-desktop-portal-wlr"),
];

/// Where programs are besides `PATH` that only other programs start.
const HELPERS: [&str; 3] = ["/usr/libexec", "/usr/lib/xdg-desktop-portal", "/usr/lib"];

/// How long a program of the session may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// The entries of [`PROGRAMS`] that are not here.
pub fn missing() -> Vec<(&'static str, &'static str)> {
    PROGRAMS.iter().copied().filter(|(program, _)| find(program).is_none()).collect()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(HELPERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// One output of the session.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Left edge on the desktop, points.
    pub x: i32,
    /// Top edge on the desktop, points.
    pub y: i32,
    /// Pixels per point.
    pub scale: u32,
}

/// A running session. Dropping it ends every program it started.
#[derive(Debug)]
pub struct Session {
    // Fields are dropped in this order: first the programs end, then their files go.
    processes: Processes,
    /// Answers in the place of the desktop's portal.
    front: Option<zbus::Connection>,
    proxy: Option<proxy::Proxy>,
    folder: TempDir,
}

impl Session {
    /// Starts a session with these outputs, named `HEADLESS-1` and so on, and waits until its portal
    /// answers, which shares one of them.
    ///
    /// # Errors
    /// When a program is missing (see [`missing`]) or is not ready in time; with what it said.
    pub async fn start(outputs: &[Output]) -> Result<Self> {
        let mut session = Self::begin(outputs)?;
        let come_up = session.come_up(None).await;
        come_up.map_err(|error| error.context(session.said()))?;
        Ok(session)
    }

    /// Starts a session whose portal shares all of its outputs at once, and keeps no permission.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_sharing_all(outputs: &[Output]) -> Result<Self> {
        let mut session = Self::begin(outputs)?;
        let come_up = session.come_up(Some(outputs.len())).await;
        come_up.map_err(|error| error.context(session.said()))?;
        Ok(session)
    }

    fn begin(outputs: &[Output]) -> Result<Self> {
        let missing = missing();
        if !missing.is_empty() {
            let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
            bail!("the session lacks programs; install them: apt install {}", packages.join(" "));
        }
        let folder = tempfile::tempdir()?;
        config::write(folder.path(), outputs)?;
        let mut processes = Processes::new(folder.path());
        processes.log_to(&folder.path().join("log"));
        for (name, value) in config::variables(folder.path(), outputs.len()) {
            processes.set(name, &value);
        }
        Ok(Self { processes, front: None, proxy: None, folder })
    }

    async fn come_up(&mut self, shared: Option<usize>) -> Result<()> {
        let folder = self.folder.path().to_owned();
        let run = folder.join("run");
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let bus = format!("--config-file={}", path(&folder.join("bus.conf")));
        self.processes.start("dbus-daemon", &[&bus, "--nofork"])?;
        self.socket(&run, "bus").await?;
        let config = path(&folder.join("sway.conf"));
        // sway refuses to run for root. In a namespace where the same user has another number it does.
        match rustix::process::geteuid().is_root() {
            true => {
                let words = ["--user", "--map-user=1000", "sway", "--config", &config];
                self.processes.start("unshare", &words)?;
            }
            false => self.processes.start("sway", &["--config", &config])?,
        }
        let control = self.socket(&run, "sway-ipc.").await?;
        let display = self.socket(&run, "wayland-").await?;
        self.processes.set("SWAYSOCK", &path(&run.join(control)));
        self.processes.set("WAYLAND_DISPLAY", &display);
        self.processes.start("pipewire", &[])?;
        self.socket(&run, "pipewire-0").await?;
        self.processes.start("wireplumber", &[])?;
        let connection = self.bus().await?;
        self.proxy = Some(proxy::Proxy::listen(&run.join("portal-wayland"), run.join(&display))?);
        for (program, name) in [
            ("xdg-permission-store", "org.freedesktop.impl.portal.PermissionStore"),
            ("xdg-desktop-portal-wlr", "org.freedesktop.impl.portal.desktop.wlr"),
            ("xdg-desktop-portal", "org.freedesktop.portal.Desktop"),
        ] {
            if let Some(outputs) = shared.filter(|_| program == "xdg-desktop-portal") {
                self.processes.set("WAYLAND_DISPLAY", &display);
                let address = config::bus_address(&folder);
                self.front = Some(front::serve(&address, folder, outputs, connection).await?);
                return Ok(());
            }
            // All others talk to the compositor itself.
            let is_backend = program == "xdg-desktop-portal-wlr";
            let through = if is_backend { "portal-wayland" } else { &display };
            self.processes.set("WAYLAND_DISPLAY", through);
            let found = find(program).with_context(|| format!("{program} is gone"))?;
            self.processes.start(&path(&found), &[])?;
            owned(&connection, name).await?;
        }
        self.processes.set("WAYLAND_DISPLAY", &display);
        Ok(())
    }

    /// Waits for a socket whose name begins so; gives its name.
    async fn socket(&self, folder: &Path, start: &str) -> Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for entry in std::fs::read_dir(folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name.starts_with(start) && !name.ends_with(".lock") {
                    return Ok(name);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("there is no socket '{start}' after {} s", PATIENCE.as_secs())
    }

    /// A connection to the session's bus.
    async fn bus(&self) -> Result<zbus::Connection> {
        let address = config::bus_address(self.folder.path());
        Ok(zbus::connection::Builder::address(address.as_str())?.build().await?)
    }

    /// The last lines that each program said.
    pub fn said(&self) -> String {
        let entries = std::fs::read_dir(self.folder.path().join("log")).into_iter().flatten();
        let mut said = String::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let text = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(12)..].join("\n  ");
            said += &format!("{}:\n  {last}\n", path.display());
        }
        said
    }

    /// Lets a program of the caller's run in this session.
    pub fn person(&self, command: &mut Command) {
        command
            .env("XDG_SESSION_TYPE", "wayland")
            .env("WAYLAND_DISPLAY", "wayland-1")
            .env("DBUS_SESSION_BUS_ADDRESS", config::bus_address(self.folder.path()))
            .env_remove("DISPLAY");
    }

    /// Tells sway to do something, such as `output HEADLESS-1 resolution 1024x768`.
    ///
    /// # Errors
    /// When it does not do it.
    pub fn sway(&self, command: &str) -> Result<()> {
        let output = self.processes.command("swaymsg", &["--", command]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "swaymsg {command}: {said}");
        Ok(())
    }

    /// Shows a picture on an output, behind everything; again where there was one of this name.
    ///
    /// # Errors
    /// When it cannot be written or sway does not take it.
    pub fn show(&self, output: &str, name: &str, picture: &RgbImage) -> Result<()> {
        let path = self.folder.path().join(format!("{name}.png"));
        // Not while it is being read.
        if !path.exists() {
            picture.save(&path)?;
        }
        self.sway(&format!("output {output} background {} stretch", path.display()))
    }

    /// What an output shows, by the compositor's own word.
    ///
    /// # Errors
    /// When `grim` fails.
    pub fn picture(&self, output: &str) -> Result<RgbImage> {
        let path = self.folder.path().join("grim.png");
        self.processes.run("grim", &["-l", "0", "-o", output, &path.to_string_lossy()])?;
        read_picture(&path)
    }

    /// From now on this output is shared with whoever asks, or none.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn choose(&self, output: Option<&str>) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join("choice"), output.unwrap_or_default())?)
    }

    /// How often the person was asked to share a screen.
    pub fn asked(&self) -> usize {
        let asked = std::fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        asked.lines().count()
    }

    /// The processes of the session.
    #[cfg(test)]
    fn mark(&self) -> &str {
        self.processes.mark()
    }
}

/// Waits until a name of the bus has an owner.
async fn owned(connection: &zbus::Connection, name: &str) -> Result<()> {
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if bus.name_has_owner(name.try_into()?).await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("nobody answers as {name} after {} s", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::carrying;
    use crate::product::not_run;

    #[tokio::test]
    async fn a_session_leaves_nothing_behind() -> Result<()> {
        if !missing().is_empty() {
            not_run("wayland session", &format!("not installed: {:?}", missing()));
            return Ok(());
        }
        let output = Output { width: 64, height: 48, x: 0, y: 0, scale: 1 };
        let session = Session::start(&[output]).await?;
        assert_eq!(session.picture("HEADLESS-1")?.dimensions(), (64, 48));
        let (mark, folder) = (session.mark().to_owned(), session.folder.path().to_owned());
        assert!(carrying(&mark).len() > 6);
        drop(session);
        assert_eq!(carrying(&mark).len(), 0, "programs are still running");
        assert!(!folder.exists(), "{} is still there", folder.display());
        Ok(())
    }
}
