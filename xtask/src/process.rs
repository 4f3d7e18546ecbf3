//! Running other programs: each is announced, and a failure names the whole command.

use std::env;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Prints the command, runs it with its output on the terminal, and expects success.
///
/// # Errors
/// If the program is missing or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| not_started(command))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs the command silently and returns what it printed.
///
/// # Errors
/// If the program is missing, fails (its error output is in the message), or does not
/// print UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| not_started(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}\n{}", shown(command), output.status, said.trim_end());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something that is not text", shown(command)))
}

/// Whether the command runs and succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Says on stderr what is about to run.
pub(crate) fn announce(command: &Command) {
    eprintln!("$ {}", shown(command));
}

/// The command as a person would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"$&|;<>()".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

fn not_started(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("cannot start `{program}`: is it installed and on PATH?")
}

/// The file an environment variable names, if it is set.
///
/// # Errors
/// If it names no file.
pub(crate) fn named_by(variable: &str) -> Result<Option<PathBuf>> {
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
    else {
        return Ok(None);
    };
    if !path.is_file() {
        bail!("{variable} names {}, which is not a file", path.display());
    }
    Ok(Some(path))
}

/// The first program of this name on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
}

/// Removes a folder and all in it; a folder that is not there is fine.
///
/// # Errors
/// If it exists and cannot be removed.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "--", "a name", "it's", ""]).env("SECRET", "hidden");
        assert_eq!(shown(&command), r"cargo test -- 'a name' 'it'\''s' ''");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("deskreel-no-such-program")).unwrap_err();
        assert!(error.to_string().contains("deskreel-no-such-program"), "{error}");
    }

    #[test]
    fn a_failing_program_shows_what_it_said() {
        let error = output(Command::new("cargo").arg("--no-such-flag")).unwrap_err();
        assert!(error.to_string().contains("--no-such-flag"), "{error}");
    }

    #[test]
    fn programs_are_found_on_path_and_strangers_are_not() {
        assert!(on_path("cargo").is_some());
        assert_eq!(on_path("deskreel-no-such-program"), None);
    }

    #[test]
    fn removing_an_absent_folder_is_fine() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("gone");
        remove_folder(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        remove_folder(&folder).unwrap();
        assert!(!folder.exists());
    }
}
