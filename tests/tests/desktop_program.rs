//! The `desktop` program ends with the one who started it.

use deskreel_tests::desktop::missing;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn wait(child: &mut Child) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_ends_when_stdin_closes_and_on_sigterm() {
    let missing = missing();
    if !missing.is_empty() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the desktop lacks {missing:?}");
        eprintln!("skipped: the desktop lacks {missing:?}");
        if let Some(path) = std::env::var_os("DESKREEL_SKIPPED") {
            let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
            writeln!(file, "desktop_program\tnot installed: {missing:?}").unwrap();
        }
        return;
    }
    for by_signal in [false, true] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_desktop"))
            .args(["--size", "800x600", "--seconds", "600", "--step-ms", "200"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut display = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut display).unwrap();
        x11rb::connect(Some(display.trim())).expect("the display is open when it is named");
        if by_signal {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        } else {
            drop(stdin);
        }
        let status = wait(&mut child);
        assert!(status.success(), "{status}");
        assert!(x11rb::connect(Some(display.trim())).is_err(), "the display is still there");
    }
}
