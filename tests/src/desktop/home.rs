//! The home directory of the person at the desktop: settings, a project with a history, a page.

use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The project's directory, below the home.
pub(super) const PROJECT: &str = "project";
/// The file the editor writes in, below the project.
pub(super) const NOTEBOOK: &str = "notes.md";
/// The page the browser shows, below the home.
pub(super) const PAGE: &str = "page/index.html";

/// Real source text to look at: this very module and its neighbours, each a commit of its own.
const SOURCES: &[(&str, &str, &str)] = &[
    ("src/desktop.rs", include_str!("../desktop.rs"), "Start the desktop and its programs"),
    ("src/script.rs", include_str!("script.rs"), "Decide what happens at which step"),
    ("src/screen.rs", include_str!("screen.rs"), "Type, scroll and move windows"),
    ("src/processes.rs", include_str!("../processes.rs"), "End all programs together"),
    ("src/home.rs", include_str!("home.rs"), "Write settings and a project"),
];

/// Settings of the programs, below the home.
const SETTINGS: &[(&str, &str)] = &[
    (".config/openbox/rc.xml", include_str!("settings/openbox.xml")),
    (".config/tint2/tint2rc", include_str!("settings/tint2rc")),
    (".config/geany/geany.conf", include_str!("settings/geany.conf")),
    (".config/gtk-3.0/settings.ini", include_str!("settings/gtk.ini")),
    (".config/pcmanfm/default/pcmanfm.conf", include_str!("settings/pcmanfm.conf")),
    (".Xdefaults", include_str!("settings/Xdefaults")),
    (".bashrc", include_str!("settings/bashrc")),
    (PAGE, include_str!("settings/page.html")),
];

/// A temporary home, removed when dropped.
#[derive(Debug)]
pub(super) struct Home {
    folder: TempDir,
}

impl Home {
    /// Writes everything.
    pub(super) fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("desk-").tempdir()?;
        let home = Self { folder };
        for (name, text) in SETTINGS {
            home.write(name, text)?;
        }
        for name in ["run", "tmp", PROJECT] {
            std::fs::create_dir_all(home.path().join(name))?;
        }
        home.make_project()?;
        Ok(home)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn make_project(&self) -> Result<()> {
        self.git(&["init", "--quiet", "--initial-branch=main"], 0)?;
        let readme = "# Project\n\nA desktop that works by itself.\n";
        let readings = readings();
        let notes = notes(&readings);
        let files = [("README.md", readme, "Say what this is"), (NOTEBOOK, &notes, "Take notes")];
        let data = [("data/readings.csv", readings.as_str(), "Add the readings of October")];
        for (day, (name, text, message)) in
            (1..).zip(files.iter().chain(SOURCES).chain(&data).copied())
        {
            self.write(&format!("{PROJECT}/{name}"), text)?;
            self.git(&["add", "."], day)?;
            self.git(&["commit", "--quiet", "--message", message], day)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text).with_context(|| format!("writing {name}"))
    }

    /// Runs git in the project as of some day, so that the history is the same every time.
    fn git(&self, arguments: &[&str], day: u32) -> Result<()> {
        let when = format!("2025-10-{:02}T09:{:02}:00Z", day + 1, day * 7 % 60);
        let status = Command::new("git")
            .args(["-c", "user.name=Robin Doe", "-c", "user.email=robin@example.org"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.path().join(PROJECT))
            .env("HOME", self.path())
            .env("GIT_AUTHOR_DATE", &when)
            .env("GIT_COMMITTER_DATE", &when)
            .stdin(Stdio::null())
            .status()
            .context("running git")?;
        ensure!(status.success(), "git {} ended with {status}", arguments.join(" "));
        Ok(())
    }
}

const NOTES: &str = "\
# Notes

Ideas and measurements for the recorder. Newest at the bottom.

## Monday

- A screenshot of 1920x1080 has 2040 tiles of 32x32 pixels.
- A calm minute changes fewer than forty of them.
- Text must stay sharp: no lossy codec anywhere.

## Sample

";

/// The notes so far: longer than the editor's window, so that they can be scrolled.
fn notes(readings: &str) -> String {
    let sample = readings.lines().take(60).map(|line| format!("    {line}\n"));
    format!("{NOTES}{}\n## Tuesday\n\n", sample.collect::<String>())
}

/// A table of numbers that look measured.
fn readings() -> String {
    let mut table = String::from("date,station,temperature,humidity\n");
    let mut noise: u32 = 12345;
    for hour in 0..24 * 14_u32 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (day, hour) = (hour / 24 + 1, hour % 24);
        let temperature = 8 + (12 - hour.abs_diff(14) / 2) + (noise >> 24) % 3;
        let (tenth, humidity) = ((noise >> 16) % 10, 45 + (noise >> 20) % 40);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "2025-10-{day:02}T{hour:02}:00,north-{},{temperature}.{tenth},{humidity}",
            noise >> 28 & 3
        );
    }
    table
}
