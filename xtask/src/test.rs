//! `cargo xtask test`: everything there is to check, in stages, with one verdict.

mod report;
mod tally;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use report::{Outcome, Report};
use tally::Tally;

use crate::repo::Repo;
use crate::setup::needs;
use crate::{infra, minio, page_tools, process, setup, targets, tidy, wasm};

/// Arguments of `test` and `ci`.
#[derive(clap::Args)]
#[command(after_help = "\
Installs what is missing, then checks the format of the code, clippy, the agent's types on
Windows and macOS, and tidy, builds the player and the programs, and runs all tests against a
real browser, X server and MinIO.

What cannot be had on this machine is named at the end; with CI=true it makes the command
fail. `cargo xtask ci` is the same command. The last line is `N passed, N failed`: tests,
plus one for each other stage that failed.

Examples:
  cargo xtask test                    everything, as CI does
  cargo xtask test --filter seek      only build, and run the tests whose names hold `seek`
  CI=true cargo xtask test            fail where something cannot be run

Tests find what they need in these variables, each set only where the thing is there:
DESKREEL_PLAYER_DIST (the built player), DESKREEL_BIN_DIR (the programs),
DESKREEL_CHROMIUM, DESKREEL_CHROMEDRIVER, DESKREEL_XVFB, DESKREEL_NODE, DESKREEL_FIREFOX,
DESKREEL_GECKODRIVER, MINIO (programs),
DESKREEL_AXE (axe-core's script). A test that
cannot run appends a line `suite<TAB>reason` to the file DESKREEL_SKIPPED names.")]
pub(crate) struct Args {
    /// Run only tests whose names hold this text, and skip the checks of style
    #[arg(long)]
    filter: Option<String>,
    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,
}

/// Runs all stages and prints the verdict.
///
/// # Errors
/// If the stages cannot be run at all. A stage that fails is no error but the exit code,
/// because nothing may be printed after the last line.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<ExitCode> {
    let ci = env::var("CI").is_ok_and(|ci| matches!(ci.as_str(), "true" | "1"));
    let mut stages = Stages::default();
    stages.run("setup", || Ok(Outcome::unless_missing(setup::provide(args.yes || ci)?)));
    if args.filter.is_none() {
        stages.run("fmt", || cargo(repo, ["fmt", "--all", "--check"]));
        stages.run("clippy", || clippy(repo));
        stages.run("targets", || targets::check(repo).map(|()| Outcome::Passed));
        stages.run("tidy", || tidied(repo));
        stages.run("infra", || infra::lint(repo).map(Outcome::unless_missing));
    }
    let player = stages.run("player", || player(repo));
    let mut minio = None;
    stages.run("minio", || obtained(minio::obtain(repo), &mut minio));
    // With the tests, so that the features of all crates are those of the next stage and
    // nothing is built twice.
    let (mut axe, mut geckodriver) = (None, None);
    stages.run("axe-core", || obtained(page_tools::axe_core(repo), &mut axe));
    stages.run("geckodriver", || obtained(page_tools::geckodriver(repo), &mut geckodriver));
    let built = stages.run("build", || {
        let mut cargo = repo.cargo(["build", "--workspace", "--bins", "--tests"]);
        with_wayland(&mut cargo);
        process::run(&mut cargo)?;
        Ok(Outcome::Passed)
    });
    let mut tally = Tally::default();
    if built {
        let environment = environment(repo, player, [minio, axe, geckodriver])?;
        stages.run("tests", || tests(repo, args.filter.as_deref(), &environment, &mut tally));
    }
    let verdict = report::verdict(&stages.reports, tally, ci);
    println!("\n{}", verdict.text);
    Ok(if verdict.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What has been run so far.
#[derive(Default)]
struct Stages {
    reports: Vec<Report>,
}

impl Stages {
    /// Runs a stage and returns whether it passed. An error is printed here and now, so
    /// that it stands below the output it belongs to.
    fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<Outcome>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = stage().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::Failed
        });
        let passed = matches!(outcome, Outcome::Passed);
        self.reports.push(Report { name, seconds: start.elapsed().as_secs_f64(), outcome });
        passed
    }
}

/// Keeps what was obtained; what cannot be had leaves the tests that need it out.
fn obtained(result: Result<PathBuf>, kept: &mut Option<PathBuf>) -> Result<Outcome> {
    match result {
        Ok(path) => {
            *kept = Some(path);
            Ok(Outcome::Passed)
        }
        Err(error) => Ok(Outcome::Incomplete(vec![format!("{error:#}")])),
    }
}

fn cargo<const N: usize>(repo: &Repo, args: [&str; N]) -> Result<Outcome> {
    process::run(&mut repo.cargo(args))?;
    Ok(Outcome::Passed)
}

/// With the feature that needs PipeWire's library, where that is there.
fn clippy(repo: &Repo) -> Result<Outcome> {
    let mut cargo = repo.cargo(["clippy", "--workspace", "--all-targets"]);
    let found = with_wayland(&mut cargo);
    process::run(cargo.args(["--", "-D", "warnings"]))?;
    let missing = "the source for Wayland was not compiled: install libpipewire-0.3-dev, \
                   libclang-dev and pkg-config";
    Ok(Outcome::unless_missing(if found { vec![] } else { vec![missing.to_owned()] }))
}

/// Adds the feature that needs PipeWire's library, where that is there; whether it is.
fn with_wayland(cargo: &mut Command) -> bool {
    let wanted = ["--exists", "libpipewire-0.3 >= 0.3.62"];
    let found = process::succeeds(Command::new("pkg-config").args(wanted));
    if found {
        cargo.args(["--features", "deskreel-capture/wayland"]);
    }
    found
}

fn tidied(repo: &Repo) -> Result<Outcome> {
    let findings = tidy::check(repo)?;
    for problem in &findings.problems {
        println!("{problem}");
    }
    Ok(if findings.problems.is_empty() {
        Outcome::unless_missing(findings.unchecked)
    } else {
        Outcome::Failed
    })
}

fn player(repo: &Repo) -> Result<Outcome> {
    if !setup::has_wasm_target() {
        let reason = format!("the Rust target {} could not be had", setup::WASM_TARGET);
        return Ok(Outcome::Incomplete(vec![reason]));
    }
    wasm::run(repo, &wasm::Args::default())?;
    Ok(Outcome::Passed)
}

/// The variables that tell tests where things are.
fn environment(
    repo: &Repo,
    player: bool,
    [minio, axe, geckodriver]: [Option<PathBuf>; 3],
) -> Result<Vec<(&'static str, OsString)>> {
    let places = [
        ("DESKREEL_PLAYER_DIST", player.then(|| repo.player_dist())),
        ("DESKREEL_BIN_DIR", Some(repo.target.join("debug"))),
        ("DESKREEL_CHROMIUM", needs::CHROMIUM.locate()?),
        ("DESKREEL_CHROMEDRIVER", needs::CHROMEDRIVER.locate()?),
        ("DESKREEL_XVFB", needs::XVFB.locate()?),
        ("DESKREEL_NODE", needs::NODE.locate()?),
        ("DESKREEL_AXE", axe),
        ("DESKREEL_FIREFOX", needs::FIREFOX.locate()?),
        ("DESKREEL_GECKODRIVER", geckodriver),
        ("MINIO", minio),
    ];
    Ok(places.into_iter().filter_map(|(name, path)| Some((name, path?.into()))).collect())
}

/// Runs the tests, showing and counting what they print.
fn tests(
    repo: &Repo,
    filter: Option<&str>,
    environment: &[(&'static str, OsString)],
    tally: &mut Tally,
) -> Result<Outcome> {
    let skipped = repo.target.join("deskreel-skipped.tsv");
    fs::write(&skipped, "").with_context(|| format!("cannot write {}", skipped.display()))?;
    let mut cargo = repo.cargo(["test", "--workspace", "--no-fail-fast"]);
    with_wayland(&mut cargo);
    cargo.args(filter).env("DESKREEL_SKIPPED", &skipped);
    for (name, value) in environment {
        println!("{name}={}", Path::new(value).display());
        cargo.env(name, value);
    }
    let success = stream(&mut cargo, tally)?;
    let skipped = fs::read_to_string(&skipped)
        .with_context(|| format!("cannot read {}", skipped.display()))?;
    Ok(if success { Outcome::unless_missing(report::skipped(&skipped)) } else { Outcome::Failed })
}

/// Runs cargo, passing its output on line by line while counting; whether it succeeded.
fn stream(cargo: &mut Command, tally: &mut Tally) -> Result<bool> {
    process::announce(cargo);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut output = BufReader::new(child.stdout.take().context("cargo's output is not piped")?);
    let mut line = Vec::new();
    // Bytes, not text: what a test prints need not be UTF-8.
    while output.read_until(b'\n', &mut line)? > 0 {
        stdout().write_all(&line)?;
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(child.wait()?.success())
}
