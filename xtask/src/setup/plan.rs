//! Decides what to install: from what is missing and what this machine allows, to steps.

use super::needs::Need;

/// What was found out about the machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The compiler's target for the browser is there.
    pub(crate) wasm_target: bool,
    /// Parts of the Rust toolchain that are missing, such as `clippy`.
    pub(crate) components: Vec<&'static str>,
    /// `rustup` is on PATH.
    pub(crate) rustup: bool,
    /// How packages can be installed here.
    pub(crate) packages: Packages,
    /// Per group of [`super::needs::GROUPS`], what is missing.
    pub(crate) missing: Vec<Vec<Need>>,
}

/// How packages can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packages {
    /// apt-get, and we are root.
    AptAsRoot,
    /// apt-get, through a sudo that asks nothing.
    AptBySudo,
    /// apt-get is there, but neither root nor a sudo that asks nothing.
    AptForbidden,
    /// Another system.
    Unknown,
}

/// One thing `setup` does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `rustup target add wasm32-unknown-unknown`
    AddWasmTarget,
    /// `rustup component add` of these.
    AddComponents(Vec<&'static str>),
    /// `apt-get install` of these packages in one go.
    Install {
        /// Through sudo.
        sudo: bool,
        /// Debian package names.
        packages: Vec<&'static str>,
    },
}

/// What `setup` does, and what it leaves to the person.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In order.
    pub(crate) steps: Vec<Step>,
    /// Sentences that say what to install and how.
    pub(crate) by_hand: Vec<String>,
}

/// Plans only what is missing. Never fails: what cannot be done becomes a sentence in
/// [`Plan::by_hand`].
pub(crate) fn plan(machine: &Machine) -> Plan {
    let mut plan = Plan::default();
    let mut of_rust = Vec::new();
    if !machine.wasm_target {
        of_rust.push(("the Rust target wasm32-unknown-unknown".to_owned(), Step::AddWasmTarget));
    }
    if !machine.components.is_empty() {
        let names = machine.components.join(" and ");
        of_rust.push((names, Step::AddComponents(machine.components.clone())));
    }
    for (what, step) in of_rust {
        if machine.rustup {
            plan.steps.push(step);
        } else {
            plan.by_hand.push(format!(
                "{what}: missing, and so is rustup: install rustup from https://rustup.rs, or \
                 your distribution's package of the same version as its compiler"
            ));
        }
    }
    for missing in machine.missing.iter().filter(|missing| !missing.is_empty()) {
        let packages = packages(missing);
        match machine.packages {
            Packages::AptAsRoot => plan.steps.push(Step::Install { sudo: false, packages }),
            Packages::AptBySudo => plan.steps.push(Step::Install { sudo: true, packages }),
            Packages::AptForbidden => {
                plan.by_hand.push(format!("run: sudo apt-get install {}", packages.join(" ")));
            }
            Packages::Unknown => plan.by_hand.push(format!(
                "install with this system's package manager: {} (on Debian they are in: {})",
                missing.iter().map(|need| need.what).collect::<Vec<_>>().join(", "),
                packages.join(" "),
            )),
        }
    }
    plan
}

/// The packages of the needs, each once, in order.
fn packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages: Vec<&'static str> = Vec::new();
    for need in needs {
        if !packages.contains(&need.package) {
            packages.push(need.package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::super::needs::{CHROMEDRIVER, CHROMIUM, GROUPS, XVFB};
    use super::*;

    fn complete() -> Machine {
        Machine {
            wasm_target: true,
            components: vec![],
            rustup: true,
            packages: Packages::AptAsRoot,
            missing: vec![vec![], vec![]],
        }
    }

    #[test]
    fn a_complete_machine_needs_nothing() {
        assert_eq!(plan(&complete()), Plan::default());
    }

    #[test]
    fn only_what_is_missing_is_installed_each_package_once() {
        let machine = Machine { missing: vec![vec![], vec![XVFB, XVFB]], ..complete() };
        let step = Step::Install { sudo: false, packages: vec!["xvfb"] };
        assert_eq!(plan(&machine), Plan { steps: vec![step], by_hand: vec![] });
    }

    #[test]
    fn the_toolchain_comes_first_and_groups_are_installed_apart() {
        let machine = Machine {
            wasm_target: false,
            components: vec!["clippy"],
            packages: Packages::AptBySudo,
            missing: vec![vec![CHROMIUM, CHROMEDRIVER], vec![XVFB]],
            ..complete()
        };
        let plan = plan(&machine);
        assert_eq!(
            plan.steps,
            [
                Step::AddWasmTarget,
                Step::AddComponents(vec!["clippy"]),
                Step::Install { sudo: true, packages: vec!["chromium", "chromium-driver"] },
                Step::Install { sudo: true, packages: vec!["xvfb"] },
            ]
        );
        assert!(plan.by_hand.is_empty());
    }

    #[test]
    fn without_root_the_person_gets_the_command_to_run() {
        let machine = Machine {
            packages: Packages::AptForbidden,
            missing: vec![vec![CHROMIUM], vec![]],
            ..complete()
        };
        let plan = plan(&machine);
        assert!(plan.steps.is_empty());
        assert_eq!(plan.by_hand, ["run: sudo apt-get install chromium"]);
    }

    #[test]
    fn on_another_system_the_person_gets_the_names() {
        let machine = Machine {
            packages: Packages::Unknown,
            missing: vec![vec![CHROMIUM], vec![XVFB]],
            ..complete()
        };
        let plan = plan(&machine);
        assert!(plan.steps.is_empty());
        assert_eq!(plan.by_hand.len(), 2);
        assert!(plan.by_hand[0].contains("Chromium or Chrome"));
        assert!(plan.by_hand[1].contains("Xvfb"));
    }

    #[test]
    fn without_rustup_the_toolchain_is_left_to_the_person() {
        let components = vec!["rustfmt", "clippy"];
        let machine = Machine { wasm_target: false, components, rustup: false, ..complete() };
        let plan = plan(&machine);
        assert!(plan.steps.is_empty());
        assert!(plan.by_hand[0].contains("wasm32-unknown-unknown"));
        assert!(plan.by_hand[1].contains("rustfmt and clippy"));
        assert!(plan.by_hand.iter().all(|sentence| sentence.contains("rustup.rs")));
    }

    #[test]
    fn every_need_is_listed_once() {
        let needs: Vec<&Need> = GROUPS.iter().copied().flatten().collect();
        for (at, need) in needs.iter().enumerate() {
            assert!(!needs[..at].iter().any(|other| other.what == need.what), "{need:?}");
        }
    }
}
