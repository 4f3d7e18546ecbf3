//! `cargo xtask tidy`: checks what the compiler does not.
//!
//! Each check is a function from texts to sentences about what is wrong; only this file
//! reads the repository.

mod dependencies;
mod digest;
mod files;
mod links;
mod sources;

use std::fs;

use anyhow::{Context, Result, bail};
use files::TextFile;

use crate::process;
use crate::repo::Repo;
use crate::setup::{WASM_TARGET, has_wasm_target};

/// Crates that do no I/O and must build for the browser.
const PURE_CRATES: [&str; 1] = ["deskreel-format"];

/// Where Deskreel runs. Boundaries are checked there and not on every target there is:
/// third parties pull in the oddest crates on the oddest of them.
const PLATFORMS: [&str; 4] =
    [WASM_TARGET, "aarch64-apple-darwin", "x86_64-pc-windows-msvc", "x86_64-unknown-linux-gnu"];

/// Arguments of `tidy`.
#[derive(clap::Args)]
#[command(after_help = "\
Checks that source files open with a `//!` line, stay under 500 lines and hold no stubs or
ignored tests; that pure code does no I/O and reads no clock, and builds for the browser;
that no crate depends on what it must not; that format/FORMAT.md was reviewed when the
format's source changed; that Markdown links lead somewhere; that no file names a folder of
somebody's machine.

Examples:
  cargo xtask tidy
  cargo xtask tidy --bless    after reviewing FORMAT.md: record the source it describes")]
pub(crate) struct Args {
    /// Record in format/FORMAT.md that it describes the format's present source
    #[arg(long)]
    bless: bool,
}

/// What the checks found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What is wrong, one sentence each, starting with the file or crate.
    pub(crate) problems: Vec<String>,
    /// What could not be checked here, and why.
    pub(crate) unchecked: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If anything is wrong or could not be checked.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<()> {
    if args.bless {
        bless(repo)?;
    }
    let findings = check(repo)?;
    for line in findings.problems.iter().chain(&findings.unchecked) {
        println!("{line}");
    }
    let count = findings.problems.len() + findings.unchecked.len();
    if count > 0 {
        bail!("tidy found {count} problem{}", if count == 1 { "" } else { "s" });
    }
    println!("tidy: nothing to complain about");
    Ok(())
}

/// Runs all checks.
///
/// # Errors
/// If the repository cannot be read or cargo cannot be asked.
pub(crate) fn check(repo: &Repo) -> Result<Findings> {
    let mut findings = Findings::default();
    let files = files::read(&repo.root)?;
    findings.problems.extend(files.iter().flat_map(sources::check));
    findings.problems.extend(links::check(&files, |path| repo.root.join(path).exists()));
    findings.problems.extend(digest::check(&files));
    check_dependencies(repo, &mut findings)?;
    check_pure_crates_build(repo, &mut findings);
    Ok(findings)
}

fn check_dependencies(repo: &Repo, findings: &mut Findings) -> Result<()> {
    for member in &repo.members {
        let mut cargo = repo.cargo(["tree", "--edges", "normal,build", "--package", member]);
        cargo.args(["--prefix", "depth", "--format", "{p}"]);
        cargo.args(PLATFORMS.iter().flat_map(|platform| ["--target", platform]));
        let tree = process::output(&mut cargo)?;
        findings.problems.extend(dependencies::check(member, &tree));
    }
    Ok(())
}

fn check_pure_crates_build(repo: &Repo, findings: &mut Findings) {
    if !has_wasm_target() {
        findings.unchecked.push(format!(
            "whether pure crates build for the browser: the Rust target {WASM_TARGET} is \
             missing (run `cargo xtask setup`)"
        ));
        return;
    }
    for name in PURE_CRATES {
        // Without defaults, as the browser gets them: writing WebP takes a C library.
        let mut cargo = repo.cargo(["check", "--quiet", "--no-default-features"]);
        cargo.args(["--target", WASM_TARGET, "--package", name]);
        if let Err(error) = process::output(&mut cargo) {
            findings
                .problems
                .push(format!("{name}: a pure crate must build for the browser: {error:#}"));
        }
    }
}

/// Writes the digest of the format's present source into its spec.
fn bless(repo: &Repo) -> Result<()> {
    let path = repo.root.join(digest::SPEC);
    let files = files::read(&repo.root)?;
    let spec = files.iter().find(|file| file.path == digest::SPEC);
    let spec: &TextFile = match spec {
        Some(spec) => spec,
        None => bail!("{} is missing: write the format's spec first", digest::SPEC),
    };
    let blessed = digest::bless(spec, &digest::of_source(&files));
    if blessed == spec.text {
        println!("{} was up to date", digest::SPEC);
        return Ok(());
    }
    fs::write(&path, blessed).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} now describes the present source", digest::SPEC);
    Ok(())
}
