//! Type-checks the agent for the systems that this machine is not: Windows and macOS.
//!
//! Nothing is linked or run, so no C compiler of theirs is needed: build scripts get one that writes
//! empty objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;

/// What is checked.
const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "x86_64-apple-darwin"];

/// Touches the file behind `-o`, whatever else it is told.
const COMPILER: &str = "#!/bin/sh
# Writes an empty object: enough where nothing is linked.
while [ $# -gt 0 ]; do
  if [ \"$1\" = -o ]; then shift; : > \"$1\"; fi
  shift
done
";
const ARCHIVER: &str = "#!/bin/sh
exit 0
";

/// Checks the agent for each target that is here or can be had, and says which cannot: a machine
/// without rustup, or without a way to its server, is complete all the same.
///
/// # Errors
/// If the code is wrong for one of them.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    if !cfg!(unix) {
        println!("not checked: this is done on Linux and macOS only");
        return Ok(());
    }
    let (targets, missing) = obtain();
    for target in missing {
        println!(
            "not checked for {target}: run `rustup target add {target}` where its server can be reached"
        );
    }
    if targets.is_empty() {
        return Ok(());
    }
    let folder = repo.tools().join("no-c");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (compiler, archiver) = (folder.join("cc"), folder.join("ar"));
    write_program(&compiler, COMPILER)?;
    write_program(&archiver, ARCHIVER)?;
    let mut cargo = repo.cargo(["clippy", "-p", "deskreel-capture", "--lib", "--bins"]);
    for target in targets {
        cargo.args(["--target", target]);
        // For these targets alone: programs of this machine are compiled as ever.
        let suffix = target.replace('-', "_");
        cargo.env(format!("CC_{suffix}"), &compiler).env(format!("CXX_{suffix}"), &compiler);
        cargo.env(format!("AR_{suffix}"), &archiver);
    }
    process::run(cargo.args(["--", "-D", "warnings"]))
}

/// The targets that are here, after fetching those that are not; and those that cannot be had.
fn obtain() -> (Vec<&'static str>, Vec<&'static str>) {
    TARGETS.into_iter().partition(|target| {
        if !has(target) && process::on_path("rustup").is_some() {
            // What it says if it fails is on the terminal, and the target is looked for again.
            let _ = process::run(Command::new("rustup").args(["target", "add", target]));
        }
        has(target)
    })
}

fn has(target: &str) -> bool {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", target]);
    process::output(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

#[cfg(unix)]
fn write_program(path: &PathBuf, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).with_context(|| path.display().to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| path.display().to_string())
}

#[cfg(not(unix))]
fn write_program(_: &PathBuf, _: &str) -> Result<()> {
    anyhow::bail!("there are no shell scripts here")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_that_compiles_nothing_leaves_an_object_where_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let (compiler, object) = (folder.path().join("cc"), folder.path().join("a b.o"));
        write_program(&compiler, COMPILER).unwrap();
        let ran = Command::new(&compiler).args(["-O2", "-o"]).arg(&object).arg("x.c").status();
        assert!(ran.unwrap().success());
        assert_eq!(fs::read(&object).unwrap(), b"");
        assert!(Command::new(&compiler).arg("--version").status().unwrap().success());
    }

    #[test]
    fn a_target_nobody_knows_is_not_here() {
        assert!(!has("pdp11-dec-unix"));
    }
}
