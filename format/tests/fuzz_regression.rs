//! Replays what fuzzing once found (`format/fuzz/regressions/TARGET/*`) on every `cargo test`.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod oracle;

use std::fs;
use std::path::Path;

/// An oracle: takes any bytes, panics when a promise is broken.
type Oracle = fn(&[u8]) -> usize;

/// The fuzz targets, by the name of their folder.
const TARGETS: [(&str, Oracle); 5] = [
    ("index", oracle::index),
    ("key", oracle::key),
    ("pack", oracle::pack),
    ("segment", oracle::segment),
    ("sharing", oracle::sharing),
];

#[test]
fn inputs_that_once_broke_a_promise_keep_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    let mut folders: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|(name, _)| name), "one folder for each fuzz target");
    for (name, oracle) in TARGETS {
        let mut replayed = 0;
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("replaying {}", path.display());
            oracle(&fs::read(path).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0, "{name} has no input");
    }
}
