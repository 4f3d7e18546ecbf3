//! What testing needs from the system: the one list of programs, files and Debian packages.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;

/// Something that must be on the machine, and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// How it is found.
    pub(crate) found_by: FoundBy,
    /// The Debian and Ubuntu package that brings it.
    pub(crate) package: &'static str,
    /// What it is, in words a person can search for.
    pub(crate) what: &'static str,
}

/// How a need is known to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// The program, or one of its other names, is on PATH. With a variable: or in the
    /// file it names.
    Program {
        /// Its usual name.
        name: &'static str,
        /// Names it has on other systems.
        others: &'static [&'static str],
        /// The environment variable that overrides the search.
        variable: Option<&'static str>,
    },
    /// Debian's package is installed. For what has no program and only looks: on other
    /// systems it counts as met.
    Package,
}

/// The browser the player is tested in.
pub(crate) const CHROMIUM: Need = Need {
    found_by: FoundBy::Program {
        name: "chromium",
        others: &["chromium-browser", "google-chrome-stable", "google-chrome"],
        variable: Some("DESKREEL_CHROMIUM"),
    },
    package: "chromium",
    what: "Chromium or Chrome",
};

/// What drives the browser.
pub(crate) const CHROMEDRIVER: Need = Need {
    found_by: FoundBy::Program {
        name: "chromedriver",
        others: &[],
        variable: Some("DESKREEL_CHROMEDRIVER"),
    },
    package: "chromium-driver",
    what: "ChromeDriver of the browser's version",
};

/// The X server whose screen is photographed.
pub(crate) const XVFB: Need = Need {
    found_by: FoundBy::Program { name: "Xvfb", others: &[], variable: Some("DESKREEL_XVFB") },
    package: "xvfb",
    what: "Xvfb",
};

/// The bus on which locking and sleeping are told.
pub(crate) const DBUS: Need = Need {
    found_by: FoundBy::Program { name: "dbus-daemon", others: &[], variable: None },
    package: "dbus-daemon",
    what: "the D-Bus daemon",
};

/// The other browser the player is tested in.
pub(crate) const FIREFOX: Need = Need {
    found_by: FoundBy::Program {
        name: "firefox-esr",
        others: &["firefox"],
        variable: Some("DESKREEL_FIREFOX"),
    },
    package: "firefox-esr",
    what: "Firefox",
};

/// What runs the tests of the page's own modules.
pub(crate) const NODE: Need = Need {
    found_by: FoundBy::Program {
        name: "node",
        others: &["nodejs"],
        variable: Some("DESKREEL_NODE"),
    },
    package: "nodejs",
    what: "Node.js 20 or newer",
};

/// Everything, in groups that are installed together: a package that a distribution
/// lacks must not keep the other group from being installed.
pub(crate) const GROUPS: &[&[Need]] = &[
    &[CHROMIUM, CHROMEDRIVER],
    &[DBUS],
    &[
        XVFB,
        program("openbox", "openbox"),
        program("tint2", "tint2"),
        program("hsetroot", "hsetroot"),
        program("xterm", "xterm"),
        program("geany", "geany"),
        program("pcmanfm", "pcmanfm"),
        program("git", "git"),
        program("vmstat", "procps"),
        looks("fonts-dejavu-core"),
        looks("adwaita-icon-theme"),
        looks("librsvg2-common"),
    ],
    // X servers that turn (Xephyr) and have several outputs (Xorg without hardware).
    &[
        program("Xephyr", "xserver-xephyr"),
        program("Xorg", "xserver-xorg-core"),
        looks("xserver-xorg-video-dummy"),
        program("xrandr", "x11-xserver-utils"),
    ],
    &[FIREFOX],
    &[NODE, program("npm", "npm")],
    // What the agent's feature `wayland` is built with.
    &[program("pkg-config", "pkg-config"), looks("libpipewire-0.3-dev"), looks("libclang-dev")],
    // A Wayland session with outputs in memory, and its portal: on Debian 12, where the groups above are
    // installed, 48 packages, 6 MB to fetch and 24 MB on disk.
    &[
        program("sway", "sway"),
        program("swaybg", "swaybg"),
        program("grim", "grim"),
        program("pipewire", "pipewire"),
        program("wireplumber", "wireplumber"),
        looks("xdg-desktop-portal"),
        looks("xdg-desktop-portal-wlr"),
    ],
    // The agent as a service, under a user instance of systemd's in namespaces of its own.
    &[program("systemctl", "systemd"), program("nsenter", "util-linux")],
    // The other side of tests of OIDC.
    &[program("openssl", "openssl")],
    // The linters of the infrastructure template come from PyPI.
    &[program("python3", "python3"), looks("python3-venv")],
];

/// A program of the test desktop.
const fn program(name: &'static str, package: &'static str) -> Need {
    Need { found_by: FoundBy::Program { name, others: &[], variable: None }, package, what: name }
}

/// What has no program: fonts and icons of the test desktop, drivers, libraries.
const fn looks(package: &'static str) -> Need {
    Need { found_by: FoundBy::Package, package, what: package }
}

impl Need {
    /// Whether it is here.
    ///
    /// # Errors
    /// If its environment variable is set and names no file.
    pub(crate) fn is_met(&self) -> Result<bool> {
        match self.found_by {
            FoundBy::Program { .. } => Ok(self.locate()?.is_some()),
            FoundBy::Package => {
                let mut query = Command::new("dpkg-query");
                query.args(["--show", "--showformat=${db:Status-Status}", self.package]);
                let known = process::output(&mut query);
                Ok(process::on_path("dpkg-query").is_none()
                    || known.is_ok_and(|status| status == "installed"))
            }
        }
    }

    /// Where the program is, or `None` where it is missing or no program.
    ///
    /// # Errors
    /// If its environment variable is set and names no file.
    pub(crate) fn locate(&self) -> Result<Option<PathBuf>> {
        let FoundBy::Program { name, others, variable } = self.found_by else { return Ok(None) };
        if let Some(path) = variable.map(process::named_by).transpose()?.flatten() {
            return Ok(Some(path));
        }
        let mut names = std::iter::once(&name).chain(others);
        Ok(names.find_map(|name| process::on_path(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists of the test desktop itself, which must not depend on xtask nor xtask on it.
    const DESKTOP: &str = include_str!("../../../tests/src/desktop.rs");

    /// The Wayland session's list, likewise.
    const WAYLAND: &str = include_str!("../../../tests/src/wayland.rs");

    #[test]
    fn what_the_wayland_session_asks_for_is_installed() {
        let packages: Vec<&str> =
            GROUPS.iter().copied().flatten().map(|need| need.package).collect();
        for word in listed_in(WAYLAND, "PROGRAMS").chunks(2) {
            assert!(packages.contains(&word[1]), "{word:?}");
        }
    }

    /// The quoted words of a constant of the desktop's source.
    fn listed(constant: &str) -> Vec<&'static str> {
        listed_in(DESKTOP, constant)
    }

    fn listed_in(source: &'static str, constant: &str) -> Vec<&'static str> {
        let (_, rest) = source.split_once(&format!("const {constant}:")).unwrap();
        let (list, _) = rest.split_once("];").unwrap();
        let words: Vec<_> = list.split('"').skip(1).step_by(2).collect();
        assert!(words.len() > 2, "{constant} is written in a way this test does not read");
        words
    }

    #[test]
    fn the_programs_of_the_test_desktop_are_those_it_asks_for() {
        let needs = GROUPS[..3].iter().copied().flatten();
        let programs: Vec<&str> = needs
            .filter(|need| !matches!(need.package, "chromium" | "chromium-driver" | "dbus-daemon"))
            .filter_map(|need| match need.found_by {
                FoundBy::Program { name, .. } => Some([name, need.package]),
                FoundBy::Package => None,
            })
            .flatten()
            .collect();
        assert_eq!(programs, listed("PROGRAMS"));
    }

    #[test]
    fn the_looks_of_the_test_desktop_are_those_it_asks_for() {
        let needs = GROUPS[..3].iter().copied().flatten();
        let packages: Vec<&str> = needs
            .filter(|need| need.found_by == FoundBy::Package)
            .map(|need| need.package)
            .collect();
        assert_eq!(packages, listed("LOOKS"));
    }

    #[test]
    fn a_program_that_is_here_is_met_and_located() {
        let cargo = program("cargo", "cargo");
        assert!(cargo.is_met().unwrap());
        assert!(cargo.locate().unwrap().unwrap().is_file());
        let stranger = program("deskreel-no-such-program", "none");
        assert!(!stranger.is_met().unwrap());
        assert_eq!(stranger.locate().unwrap(), None);
    }
}
