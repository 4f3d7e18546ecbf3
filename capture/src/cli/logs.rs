//! Where the log goes: to the terminal, and to files that roll over at midnight UTC if one is named.

use std::io::IsTerminal;
use std::path::Path;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use super::Failure;

/// So many days of files are kept.
const DAYS: usize = 7;

/// zbus warns of each request to a desktop's portal that is answered before it looks at it, which is no
/// trouble. A filter that names it wins.
const QUIET: &str = "zbus::proxy=error";

/// Checks a filter as `--log-level` and `RUST_LOG` take it.
///
/// # Errors
/// A text that says what is wrong with it.
pub(super) fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Starts the log. `RUST_LOG` has the last word on the level.
///
/// # Errors
/// [`Failure`] when the file cannot be written.
pub(super) fn start(level: Option<&str>, file: Option<&Path>) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},{}", level.unwrap_or("warn"))));
    let terminal = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let file = file.map(rolling).transpose()?;
    let file = file.map(|file| fmt::layer().with_ansi(false).with_writer(file));
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::registry().with(filter).with(terminal).with(file).try_init();
    Ok(())
}

/// `folder/deskreel.log` becomes `folder/deskreel.2026-11-24.log`.
fn rolling(path: &Path) -> Result<RollingFileAppender, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "cannot log to '{}': {reason}; name another file with --log-file",
            path.display()
        ))
    };
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).ok_or_else(|| wrong(&"it names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| wrong(&error))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(stem)
        .filename_suffix(text(path.extension()).unwrap_or_else(|| "log".to_owned()))
        .max_log_files(DAYS)
        .build(folder)
        .map_err(|error| wrong(&error))
}
