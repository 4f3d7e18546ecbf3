//! Makes scripts and styles small by esbuild, pinned, from npm; it is never shipped. Without npm the player
//! works as well, only larger.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repo::Repo;

const ESBUILD: &str = "esbuild@0.28.2";
/// What the browsers understand that the player is made for.
const TARGET: &str = "es2022";

/// esbuild, ready to run.
pub(super) struct Minifier {
    program: PathBuf,
}

impl Minifier {
    /// esbuild, installed if it is not there in this version; says so where it cannot be had.
    pub(super) fn find(repo: &Repo) -> Option<Self> {
        match install(repo) {
            Ok(program) => Some(Self { program }),
            Err(error) => {
                println!("scripts and styles stay as they are, without esbuild: {error:#}");
                None
            }
        }
    }

    /// The same script or style in fewer bytes; other files stay as they are. Names that other files
    /// use, and strings, are kept.
    ///
    /// # Errors
    /// When esbuild does not understand it.
    pub(super) fn minify(&self, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let kind = match name.rsplit_once('.') {
            Some((_, kind @ ("js" | "css"))) => kind,
            _ => return Ok(bytes),
        };
        let mut child = Command::new(&self.program)
            .args(["--minify", "--legal-comments=none", "--log-level=warning"])
            .args([format!("--target={TARGET}"), format!("--loader={kind}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start esbuild")?;
        // It reads all before it writes.
        child.stdin.take().context("esbuild's input is not piped")?.write_all(&bytes)?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("esbuild cannot make {name} smaller (its words are above)");
        }
        Ok(output.stdout)
    }
}

fn install(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.tools().join("esbuild");
    let program = folder.join("node_modules/.bin/esbuild");
    let version = folder.join("version");
    if program.exists() && fs::read_to_string(&version).is_ok_and(|known| known == ESBUILD) {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(&folder).arg(ESBUILD);
    process::run(&mut npm).context("esbuild comes by npm")?;
    fs::write(version, ESBUILD)?;
    Ok(program)
}
