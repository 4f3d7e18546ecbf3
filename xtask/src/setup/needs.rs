//! What testing needs from the system: the one list of programs, files and Debian packages.

use std::path::PathBuf;

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
    /// The file exists.
    File(&'static str),
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

const FONTS: Need = Need {
    found_by: FoundBy::File("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"),
    package: "fonts-dejavu-core",
    what: "the DejaVu fonts",
};

/// Everything, in groups that are installed together: a package that a distribution
/// lacks must not keep the other group from being installed.
pub(crate) const GROUPS: &[&[Need]] = &[
    &[CHROMIUM, CHROMEDRIVER],
    &[
        XVFB,
        program("openbox", "openbox"),
        program("xterm", "xterm"),
        program("xdotool", "xdotool"),
        program("xrandr", "x11-xserver-utils"),
        program("xclock", "x11-apps"),
        program("mousepad", "mousepad"),
        program("pcmanfm", "pcmanfm"),
        FONTS,
    ],
];

/// A program of the test desktop.
const fn program(name: &'static str, package: &'static str) -> Need {
    Need { found_by: FoundBy::Program { name, others: &[], variable: None }, package, what: name }
}

impl Need {
    /// Where it is, or `None` where it is missing.
    ///
    /// # Errors
    /// If its environment variable is set and names no file.
    pub(crate) fn locate(&self) -> Result<Option<PathBuf>> {
        match self.found_by {
            FoundBy::File(path) => Ok(Some(PathBuf::from(path)).filter(|path| path.is_file())),
            FoundBy::Program { name, others, variable } => {
                if let Some(path) = variable.map(process::named_by).transpose()?.flatten() {
                    return Ok(Some(path));
                }
                let mut names = std::iter::once(&name).chain(others);
                Ok(names.find_map(|name| process::on_path(name)))
            }
        }
    }
}
