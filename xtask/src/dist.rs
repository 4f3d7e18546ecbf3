//! `cargo xtask dist`: everything people are handed, built for release.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::{lambda, process, wasm};

/// Arguments of `dist`.
#[derive(clap::Args)]
#[command(after_help = "\
Writes dist/player (see `cargo xtask wasm --help`), the programs dist/deskreel and dist/deskreel-server,
manual pages to dist/man/man1 and completions of shells to dist/completions.

Examples:
  cargo xtask dist
  cargo xtask dist lambda    dist/lambda/*.zip, for infra/template.yaml
  cargo xtask dist lambda --arch arm64    the same for Architecture=arm64, on any Debian machine")]
pub(crate) struct Args {
    /// What to build instead of the programs and the player
    what: Option<What>,
    /// The processor of the Lambda functions [default: this machine's]
    #[arg(long, requires = "what")]
    arch: Option<lambda::Arch>,
}

/// Other things than the programs.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    /// The Lambda functions
    Lambda,
}

/// The programs, with the packages that hold them.
const PROGRAMS: [(&str, &str); 2] =
    [("deskreel-capture", "deskreel"), ("deskreel-server", "deskreel-server")];

/// Runs the command.
///
/// # Errors
/// If a build fails.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<()> {
    if let Some(What::Lambda) = args.what {
        return lambda::dist(repo, args.arch.unwrap_or_default());
    }
    wasm::run(repo, &wasm::Args::default())?;
    let mut cargo = repo.cargo(["build", "--release"]);
    for (package, program) in PROGRAMS {
        cargo.args(["--package", package, "--bin", program]);
    }
    process::run(&mut cargo)?;
    for (_, program) in PROGRAMS {
        let file = format!("{program}{EXE_SUFFIX}");
        let built = repo.target.join("release").join(&file);
        let copy = repo.dist().join(&file);
        // Written beside and renamed: a program that is running cannot be written over.
        let fresh = repo.dist().join(format!(".{file}"));
        fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
        fs::rename(&fresh, &copy)
            .with_context(|| format!("cannot write {}: is it running?", copy.display()))?;
        println!("{} is ready ({} KB)", copy.display(), fs::metadata(&copy)?.len().div_ceil(1000));
    }
    help(repo)
}

/// Shells, with the names that they look for.
const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", "deskreel"),
    ("elvish", "deskreel.elv"),
    ("fish", "deskreel.fish"),
    ("zsh", "_deskreel"),
];

/// Manual pages and completions, by the program itself.
fn help(repo: &Repo) -> Result<()> {
    let program = repo.dist().join(format!("deskreel{EXE_SUFFIX}"));
    let man = repo.dist().join("man/man1");
    process::run(Command::new(&program).args(["man", "--out"]).arg(&man))?;
    let completions = repo.dist().join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, file) in COMPLETIONS {
        let script = process::output(Command::new(&program).args(["completions", shell]))?;
        let path = completions.join(file);
        fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} and {} are ready", man.display(), completions.display());
    Ok(())
}
