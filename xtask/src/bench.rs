//! `cargo xtask bench`: Deskreel beside what one would use instead, in one run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;

const BEGIN: &str = "<!-- bench begin -->";
const END: &str = "<!-- bench end -->";
const ACTIVITIES_BEGIN: &str = "<!-- activities begin -->";
const ACTIVITIES_END: &str = "<!-- activities end -->";

/// Arguments of `bench`.
#[derive(clap::Args)]
#[command(after_help = "\
Builds for release, stores the PNG screenshots of a folder in several ways, and writes the
table into docs/MEASUREMENTS.md. Without a folder it takes the recording that ships with the
project, which is small: figures of a whole day need a longer one. With --activities it
measures instead what recording costs while a person does this or that, on an Xvfb.

Examples:
  cargo xtask bench                 the recording that ships with the project
  cargo xtask bench screenshots/    your own, one PNG each 10 s
  cargo xtask bench --activities    CPU of idle, typing, scrolling, window switching, video")]
pub(crate) struct Args {
    /// Folder of PNG screenshots
    folder: Option<PathBuf>,
    /// Measure the CPU of each activity instead
    #[arg(long, conflicts_with = "folder")]
    activities: bool,
}

/// Runs the command.
///
/// # Errors
/// If the build or the run fails, or docs/MEASUREMENTS.md has lost its marks.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<()> {
    let example = if args.activities { "activities" } else { "bench" };
    let mut bench =
        repo.cargo(["run", "--release", "-p", "deskreel-capture", "--example", example, "--"]);
    let marks = match args.activities {
        true => (ACTIVITIES_BEGIN, ACTIVITIES_END),
        false => {
            let folder =
                args.folder.clone().unwrap_or_else(|| repo.root.join("tests/data/desktop"));
            bench.arg(folder.canonicalize().with_context(|| folder.display().to_string())?);
            (BEGIN, END)
        }
    };
    let table = process::output(&mut bench)?;
    print!("{table}");
    let path = repo.root.join("docs/MEASUREMENTS.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let text = replaced(&text, &table, marks).context("docs/MEASUREMENTS.md has lost its marks")?;
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    println!("written into docs/MEASUREMENTS.md");
    Ok(())
}

/// The text with the part between the marks replaced; `None` when a mark is missing.
fn replaced(text: &str, table: &str, (begin, end): (&str, &str)) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{}\n{end}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&text, "new\n", (BEGIN, END)).unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replaced("no marks", "x", (BEGIN, END)), None);
    }
}
