//! The real program: what it prints, how it stops, and what it refuses.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{BUCKET, client, get};
use aws_sdk_s3::Client;

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskreel-server"));
    for name in ["DATA", "LISTEN", "BUCKET", "PLAYER", "AUTH_TOKEN_FILE", "KEEP_DAYS"] {
        command.env_remove(format!("DESKREEL_{name}"));
    }
    command
}

/// The program, serving; killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) endpoint: String,
}

impl Program {
    pub(crate) fn serve(data: &Path) -> Self {
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("player: ").expect("no player URL").to_owned();
        let endpoint = url.strip_suffix("/-/player/").expect("odd player URL").to_owned();
        Self { child, endpoint }
    }

    pub(crate) fn root(&self, data: &Path) -> Client {
        let printed = run(command().args(["credentials", "--json", "--data"]).arg(data));
        let root: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        let text = |name: &str| root[name].as_str().unwrap().to_owned();
        client(&self.endpoint, &text("access_key_id"), &text("secret_access_key"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nothing to do if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[tokio::test]
async fn it_serves_at_the_address_it_prints_and_stops_at_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let mut program = Program::serve(data.path());
    let s3 = program.root(data.path());
    s3.put_object().bucket(BUCKET).key("k").body(b"v".to_vec().into()).send().await.unwrap();
    assert_eq!(get(&s3, "k").await.unwrap(), b"v");
    #[cfg(unix)]
    {
        let pid = program.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(program.child.wait().unwrap().success());
        let again = Program::serve(data.path());
        assert_eq!(get(&again.root(data.path()), "k").await.unwrap(), b"v");
    }
    drop(program);
}

#[test]
fn it_will_not_give_keys_to_the_whole_network() {
    let data = tempfile::tempdir().unwrap();
    let output = command()
        .args(["serve", "--listen", "0.0.0.0:0", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("--auth-token-file"), "{message}");
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none());

    let weak = data.path().join("token");
    std::fs::write(&weak, "short").unwrap();
    let output = command().args(["serve", "--auth-token-file"]).arg(&weak).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_second_server_on_the_same_data_says_so() {
    let data = tempfile::tempdir().unwrap();
    let _first = Program::serve(data.path());
    let output = command()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("another deskreel-server"));
}

#[test]
fn credentials_are_printed_for_a_shell() {
    let data = tempfile::tempdir().unwrap();
    let missing = command().args(["credentials", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let _server = Program::serve(data.path());
    let printed = run(command().args(["credentials", "--data"]).arg(data.path()));
    let text = String::from_utf8(printed.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("export AWS_ACCESS_KEY_ID=DRR"), "{text}");
    assert!(lines[1].starts_with("export AWS_SECRET_ACCESS_KEY="), "{text}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn help_has_examples_and_completions_are_printed() {
    let help = run(command().args(["serve", "--help"]));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"));
    for shell in ["bash", "zsh", "fish"] {
        let script = run(command().args(["completions", shell]));
        assert!(String::from_utf8(script.stdout).unwrap().contains("auth-token-file"), "{shell}");
    }
}
