//! What tests of the page need and no system package brings, pinned, never shipped: axe-core, which
//! judges accessibility, from npm; geckodriver, which drives Firefox, from crates.io.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;

const AXE: &str = "axe-core@4.14.1";
const GECKODRIVER: &str = "0.37.1";

/// axe-core's script, installed if it is not there in this version.
///
/// # Errors
/// If npm is missing or cannot reach its registry.
pub(crate) fn axe_core(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.tools().join("axe-core");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    let version = folder.join("version");
    if script.is_file() && fs::read_to_string(&version).is_ok_and(|known| known == AXE) {
        return Ok(script);
    }
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(&folder).arg(AXE);
    process::run(&mut npm).context("axe-core comes by npm")?;
    fs::write(version, AXE)?;
    Ok(script)
}

/// The geckodriver program: where `DESKREEL_GECKODRIVER` says, on PATH, or built here.
///
/// # Errors
/// If it cannot be built.
pub(crate) fn geckodriver(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.tools().join("geckodriver");
    let built = folder.join("bin").join(format!("geckodriver{}", std::env::consts::EXE_SUFFIX));
    if let Some(program) = process::named_by("DESKREEL_GECKODRIVER")?
        .or_else(|| process::on_path("geckodriver"))
        .or_else(|| Some(built.clone()).filter(|path| path.is_file()))
    {
        return Ok(program);
    }
    eprintln!("building geckodriver: about three minutes, once");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "geckodriver", "--locked", "--version", GECKODRIVER, "--root"]);
    // Speed of a driver is no concern: built quickly.
    cargo.arg(&folder).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    process::run(&mut cargo).context("geckodriver comes by `cargo install`")?;
    Ok(built)
}
