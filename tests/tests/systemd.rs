//! The agent as a service of systemd's real user instance: installed, killed, in and out of sessions.

#![cfg(target_os = "linux")]

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_capture::reader::StreamReader;
use deskreel_format::{AbsenceKind, StreamName};
use deskreel_tests::kills::Moving;
use deskreel_tests::product::{Product, not_run, program};
use deskreel_tests::systemd::UserSystemd;
use serde_json::Value;

const UNIT: &str = "deskreel.service";

/// A session as desktops make it: it binds to the target that the agent belongs to.
const SESSION: &str = "[Unit]
BindsTo=graphical-session.target
Before=graphical-session.target

[Service]
ExecStart=/bin/sleep infinity
";

/// Somebody with a display, a systemd, a store, and settings for both.
struct Person {
    product: Product,
    systemd: UserSystemd,
    screen: Moving,
}

impl Person {
    /// None where a part is missing and that is allowed.
    fn new() -> Result<Option<Self>> {
        let parts = Moving::start().and_then(|screen| Ok((screen, UserSystemd::start()?)));
        let (screen, systemd) = match parts {
            Ok(parts) => parts,
            Err(error) => {
                not_run("systemd", &format!("{error:#}"));
                return Ok(None);
            }
        };
        let product = Product::start()?;
        let person = Self { product, systemd, screen };
        let config = person.systemd.home().join(".config/deskreel/config.toml");
        person.deskreel_ok(&["config", "init"])?;
        let settings = format!(
            "stream = \"desk\"\nstore = \"{}\"\ninterval = \"300ms\"\nidle_after = \"0s\"\n",
            person.product.origin()
        );
        let comments = std::fs::read_to_string(&config)?;
        std::fs::write(&config, settings + &comments)?;
        let units = person.systemd.home().join(".config/systemd/user");
        std::fs::create_dir_all(&units)?;
        std::fs::write(units.join("session.service"), SESSION)?;
        Ok(Some(person))
    }

    /// `deskreel` as typed into a terminal of the session.
    fn deskreel(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.systemd.command(program("deskreel")?);
        Ok(command.args(arguments).env("DISPLAY", self.screen.display()).output()?)
    }

    fn deskreel_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.deskreel(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "deskreel {arguments:?} failed: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits for an agent that records and uploads; gives its status.
    fn until_recording(&self, not_pid: &Value) -> Result<Value> {
        let mut last = Value::Null;
        for _ in 0..600 {
            let output = self.deskreel(&["status", "--json"])?;
            last = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if last["mode"] == "recording"
                && last["screenshots"].as_u64() >= Some(2)
                && last["upload"]["last_ms"].is_u64()
                && last["pid"] != *not_pid
            {
                return Ok(last);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("never recording: {last:#}")
    }

    fn moments(&self) -> Result<Vec<u64>> {
        self.product.moments("desk")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_starts_a_killed_agent_again_which_tells_the_gap() -> Result<()> {
    let Some(person) = Person::new()? else { return Ok(()) };
    let systemd = &person.systemd;
    let installed = person.deskreel_ok(&["service", "install"])?;
    assert!(installed.contains("installed and started"), "{installed}");
    assert_eq!(systemd.property(UNIT, "UnitFileState")?, "enabled");
    let before = person.until_recording(&Value::Null)?;
    let status = person.deskreel(&["service", "status"])?;
    assert!(status.status.success(), "{status:?}");
    assert!(String::from_utf8_lossy(&status.stdout).contains("active (running)"), "{status:?}");

    // SIGKILL, twice: nothing can be tidied up, and nobody but systemd starts it again.
    let mut last = before;
    let mut gaps = Vec::new();
    for kills in 1..=2 {
        let killed = systemd.systemctl(&["kill", "--signal", "SIGKILL", UNIT])?;
        assert!(killed.status.success(), "{killed:?}");
        systemd.until(UNIT, "NRestarts", |restarts| restarts == kills.to_string())?;
        let next = person.until_recording(&last["pid"])?;
        gaps.push(last["last_screenshot_ms"].as_u64().context("a screenshot")?);
        last = next;
    }

    let removed = person.deskreel_ok(&["service", "uninstall"])?;
    assert!(removed.contains("removed"), "{removed}");
    assert_eq!(systemd.property(UNIT, "LoadState")?, "not-found");
    assert!(!systemd.home().join(".config/systemd/user/deskreel.service").exists());
    assert_eq!(person.deskreel(&["status"])?.status.code(), Some(3), "it no longer runs");
    assert_eq!(person.deskreel(&["service", "status"])?.status.code(), Some(4));

    // It was stopped in good order: what it had taken is stored.
    let moments = person.moments()?;
    assert!(moments.last() >= last["last_screenshot_ms"].as_u64().as_ref(), "{moments:?}");
    let stream = StreamName::parse("desk")?;
    let options =
        StoreOptions { store: Some(person.product.origin().into()), ..Default::default() };
    let reader = StreamReader::new(options.open(&stream, Role::View).await?, stream);
    let segments = reader.manifests(&reader.segments(0).await?, || {}).await?;
    let absences: Vec<_> = segments.iter().flat_map(|segment| &segment.manifest.absences).collect();
    assert_eq!(absences.len(), 2, "{absences:?}");
    for (absence, from) in absences.iter().zip(gaps) {
        assert_eq!(absence.kind, AbsenceKind::NotRunning);
        // systemd waits 5 s before it starts a unit again.
        assert!(
            absence.from_ms >= from && absence.to_ms - absence.from_ms >= 4_500,
            "{absences:?}"
        );
    }
    let verified = person.product.run_ok(&["verify", "--stream", "desk", "--deep", "--json"])?;
    assert!(verified.contains("\"clean\": true"), "{verified}");
    Ok(())
}

#[test]
fn the_service_comes_and_goes_with_the_session() -> Result<()> {
    let Some(person) = Person::new()? else { return Ok(()) };
    let systemd = &person.systemd;
    let session = |deed: &str| -> Result<()> {
        let done = systemd.systemctl(&[deed, "session.service"])?;
        ensure!(done.status.success(), "{done:?}");
        Ok(())
    };
    session("start")?;
    person.deskreel_ok(&["service", "install"])?;
    let first = person.until_recording(&Value::Null)?;
    // Logging out stops it, in good order; logging in starts it, with nobody doing anything.
    session("stop")?;
    systemd.until(UNIT, "ActiveState", |state| state == "inactive")?;
    assert_eq!(systemd.property(UNIT, "Result")?, "success");
    session("start")?;
    let second = person.until_recording(&first["pid"])?;
    // By hand.
    person.deskreel_ok(&["service", "stop"])?;
    assert_eq!(person.deskreel(&["service", "status"])?.status.code(), Some(3));
    person.deskreel_ok(&["service", "start"])?;
    let third = person.until_recording(&second["pid"])?;
    // Installing again, as after the program has moved, starts it anew.
    person.deskreel_ok(&["service", "install"])?;
    person.until_recording(&third["pid"])?;
    person.deskreel_ok(&["service", "uninstall"])?;
    person.product.run_ok(&["verify", "--stream", "desk", "--deep"])?;
    Ok(())
}

#[test]
fn settings_that_cannot_be_used_are_not_tried_again_and_again() -> Result<()> {
    let Some(person) = Person::new()? else { return Ok(()) };
    let systemd = &person.systemd;
    let config = systemd.home().join(".config/deskreel/config.toml");
    std::fs::write(&config, "streem = \"desk\"\n")?;
    // `Type=exec`: that the program starts is all that installing waits for.
    person.deskreel(&["service", "install"])?;
    systemd.until(UNIT, "ActiveState", |state| state == "failed")?;
    assert_eq!(systemd.property(UNIT, "ExecMainStatus")?, "2");
    // Longer than systemd would wait before the next try.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(systemd.property(UNIT, "NRestarts")?, "0");
    Ok(())
}
