//! Checks of single files: opening line, length, stubs, purity, machine paths.

use super::files::TextFile;

/// The longest a source file may be, in lines.
const MAX_LINES: usize = 500;

/// Files that may be longer, each with the reason.
const MAY_BE_LONGER: [(&str, &str); 0] = [];

/// Folders of code that does no I/O and reads no clock.
const PURE: [&str; 3] = ["format/src/", "upkeep/src/plan/", "wasm-player/src/core/"];

/// What pure code must not name; `std::io::std` stands for `stdin`, `stdout`, `stderr`.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant",
    "std::io::std",
];

/// What no source file may hold, with the reason. Written in two halves, here and below,
/// so that this file does not find itself.
const STUBS: [(&str, &str); 3] = [
    (concat!("todo", "!("), "finish it or leave it out"),
    (concat!("unimplemented", "!("), "finish it or leave it out"),
    (concat!("#[", "ignore"), "a test that does not run proves nothing: fix it or delete it"),
];

/// Starts of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("C:\\Us", "ers\\"),
];

/// What is wrong with the file, one sentence each.
pub(super) fn check(file: &TextFile) -> Vec<String> {
    let mut problems = machine_paths(file);
    let extension = file.extension();
    if extension == "rs" {
        problems.extend(opening(file));
        problems.extend(stubs(file));
        problems.extend(impurities(file));
    }
    if matches!(extension, "rs" | "js" | "css" | "html") {
        problems.extend(length(file));
    }
    problems
}

fn opening(file: &TextFile) -> Option<String> {
    (!file.text.starts_with("//! "))
        .then(|| format!("{}:1: open with a `//!` line that says what the file is for", file.path))
}

fn length(file: &TextFile) -> Option<String> {
    let lines = file.text.lines().count();
    let excepted = MAY_BE_LONGER.iter().any(|(path, _)| *path == file.path);
    (lines > MAX_LINES && !excepted)
        .then(|| format!("{}: {lines} lines, over {MAX_LINES}: split it by concept", file.path))
}

fn stubs(file: &TextFile) -> Vec<String> {
    find(file, |line| {
        let (stub, reason) = STUBS.iter().find(|(stub, _)| line.contains(stub))?;
        Some(format!("`{stub}`: {reason}"))
    })
}

fn impurities(file: &TextFile) -> Vec<String> {
    if !PURE.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    find(file, |line| {
        let code = line.split("//").next().unwrap_or_default();
        let name = IMPURE.iter().find(|name| has_word(code, name))?;
        Some(format!("`{name}`: this code is pure, it gets bytes and the time passed in"))
    })
}

fn machine_paths(file: &TextFile) -> Vec<String> {
    find(file, |line| {
        let path = MACHINE_PATHS.iter().find(|path| names_absolute(line, path))?;
        Some(format!("`{path}` is a folder of one machine: use a relative path"))
    })
}

/// Runs the check on each line and puts `path:line:` before what it says.
fn find(file: &TextFile, check: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let numbered = (1..).zip(file.text.lines());
    numbered
        .filter_map(|(number, line)| Some(format!("{}:{number}: {}", file.path, check(line)?)))
        .collect()
}

/// Whether the line holds the word on its own, not as the start or end of another.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_name)
            && (word.ends_with("::std") || !after.is_some_and(part_of_name))
    })
}

/// Whether the line names something inside the folder, as the start of a path and not
/// in the middle of one (an address on the web may hold the same letters).
fn names_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~/}$*)>".contains(c))
            && after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&TextFile { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn a_proper_file_has_no_problems() {
        assert!(problems("store/src/lib.rs", "//! The store.\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn rust_files_open_with_their_purpose() {
        assert!(problems("a.rs", "use std::fs;")[0].contains("a.rs:1: open with"));
        assert!(problems("a.rs", "//!\n//! Late.")[0].contains("open with"));
        assert!(problems("a.js", "let a;").is_empty());
    }

    #[test]
    fn long_sources_are_found_and_long_prose_is_fine() {
        let long = format!("//! Long.\n{}", "\n".repeat(MAX_LINES));
        assert!(problems("a.rs", &long)[0].contains("501 lines"));
        assert!(problems("a.css", &long)[0].contains("501 lines"));
        assert!(problems("a.md", &long).is_empty());
        assert!(problems("a.rs", &format!("//! Fits.\n{}", "\n".repeat(MAX_LINES - 1))).is_empty());
    }

    #[test]
    fn stubs_and_ignored_tests_are_found_with_their_line() {
        for (stub, _) in STUBS {
            let found = problems("a.rs", &format!("//! A.\n\n    {stub}"));
            assert_eq!(found.len(), 1, "{stub}");
            assert!(found[0].starts_with("a.rs:3: "), "{found:?}");
        }
    }

    #[test]
    fn pure_code_reads_no_clock_and_does_no_io() {
        for name in IMPURE {
            let text = format!("//! A.\nuse {name};");
            assert_eq!(problems("format/src/a.rs", &text).len(), 1, "{name}");
            assert_eq!(problems("wasm-player/src/core/a.rs", &text).len(), 1, "{name}");
            assert!(problems("wasm-player/src/shell.rs", &text).is_empty(), "{name}");
        }
        let io = "//! A.\nlet input = std::io::stdin();";
        assert_eq!(problems("format/src/a.rs", io).len(), 1);
    }

    #[test]
    fn pure_code_may_speak_of_clocks_and_have_words_like_them() {
        let text = "//! A.\n// An Instant would be wrong.\nfn show(t: InstantaneousRate) {}";
        assert!(problems("format/src/a.rs", text).is_empty());
    }

    #[test]
    fn folders_of_a_machine_are_found_in_any_text() {
        for folder in MACHINE_PATHS {
            let found = problems("notes.md", &format!("see `{folder}ana`"));
            assert_eq!(found.len(), 1, "{folder}");
        }
    }

    #[test]
    fn addresses_and_bare_folders_are_not_machine_paths() {
        let unix = MACHINE_PATHS[0];
        for text in [
            format!("https://a.example{unix}page"),
            format!("${{base}}{unix}page"),
            format!("ProtectHome of {unix} is on"),
        ] {
            assert!(problems("notes.md", &text).is_empty(), "{text}");
        }
    }
}
