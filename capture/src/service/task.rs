//! A task of the Windows task scheduler that starts when the person logs on.

use std::path::PathBuf;

use super::{Deed, Service, Step, run, try_run, xml};

const NAME: &str = "Deskreel";

pub(super) fn plan(deed: Deed, service: &Service) -> Vec<Step> {
    let path = path(service);
    let shown = path.to_string_lossy().into_owned();
    match deed {
        Deed::Install => vec![
            Step::Write { path, text: task(service) },
            run(&["schtasks", "/Create", "/F", "/TN", NAME, "/XML", &shown]),
            run(&["schtasks", "/Run", "/TN", NAME]),
        ],
        Deed::Uninstall => vec![
            try_run(&["schtasks", "/End", "/TN", NAME]),
            run(&["schtasks", "/Delete", "/F", "/TN", NAME]),
            Step::Remove { path },
        ],
        Deed::Start => vec![run(&["schtasks", "/Run", "/TN", NAME])],
        Deed::Stop => vec![run(&["schtasks", "/End", "/TN", NAME])],
        Deed::Status => vec![run(&["schtasks", "/Query", "/V", "/FO", "LIST", "/TN", NAME])],
    }
}

fn path(service: &Service) -> PathBuf {
    service.config.with_file_name("task.xml")
}

/// Runs as the person, without limit of time, and again after a failure.
fn task(service: &Service) -> String {
    let program = xml(&service.program.to_string_lossy());
    let config = xml(&format!("\"{}\"", service.config.to_string_lossy()));
    format!(
        "<?xml version=\"1.0\"?>
<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">
  <RegistrationInfo><Description>Deskreel records the screen</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Principals>
    <Principal id=\"Author\"><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>8</Priority>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions Context=\"Author\">
    <Exec><Command>{program}</Command><Arguments>record --config {config}</Arguments></Exec>
  </Actions>
</Task>
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_task_is_as_reviewed() {
        let text = task(&example());
        let exec = "<Exec><Command>/opt/deskreel 1/deskreel</Command><Arguments>record --config \
                    &quot;/srv/ana/.config/deskreel/config.toml&quot;</Arguments></Exec>";
        assert!(text.contains(exec), "{text}");
        assert!(text.contains("<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>"), "{text}");
        let [_, Step::Run { words, .. }, ..] = &plan(Deed::Install, &example())[..] else {
            panic!()
        };
        assert_eq!(words[..5], ["schtasks", "/Create", "/F", "/TN", "Deskreel"]);
    }
}
