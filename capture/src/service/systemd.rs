//! A systemd unit of the person.

use std::path::{Path, PathBuf};

use super::{Deed, Service, Step, run, try_run};

const UNIT: &str = "deskreel.service";

pub(super) fn plan(deed: Deed, service: &Service) -> Vec<Step> {
    let path = path(service);
    match deed {
        Deed::Install => vec![
            Step::Write { path, text: unit(service) },
            // What the session has and a unit would not; where it has none this is no failure.
            try_run(&[
                "systemctl",
                "--user",
                "import-environment",
                "DISPLAY",
                "WAYLAND_DISPLAY",
                "XAUTHORITY",
            ]),
            run(&["systemctl", "--user", "daemon-reload"]),
            run(&["systemctl", "--user", "enable", UNIT]),
            run(&["systemctl", "--user", "restart", UNIT]),
        ],
        Deed::Uninstall => vec![
            try_run(&["systemctl", "--user", "disable", "--now", UNIT]),
            Step::Remove { path },
            run(&["systemctl", "--user", "daemon-reload"]),
        ],
        Deed::Start => vec![run(&["systemctl", "--user", "start", UNIT])],
        Deed::Stop => vec![run(&["systemctl", "--user", "stop", UNIT])],
        Deed::Status => vec![run(&["systemctl", "--user", "--no-pager", "status", UNIT])],
    }
}

fn path(service: &Service) -> PathBuf {
    service.config_home.join("systemd/user").join(UNIT)
}

/// The unit: started with the graphical session, started again when it fails, not when it was told
/// something it cannot use (exit code 2).
fn unit(service: &Service) -> String {
    let (program, config) = (quoted(&service.program), quoted(&service.config));
    format!(
        "[Unit]
Description=Deskreel records the screen
PartOf=graphical-session.target
After=graphical-session.target
StartLimitIntervalSec=10min
StartLimitBurst=20

[Service]
Type=exec
ExecStart={program} record --config {config}
Restart=on-failure
RestartSec=5s
RestartPreventExitStatus=2 5
# Time for the last uploads.
TimeoutStopSec=45s
KillSignal=SIGTERM
Nice=5
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=graphical-session.target
"
    )
}

/// A word of a command line of systemd: in quotes, nothing in it expanded.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text =
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_unit_is_as_reviewed() {
        let golden = "\
[Unit]
Description=Deskreel records the screen
PartOf=graphical-session.target
After=graphical-session.target
StartLimitIntervalSec=10min
StartLimitBurst=20

[Service]
Type=exec
ExecStart=\"/opt/deskreel 1/deskreel\" record --config \"/srv/ana/.config/deskreel/config.toml\"
Restart=on-failure
RestartSec=5s
RestartPreventExitStatus=2 5
# Time for the last uploads.
TimeoutStopSec=45s
KillSignal=SIGTERM
Nice=5
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=graphical-session.target
";
        assert_eq!(unit(&example()), golden);
        let [Step::Write { path, .. }, ..] = &plan(Deed::Install, &example())[..] else { panic!() };
        assert_eq!(path, Path::new("/srv/ana/.config/systemd/user/deskreel.service"));
    }

    #[test]
    fn nothing_in_a_path_is_expanded() {
        assert_eq!(quoted(Path::new(r#"/a b/%h/$x/"\"#)), r#""/a b/%%h/$$x/\"\\""#);
    }
}
