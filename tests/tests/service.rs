//! The service: what `deskreel service` writes is what systemd takes, and is gone afterwards.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use deskreel_capture::service::{Deed, Service, Step, System, plan};
use deskreel_tests::product::{not_run, program};

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let service = Service {
        program: "/bin/true".into(),
        config: folder.path().join("a b$c%d.toml"),
        home: folder.path().into(),
        config_home: folder.path().join(".config"),
        user_id: 1,
    };
    let steps = plan(System::Systemd, Deed::Install, &service);
    let Some(Step::Write { path, text }) = steps.first() else { panic!("{steps:?}") };
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    std::fs::write(path, text)?;
    let verified = Command::new("systemd-analyze")
        .args(["--user", "--man=no", "verify"])
        .arg(path)
        .env("HOME", folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .output();
    let Ok(verified) = verified else {
        not_run("the systemd unit", "systemd-analyze is not installed");
        return Ok(());
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // It tells of other units of the machine too.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("deskreel")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");
    Ok(())
}

/// `deskreel service` with a home of its own.
fn service(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(program("deskreel")?)
        .arg("service")
        .args(arguments)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join(".config"))
        .env("XDG_RUNTIME_DIR", folder)
        .env_remove("DESKREEL_CONFIG")
        .output()?)
}

#[test]
fn nothing_is_installed_without_settings_or_for_a_look() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let said = |output: &Output| {
        let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        of(&output.stdout) + &of(&output.stderr)
    };
    // A service without settings would fail for ever.
    let refused = service(folder, &["install"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("deskreel config init"), "{}", said(&refused));
    let dry = service(folder, &["install", "--dry-run"])?;
    let config = folder.join(".config/deskreel/config.toml");
    let line = format!("record --config \"{}\"", config.display());
    assert!(said(&dry).contains(&line), "{}", said(&dry));
    assert!(said(&dry).contains("run systemctl --user enable deskreel.service"), "{}", said(&dry));
    assert_eq!(std::fs::read_dir(folder)?.count(), 0, "a look leaves nothing behind");
    Ok(())
}
