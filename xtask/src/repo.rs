//! Where the workspace, its crates and its build folders are, as cargo tells it.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The checked-out workspace.
pub(crate) struct Repo {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's build folder; respects `CARGO_TARGET_DIR`.
    pub(crate) target: PathBuf,
    /// Names of the workspace's packages.
    pub(crate) members: Vec<String>,
}

impl Repo {
    /// Asks cargo for the workspace that holds xtask.
    ///
    /// # Errors
    /// If cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        // `cargo run` tells where xtask is; a binary started by hand uses the current folder.
        if let Some(xtask) = env::var_os("CARGO_MANIFEST_DIR") {
            command.current_dir(xtask);
        }
        let text = process::output(&mut command)?;
        parse(&text).context("`cargo metadata` printed something unknown: is this cargo too old?")
    }

    /// What people are handed: `dist` in the root.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The player as the browser loads it.
    pub(crate) fn player_dist(&self) -> PathBuf {
        self.dist().join("player")
    }

    /// Programs xtask built for its own use.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A cargo command that runs in the root.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).args(args);
        // `cargo run` describes xtask's own package to xtask; to a build script or test
        // started from here that would be a lie, and a reason to build things twice.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_about_xtask) {
                command.env_remove(name);
            }
        }
        // What a fresh machine builds once needs no memory of it, which takes gigabytes.
        if env::var_os("CI").is_some() {
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }
}

/// Whether an environment variable describes the package `cargo run` started.
fn is_about_xtask(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name.starts_with("CARGO_BIN_")
        || name == "CARGO_CRATE_NAME"
        || name == "CARGO_PRIMARY_PACKAGE"
        || name == "OUT_DIR"
}

/// The cargo that started xtask, so that `cargo +nightly xtask` stays on nightly.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn parse(metadata: &str) -> Result<Repo> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let path = |key: &str| {
        metadata[key].as_str().map(PathBuf::from).with_context(|| format!("`{key}` is missing"))
    };
    let packages = metadata["packages"].as_array().context("`packages` is missing")?;
    let members =
        packages.iter().filter_map(|package| package["name"].as_str()).map(str::to_owned).collect();
    Ok(Repo { root: path("workspace_root")?, target: path("target_directory")?, members })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_root_target_and_members() {
        let repo = parse(
            r#"{"packages":[{"name":"a"},{"name":"b"}],"workspace_root":"/w","target_directory":"/t"}"#,
        )
        .unwrap();
        assert_eq!(repo.root, PathBuf::from("/w"));
        assert_eq!(repo.target, PathBuf::from("/t"));
        assert_eq!(repo.members, ["a", "b"]);
        assert_eq!(repo.player_dist(), PathBuf::from("/w/dist/player"));
    }

    #[test]
    fn metadata_without_a_root_is_an_error() {
        let error = parse(r#"{"packages":[],"target_directory":"/t"}"#).err().unwrap();
        assert!(error.to_string().contains("workspace_root"));
    }

    #[test]
    fn only_variables_about_the_running_package_are_withheld() {
        assert!(is_about_xtask("CARGO_PKG_NAME"));
        assert!(is_about_xtask("CARGO_MANIFEST_DIR"));
        assert!(!is_about_xtask("CARGO_HOME"));
        assert!(!is_about_xtask("CARGO_TARGET_DIR"));
        assert!(!is_about_xtask("CARGO_TERM_COLOR"));
    }
}
