//! Ties the format's spec to its source: when one changes, the other is reviewed.

use super::files::TextFile;

/// The normative spec of the format's bytes and keys.
pub(super) const SPEC: &str = "format/FORMAT.md";

/// Where the source of the format is.
const SOURCE: &str = "format/src/";

/// Sources in that folder that decide no byte and no key.
const NOT_ON_THE_WIRE: [&str; 3] =
    ["format/src/error.rs", "format/src/lib.rs", "format/src/picture.rs"];

/// Where a file's tests begin; by our custom they are its end.
const TESTS: &str = "\n#[cfg(test)]\nmod tests";

const MARK: &str = "<!-- source-digest: ";
const MARK_END: &str = " -->";

/// The digest of the source that decides the format's bytes, in hex. Tests are left out,
/// be they at the end of a file or in files of their own (`tests.rs`, `tests/`).
pub(super) fn of_source(files: &[TextFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files.iter().filter(|file| is_wire_source(&file.path)) {
        // A path ends at the line's end and a text at its length, so that moving bytes
        // from one to the other changes the digest. Line ends may be those of Windows.
        let text = file.text.replace("\r\n", "\n");
        let text = text.split_once(TESTS).map_or(text.as_str(), |(code, _)| code);
        hasher.update(file.path.as_bytes());
        hasher.update(format!("\n{}\n", text.len()).as_bytes());
        hasher.update(text.as_bytes());
    }
    // Half the digest: it guards against forgetting, not against malice.
    hasher.finalize().to_hex()[..32].to_owned()
}

/// What is wrong, if anything.
pub(super) fn check(files: &[TextFile]) -> Option<String> {
    if !files.iter().any(|file| is_wire_source(&file.path)) {
        return Some(format!("{SOURCE}: holds no source of the format: was it moved?"));
    }
    let Some(spec) = files.iter().find(|file| file.path == SPEC) else {
        return Some(format!("{SPEC}: missing: the format's spec belongs there"));
    };
    let digest = of_source(files);
    match recorded(&spec.text) {
        Some(recorded) if recorded == digest => None,
        Some(_) => Some(format!(
            "{SPEC}: the format's source changed since the spec was last reviewed: review \
             it, correct what is no longer true, then run `cargo xtask tidy --bless`"
        )),
        None => Some(format!(
            "{SPEC}: no `{MARK}...{MARK_END}` line: review it, then run `cargo xtask tidy --bless`"
        )),
    }
}

/// The spec with the digest recorded, in place of the old one or else at its end.
pub(super) fn bless(spec: &TextFile, digest: &str) -> String {
    let line = format!("{MARK}{digest}{MARK_END}");
    match recorded(&spec.text) {
        Some(old) => spec.text.replace(&format!("{MARK}{old}{MARK_END}"), &line),
        None => format!("{}\n\n{line}\n", spec.text.trim_end()),
    }
}

/// The digest in the spec.
fn recorded(spec: &str) -> Option<&str> {
    spec.lines().find_map(|line| line.trim().strip_prefix(MARK)?.strip_suffix(MARK_END))
}

fn is_wire_source(path: &str) -> bool {
    path.starts_with(SOURCE)
        && path.ends_with(".rs")
        && !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
        && !NOT_ON_THE_WIRE.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    fn blessed(source: &str) -> Vec<TextFile> {
        let source = file("format/src/pack.rs", source);
        let digest = of_source(std::slice::from_ref(&source));
        let spec = bless(&file(SPEC, "# The format\n"), &digest);
        vec![source, file(SPEC, &spec)]
    }

    #[test]
    fn a_reviewed_spec_passes_until_the_source_changes() {
        let mut files = blessed("//! Packs.");
        assert_eq!(check(&files), None);
        files[0].text.push_str("\nconst MAGIC: u8 = 1;");
        let problem = check(&files).unwrap();
        assert!(problem.contains("review") && problem.contains("--bless"), "{problem}");
    }

    #[test]
    fn blessing_replaces_the_old_digest_and_keeps_the_text() {
        let files = blessed("//! Packs.");
        let again = bless(&files[1], "0123");
        assert_eq!(again, "# The format\n\n<!-- source-digest: 0123 -->\n");
    }

    #[test]
    fn line_ends_tests_and_files_off_the_wire_change_nothing() {
        let mut files = blessed("//! Packs.\nconst A: u8 = 1;\n");
        files[0].text = files[0].text.replace('\n', "\r\n");
        assert_eq!(check(&files), None);
        files[0].text.push_str("\r\n#[cfg(test)]\r\nmod tests {}\r\n");
        files.push(file("format/src/picture.rs", "//! Changed."));
        files.push(file("format/src/pack/tests.rs", "//! Changed."));
        assert_eq!(check(&files), None);
    }

    #[test]
    fn a_new_source_file_is_on_the_wire_unless_said_otherwise() {
        let mut files = blessed("//! Packs.");
        files.push(file("format/src/segment.rs", "//! Segments."));
        assert!(check(&files).is_some());
    }

    #[test]
    fn a_missing_spec_line_or_spec_or_source_is_a_problem() {
        let source = || file("format/src/pack.rs", "//! Packs.");
        assert!(check(&[source(), file(SPEC, "# The format")]).unwrap().contains("source-digest"));
        assert!(check(&[source()]).unwrap().contains("missing"));
        assert!(check(&[file(SPEC, "# The format")]).unwrap().contains("moved"));
    }
}
