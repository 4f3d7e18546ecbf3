//! An agent of launchd, on macOS.

use std::path::PathBuf;

use super::{Deed, Service, Step, run, try_run, xml};

const LABEL: &str = "org.deskreel.agent";

pub(super) fn plan(deed: Deed, service: &Service) -> Vec<Step> {
    let path = path(service);
    let shown = path.to_string_lossy().into_owned();
    let domain = format!("gui/{}", service.user_id);
    let target = format!("{domain}/{LABEL}");
    match deed {
        Deed::Install => vec![
            Step::Write { path, text: plist(service) },
            try_run(&["launchctl", "bootout", &target]),
            run(&["launchctl", "bootstrap", &domain, &shown]),
        ],
        Deed::Uninstall => {
            vec![try_run(&["launchctl", "bootout", &target]), Step::Remove { path }]
        }
        Deed::Start => vec![run(&["launchctl", "bootstrap", &domain, &shown])],
        Deed::Stop => vec![run(&["launchctl", "bootout", &target])],
        Deed::Status => vec![run(&["launchctl", "print", &target])],
    }
}

fn path(service: &Service) -> PathBuf {
    service.home.join("Library/LaunchAgents").join(format!("{LABEL}.plist"))
}

/// Started with the session, started again when it ends with a failure.
fn plist(service: &Service) -> String {
    let text = |path: &std::path::Path| xml(&path.to_string_lossy());
    let (program, config) = (text(&service.program), text(&service.config));
    let log = text(&service.home.join("Library/Logs/deskreel.log"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
  <key>Label</key><string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>record</string>
    <string>--config</string>
    <string>{config}</string>
  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>10</integer>
  <key>ExitTimeOut</key><integer>45</integer>
  <key>LimitLoadToSessionType</key><string>Aqua</string>
  <key>ProcessType</key><string>Background</string>
  <key>Umask</key><integer>63</integer>
  <key>StandardErrorPath</key><string>{log}</string>
</dict>
</plist>
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_property_list_is_as_reviewed() {
        let text = plist(&Service { program: "/opt/a&b/deskreel".into(), ..example() });
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist"));
        let arguments = "    <string>/opt/a&amp;b/deskreel</string>
    <string>record</string>
    <string>--config</string>
    <string>/srv/ana/.config/deskreel/config.toml</string>
";
        assert!(text.contains(arguments), "{text}");
        assert!(text.contains("<key>SuccessfulExit</key><false/>"), "{text}");
        // 63 is 077.
        assert!(text.contains("<key>Umask</key><integer>63</integer>"), "{text}");
        let [Step::Write { path, .. }, _, Step::Run { words, .. }] =
            &plan(Deed::Install, &example())[..]
        else {
            panic!()
        };
        assert!(path.ends_with("Library/LaunchAgents/org.deskreel.agent.plist"), "{path:?}");
        assert_eq!(words[..3], ["launchctl", "bootstrap", "gui/501"]);
    }
}
