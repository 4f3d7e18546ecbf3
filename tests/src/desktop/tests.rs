//! The desktop really works: what is typed is in the file, what happens is on the screen.

use super::script::SENTENCES;
use super::{Desktop, home, missing};
use crate::processes::carrying;
use std::io::Write;
use std::path::Path;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat};
use x11rb::rust_connection::RustConnection;

/// True when there is no desktop to be had here, after saying so where CI looks.
fn skipped() -> bool {
    let missing = missing();
    if missing.is_empty() {
        return false;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "the desktop lacks {missing:?}");
    eprintln!("skipped: the desktop lacks {missing:?}");
    if let Some(path) = std::env::var_os("DESKREEL_SKIPPED") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "desktop\tnot installed: {missing:?}").unwrap();
    }
    true
}

/// The pixels of the middle of the screen.
fn pixels(connection: &RustConnection) -> Vec<u8> {
    let root = connection.setup().roots[0].root;
    let format = ImageFormat::Z_PIXMAP;
    let asked = connection.get_image(format, root, 0, 0, 1280, 760, u32::MAX).unwrap();
    asked.reply().unwrap().data
}

#[test]
fn a_desktop_works_and_leaves_nothing_behind() {
    if skipped() {
        return;
    }
    let mut desktop = Desktop::start(1280, 800).unwrap();
    let (watcher, _) = x11rb::connect(Some(desktop.display())).unwrap();
    let before = pixels(&watcher);
    let colours: std::collections::HashSet<_> = before.chunks_exact(4).collect();
    assert!(colours.len() > 200, "an empty screen of {} colours", colours.len());
    for step in 0..=4 {
        desktop.act(step).unwrap();
    }
    let notebook = desktop.home().join(home::PROJECT).join(home::NOTEBOOK);
    let expected = format!("{}\n{}\n", SENTENCES[0], SENTENCES[1]);
    let saved = || std::fs::read_to_string(&notebook).unwrap().contains(&expected);
    let written = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        saved()
    });
    assert!(written, "{}", std::fs::read_to_string(&notebook).unwrap());
    assert!(pixels(&watcher) != before, "nothing happened on the screen");
    for step in 5..30 {
        desktop.act(step).unwrap();
    }
    let (display, home) = (desktop.display().to_owned(), desktop.home().to_owned());
    let mark = desktop.processes.mark().to_owned();
    assert!(carrying(&mark).len() > 6);
    drop(desktop);
    assert!(x11rb::connect(Some(&display)).is_err(), "the display is still there");
    assert!(!home.exists(), "{} is still there", home.display());
    assert_eq!(carrying(&mark).len(), 0, "programs are still running");
    let number = &display[1..];
    for left in [format!("/tmp/.X{number}-lock"), format!("/tmp/.X11-unix/X{number}")] {
        assert!(!Path::new(&left).exists(), "{left} is still there");
    }
}
