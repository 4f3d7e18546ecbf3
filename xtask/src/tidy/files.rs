//! The text files that make up the repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// A text file of the repository.
#[derive(Debug)]
pub(super) struct TextFile {
    /// Relative to the root, with `/` between folders.
    pub(super) path: String,
    /// Its contents.
    pub(super) text: String,
}

impl TextFile {
    /// The path's ending after the last dot; empty if there is none.
    pub(super) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Reads the files git tracks or would track. Files that are no UTF-8 text are left out.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn read(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    for path in list(root)? {
        let full = root.join(&path);
        // Deleted but not yet committed, or a link to a folder.
        if !full.is_file() {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| format!("cannot read {}", full.display()))?;
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

/// Paths relative to the root, sorted. Without git (an unpacked archive, a checkout that
/// belongs to somebody else) the folders are walked instead.
fn list(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut paths: Vec<String> = match process::output(&mut git) {
        Ok(listed) => listed.split_terminator('\0').map(str::to_owned).collect(),
        Err(_) => {
            let mut walked = Vec::new();
            walk(root, "", &mut walked)?;
            walked
        }
    };
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<()> {
    let full = root.join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("cannot read {}", full.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if !entry.file_type()?.is_dir() {
            paths.push(path);
        } else if !matches!(path.as_str(), ".git" | "target" | "dist" | ".deskreel") {
            walk(root, &path, paths)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_git_folders_are_walked_and_build_output_is_left_out() {
        let scratch = tempfile::tempdir().unwrap();
        for path in ["target", "src/deep"] {
            fs::create_dir_all(scratch.path().join(path)).unwrap();
        }
        fs::write(scratch.path().join("target/out.txt"), "built").unwrap();
        fs::write(scratch.path().join("src/deep/a.rs"), "//! A.").unwrap();
        fs::write(scratch.path().join("b.png"), [0x89, 0xff, 0]).unwrap();
        let files = read(scratch.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["src/deep/a.rs"]);
        assert_eq!(files[0].text, "//! A.");
    }

    #[test]
    fn extensions_are_of_the_name_not_of_the_folder() {
        let file = |path: &str| TextFile { path: path.to_owned(), text: String::new() };
        assert_eq!(file("a.b/c.rs").extension(), "rs");
        assert_eq!(file("a.b/run").extension(), "");
    }
}
