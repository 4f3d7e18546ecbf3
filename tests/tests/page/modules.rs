//! The page's pure modules, tested by Node's own test runner.

use std::process::Command;

use anyhow::{Result, ensure};
use deskreel_tests::product::{not_run, repository};

#[test]
fn the_pure_modules_pass_their_own_tests() -> Result<()> {
    let folder = repository().join("wasm-player/tests/web");
    let mut files: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    ensure!(!files.is_empty(), "there are no tests");
    let node = std::env::var_os("DESKREEL_NODE").unwrap_or_else(|| "node".into());
    let output = match Command::new(node).arg("--test").args(&files).output() {
        Ok(output) => output,
        Err(error) => {
            not_run("page", &format!("Node.js cannot be run ({error}); run `cargo xtask setup`"));
            return Ok(());
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
