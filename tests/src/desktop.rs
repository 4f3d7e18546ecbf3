//! A real desktop in a virtual X server, with real programs that somebody seems to work in.
//!
//! The demo records it live and end-to-end tests photograph it. Which step does what is decided in
//! [`script`] (pure); [`screen`] does it as a person would, by keys, wheel and pointer.

mod home;
mod screen;
mod script;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail, ensure};
use home::Home;
use screen::Screen;
use script::{Action, App, Place};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::processes::Processes;

/// The programs a desktop needs, each with the Debian package that brings it.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("Xvfb", "xvfb"),
    ("openbox", "openbox"),
    ("tint2", "tint2"),
    ("hsetroot", "hsetroot"),
    ("xterm", "xterm"),
    ("geany", "geany"),
    ("pcmanfm", "pcmanfm"),
    ("git", "git"),
    ("vmstat", "procps"),
];

/// Debian packages without a program of their own: fonts and icons.
pub const LOOKS: &[&str] = &["fonts-dejavu-core", "adwaita-icon-theme", "librsvg2-common"];

/// A browser window is part of the desktop where this program is installed.
const BROWSER: &str = "chromium";

/// How long a program may take to show its window; Chromium's first start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The entries of [`PROGRAMS`] that are not on `PATH`.
pub fn missing() -> Vec<(&'static str, &'static str)> {
    PROGRAMS.iter().copied().filter(|(program, _)| !on_path(program)).collect()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A running desktop. Dropping it ends every program it started.
pub struct Desktop {
    display: String,
    width: u32,
    height: u32,
    screen: Screen,
    has_browser: bool,
    // Fields are dropped in this order: first the programs end, then their files go.
    #[cfg_attr(not(test), expect(dead_code, reason = "held for its drop"))]
    processes: Processes,
    home: Home,
}

impl Desktop {
    /// Starts a desktop of `width` x `height` pixels and waits until all its windows are there.
    ///
    /// # Errors
    /// When a program is missing (see [`missing`]), does not start, or shows no window in time.
    pub fn start(width: u32, height: u32) -> Result<Self> {
        let missing = missing();
        if !missing.is_empty() {
            let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
            bail!("the desktop lacks programs; install them: apt install {}", packages.join(" "));
        }
        let home = Home::make().context("writing the desktop's home")?;
        let mut processes = Processes::new(&home.path().join(home::PROJECT));
        for (name, value) in variables(home.path()) {
            processes.set(name, &value);
        }
        let display = start_server(&mut processes, width, height)?;
        let screen = Screen::open(&display)?;
        processes.run("hsetroot", &["-add", "#2b4a6f", "-add", "#7a9cb8", "-gradient", "160"])?;
        processes.start("openbox", &[])?;
        screen.wait_for_window_manager(PATIENCE)?;
        let has_browser = on_path(BROWSER);
        let apps = apps(has_browser);
        for &app in &apps {
            start(app, &mut processes, home.path())?;
        }
        processes.start("tint2", &[])?;
        let mut desktop = Self { display, width, height, screen, has_browser, processes, home };
        for &app in &apps {
            let window = desktop.screen.wait_for(app.window_name(), PATIENCE)?;
            desktop.screen.place(window, script::home_place(app).on(width, height))?;
        }
        for &app in apps.iter().rev() {
            desktop.raise(app)?;
        }
        // Windows are there before they are painted.
        std::thread::sleep(Duration::from_millis(1500));
        Ok(desktop)
    }

    /// The name of the display, such as `:7`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The directory its programs live in, with the project they work on; removed at the end.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Does step number `step` of the working day; takes well under a second.
    ///
    /// Equal steps do equal things, some of them nothing, when just the clock goes on.
    ///
    /// # Errors
    /// When the display or a window is gone.
    pub fn act(&mut self, step: u32) -> Result<()> {
        match script::action(step) {
            Action::Idle => Ok(()),
            Action::Write(text) => {
                self.raise(App::Editor)?;
                self.screen.go_to_end()?;
                self.screen.type_text(&text)
            }
            Action::Save => {
                self.raise(App::Editor)?;
                self.screen.save()
            }
            Action::Run(command) => {
                self.raise(App::Terminal)?;
                self.screen.type_text(command)?;
                self.screen.type_text("\n")
            }
            Action::Scroll(app, clicks) => {
                let Some(app) = self.present(app) else { return Ok(()) };
                self.raise(app)?;
                let window = self.window(app)?;
                self.screen.scroll(window, clicks)
            }
            Action::Move(app, place) => {
                let Some(app) = self.present(app) else { return Ok(()) };
                self.raise(app)?;
                self.place(app, place)
            }
            Action::Raise(app) => match self.present(app) {
                Some(app) => self.raise(app),
                None => Ok(()),
            },
            Action::Point(x, y) => {
                let place = Place { x, y, width: 0, height: 0 }.on(self.width, self.height);
                self.screen.point(place.x, place.y)
            }
        }
    }

    fn present(&self, app: App) -> Option<App> {
        (app != App::Browser || self.has_browser).then_some(app)
    }

    fn window(&self, app: App) -> Result<u32> {
        let name = app.window_name();
        self.screen.find(name)?.with_context(|| format!("the window of {name} is gone"))
    }

    fn raise(&mut self, app: App) -> Result<()> {
        let window = self.window(app)?;
        self.screen.activate(window)
    }

    fn place(&mut self, app: App, place: Place) -> Result<()> {
        let window = self.window(app)?;
        self.screen.place(window, place.on(self.width, self.height))
    }
}

/// The environment of its programs.
fn variables(home: &Path) -> [(&'static str, String); 8] {
    let below = |name: &str| home.join(name).to_string_lossy().into_owned();
    [
        ("HOME", home.to_string_lossy().into_owned()),
        ("XDG_RUNTIME_DIR", below("run")),
        ("TMPDIR", below("tmp")),
        ("SHELL", "/bin/bash".to_owned()),
        ("USER", "dev".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("NO_AT_BRIDGE", "1".to_owned()),
        // No session bus: GTK and Chromium would start one of their own that outlives them.
        ("DBUS_SESSION_BUS_ADDRESS", "disabled:".to_owned()),
    ]
}

/// Starts the X server on a free display and gives the display's name.
fn start_server(processes: &mut Processes, width: u32, height: u32) -> Result<String> {
    let size = format!("{width}x{height}x24");
    let arguments =
        ["-displayfd", "1", "-screen", "0", &size, "-dpi", "96", "-noreset", "-nolisten", "tcp"];
    let mut command = processes.command("Xvfb", &arguments);
    let mut server = command.stdout(Stdio::piped()).spawn().context("starting Xvfb")?;
    let output = server.stdout.take();
    processes.keep(server);
    let mut number = String::new();
    if let Some(output) = output {
        BufReader::new(output).read_line(&mut number).context("reading from Xvfb")?;
    }
    let number = number.trim();
    ensure!(!number.is_empty(), "Xvfb ended without opening a display of {width}x{height}");
    let display = format!(":{number}");
    processes.set("DISPLAY", &display);
    Ok(display)
}

/// Top window first.
fn apps(has_browser: bool) -> Vec<App> {
    let mut apps = vec![App::Editor, App::Terminal, App::Files, App::Load];
    if has_browser {
        apps.push(App::Browser);
    }
    apps
}

fn start(app: App, processes: &mut Processes, home: &Path) -> Result<()> {
    let project = home.join(home::PROJECT);
    let in_project = |name: &str| project.join(name).to_string_lossy().into_owned();
    let name = app.window_name();
    match app {
        App::Editor => processes.start(
            "geany",
            &["--new-instance", &in_project("src/desktop.rs"), &in_project(home::NOTEBOOK)],
        ),
        App::Terminal => processes.start("xterm", &["-name", name, "-title", "dev@desk: project"]),
        App::Load => {
            processes.start("xterm", &["-name", name, "-title", "vmstat", "-e", "vmstat", "5"])
        }
        App::Files => processes.start("pcmanfm", &["--no-desktop", &project.to_string_lossy()]),
        App::Browser => {
            let page = format!("file://{}", home.join(home::PAGE).display());
            // Root and containers cannot have Chromium's sandbox; the page is our own.
            // `--test-type` hides the warning about that.
            processes.start(
                BROWSER,
                &[
                    "--no-sandbox",
                    "--test-type",
                    "--disable-gpu",
                    "--no-first-run",
                    "--no-default-browser-check",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--disable-dev-shm-usage",
                    "--password-store=basic",
                    &page,
                ],
            )
        }
    }
}
