//! `cargo xtask setup`: installs what building and testing need and this machine lacks.

pub(crate) mod needs;
mod plan;

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use plan::{Machine, Packages, Plan, Step};

use crate::process;

/// The compiler's name of the browser.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Arguments of `setup`.
#[derive(clap::Args)]
#[command(after_help = "\
Installs only what is missing: with rustup the Rust target wasm32-unknown-unknown, rustfmt
and clippy; on Debian and Ubuntu, as root or with a sudo that asks nothing, the browser and
the programs of the test desktop. On other systems it says what to install by hand.

Examples:
  cargo xtask setup          ask before installing (asks nothing where nobody can answer)
  cargo xtask setup --yes    install without asking")]
pub(crate) struct Args {
    /// Install without asking
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
/// If something is missing still, saying what to install by hand.
pub(crate) fn run(args: &Args) -> Result<()> {
    let problems = provide(args.yes)?;
    if problems.is_empty() {
        println!("everything needed is installed");
        return Ok(());
    }
    bail!("not everything could be installed:\n  {}", problems.join("\n  "));
}

/// Installs what is missing and returns what could not be, as sentences.
///
/// # Errors
/// If the machine cannot be examined, for instance when a variable such as
/// `DESKREEL_CHROMIUM` names no file.
pub(crate) fn provide(yes: bool) -> Result<Vec<String>> {
    let Plan { steps, by_hand: mut problems } = plan::plan(&examine()?);
    if !steps.is_empty() && !yes && !agreed(&steps)? {
        problems.push("the installation was declined".to_owned());
        return Ok(problems);
    }
    let mut apt_lists_are_fresh = false;
    for step in &steps {
        if let Err(error) = execute(step, &mut apt_lists_are_fresh) {
            problems.push(format!("{error:#}"));
        }
    }
    if problems.is_empty() && !steps.is_empty() {
        let missing = examine()?.missing;
        problems.extend(missing.iter().flatten().map(|need| {
            format!("{} is still missing though the package {} is in", need.what, need.package)
        }));
    }
    Ok(problems)
}

/// Whether the compiler can build for the browser.
pub(crate) fn has_wasm_target() -> bool {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]);
    process::output(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn examine() -> Result<Machine> {
    let mut missing = Vec::new();
    for group in needs::GROUPS {
        let mut of_group = Vec::new();
        for need in *group {
            if !need.is_met()? {
                of_group.push(*need);
            }
        }
        missing.push(of_group);
    }
    let mut components = Vec::new();
    for (name, program) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        // rustup puts a stand-in on PATH whether or not the component is there: ask it.
        if !process::succeeds(Command::new(program).arg("--version")) {
            components.push(name);
        }
    }
    Ok(Machine {
        components,
        wasm_target: has_wasm_target(),
        rustup: process::on_path("rustup").is_some(),
        packages: how_to_install(),
        missing,
    })
}

fn how_to_install() -> Packages {
    if process::on_path("apt-get").is_none() {
        return Packages::Unknown;
    }
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if root {
        Packages::AptAsRoot
    } else if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        Packages::AptBySudo
    } else {
        Packages::AptForbidden
    }
}

/// Shows the steps and asks. Where stdin is no terminal nobody can answer, and calling
/// the command was the answer.
fn agreed(steps: &[Step]) -> Result<bool> {
    if !stdin().is_terminal() {
        return Ok(true);
    }
    eprintln!("to be installed:");
    for step in steps {
        match step {
            Step::AddWasmTarget => eprintln!("  the Rust target {WASM_TARGET}, with rustup"),
            Step::AddComponents(names) => eprintln!("  {}, with rustup", names.join(" ")),
            Step::Install { packages, .. } => {
                eprintln!("  {}, with apt-get", packages.join(" "));
            }
        }
    }
    eprint!("go on? [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn execute(step: &Step, apt_lists_are_fresh: &mut bool) -> Result<()> {
    match step {
        Step::AddWasmTarget => rustup("target", &[WASM_TARGET])?,
        Step::AddComponents(names) => rustup("component", names)?,
        Step::Install { sudo, packages } => install(*sudo, packages, apt_lists_are_fresh)?,
    }
    Ok(())
}

/// Adds parts to the toolchain in use.
fn rustup(kind: &str, names: &[&str]) -> Result<()> {
    let mut rustup = Command::new("rustup");
    if process::run(rustup.args([kind, "add"]).args(names)).is_err() {
        let names = names.join(" ");
        bail!(
            "rustup could not add {names} (what it said is above): run `rustup {kind} add {names}` \
             where its server can be reached"
        );
    }
    Ok(())
}

/// Installs packages; package lists are fetched first only where apt does not know a
/// package, and else only after a failure, which is how outdated lists show.
fn install(sudo: bool, packages: &[&str], lists_are_fresh: &mut bool) -> Result<()> {
    // Asked one by one: `apt-cache show` is content when it knows any of several.
    let known = |name: &&str| process::succeeds(Command::new("apt-cache").args(["show", name]));
    if !packages.iter().all(known) {
        update(sudo, lists_are_fresh)?;
    }
    let install = || {
        let mut command = apt_get(sudo);
        command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
        process::run(&mut command)
    };
    if install().is_ok() {
        return Ok(());
    }
    let by_hand = format!("run: sudo apt-get install {}", packages.join(" "));
    if *lists_are_fresh {
        bail!("apt-get failed (what it said is above); {by_hand}");
    }
    update(sudo, lists_are_fresh)?;
    install().map_err(|_| anyhow::anyhow!("apt-get failed (what it said is above); {by_hand}"))
}

fn update(sudo: bool, lists_are_fresh: &mut bool) -> Result<()> {
    if !*lists_are_fresh {
        *lists_are_fresh = true;
        process::run(apt_get(sudo).arg("update"))?;
    }
    Ok(())
}

fn apt_get(sudo: bool) -> Command {
    // `sudo VAR=value` needs a right of its own, `sudo env VAR=value` does not.
    let (program, args): (_, &[&str]) = if sudo { ("sudo", &["-n", "env"]) } else { ("env", &[]) };
    let mut command = Command::new(program);
    command.args(args).args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
    // Somebody else may be installing: wait for them instead of failing.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}
