//! The agent as a service of the person: what to write and what to run, for each system. Pure; the
//! command shows it or does it.

mod launchd;
mod systemd;
mod task;

use std::path::PathBuf;

/// What is made a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The program, by its whole path.
    pub program: PathBuf,
    /// The config file that it reads, by its whole path.
    pub config: PathBuf,
    /// The person's home folder.
    pub home: PathBuf,
    /// Where the system keeps the person's configuration, such as `~/.config`.
    pub config_home: PathBuf,
    /// Who the person is to the system, where it must be said (launchd's `gui/501`).
    pub user_id: u32,
}

/// Who looks after services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// systemd, the person's own instance.
    Systemd,
    /// launchd, as an agent of the person.
    Launchd,
    /// The Windows task scheduler.
    TaskScheduler,
}

/// The system this program is built for.
pub const HERE: System = if cfg!(target_os = "macos") {
    System::Launchd
} else if cfg!(windows) {
    System::TaskScheduler
} else {
    System::Systemd
};

/// What can be done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Make it, and start it now and whenever the person is there.
    Install,
    /// Stop it and undo that.
    Uninstall,
    /// Start it.
    Start,
    /// Stop it until it is started, or the person comes again.
    Stop,
    /// Ask the system how it is.
    Status,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write a file.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// Remove a file, if it is there.
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// Run a program.
    Run {
        /// Program and arguments.
        words: Vec<String>,
        /// That it fails is no reason to stop.
        may_fail: bool,
    },
}

/// How to do it.
pub fn plan(system: System, deed: Deed, service: &Service) -> Vec<Step> {
    match system {
        System::Systemd => systemd::plan(deed, service),
        System::Launchd => launchd::plan(deed, service),
        System::TaskScheduler => task::plan(deed, service),
    }
}

fn run(words: &[&str]) -> Step {
    Step::Run { words: words.iter().map(|word| (*word).to_owned()).collect(), may_fail: false }
}

fn try_run(words: &[&str]) -> Step {
    Step::Run { words: words.iter().map(|word| (*word).to_owned()).collect(), may_fail: true }
}

/// Text in XML.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
fn example() -> Service {
    Service {
        program: "/opt/deskreel 1/deskreel".into(),
        config: "/srv/ana/.config/deskreel/config.toml".into(),
        home: "/srv/ana".into(),
        config_home: "/srv/ana/.config".into(),
        user_id: 501,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_removed_again_on_every_system() {
        for system in [System::Systemd, System::Launchd, System::TaskScheduler] {
            let written = plan(system, Deed::Install, &example());
            let removed = plan(system, Deed::Uninstall, &example());
            for step in &written {
                let Step::Write { path, .. } = step else { continue };
                assert!(removed.contains(&Step::Remove { path: path.clone() }), "{system:?}");
            }
            for deed in [Deed::Start, Deed::Stop, Deed::Status] {
                let steps = plan(system, deed, &example());
                assert!(steps.iter().all(|step| matches!(step, Step::Run { .. })), "{steps:?}");
            }
        }
    }
}
