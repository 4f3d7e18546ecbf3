//! Makes scripts and styles few and small by esbuild, pinned, from npm; it is never shipped. Without npm
//! the player works as well, only larger, and it comes in more requests.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repo::Repo;

const ESBUILD: &str = "esbuild@0.28.2";
/// What the browsers understand that the player is made for.
const TARGET: &str = "es2022";
/// The scripts that stay, each with what others load of it; what else they import goes into them.
const ENTRIES: [&str; 3] = ["page.js", "deskreel-player.js", "decoder.js"];
/// Scripts that are made by other tools and stay as well.
const APART: [&str; 2] = ["player.js", "codecs.js"];

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

    /// Puts what the entries import into them and takes it out of the folder: a page's scripts come in
    /// few requests, and none waits for the one that imports it.
    ///
    /// # Errors
    /// When esbuild does not understand one.
    pub(super) fn bundle(&self, folder: &Path) -> Result<()> {
        let bundled = tempfile::tempdir()?;
        for entry in ENTRIES {
            let mut command = Command::new(&self.program);
            command.arg(folder.join(entry)).args(["--bundle", "--format=esm"]);
            command.args(["--legal-comments=none", "--log-level=warning"]);
            command.arg(format!("--target={TARGET}"));
            let apart = ENTRIES.iter().chain(&APART).filter(|other| **other != entry);
            command.args(apart.map(|other| format!("--external:./{other}")));
            command.arg(format!("--outfile={}", bundled.path().join(entry).display()));
            process::run(&mut command).with_context(|| format!("cannot bundle {entry}"))?;
        }
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if ENTRIES.contains(&name.as_str()) {
                fs::copy(bundled.path().join(&name), &path)?;
            } else if name.ends_with(".js") && !APART.contains(&name.as_str()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
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
