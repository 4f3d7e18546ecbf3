//! `deskreel config`: the config file written, checked, and shown with where each value comes from.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::capturing::Capturing;
use super::common::{Failure, Place, Recording, default_config, print};
use super::settings::{self, Parsed, Setting, Shown};

/// Writes, checks and shows the config file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel config init                     writes the file, every setting in it as a comment
  deskreel config check                    says whether a recording would accept it
  deskreel config show                     every value, and where it comes from
  deskreel config show --tile 32 --json    as a recording with that flag would see it

A flag wins over the environment (DESKREEL_...), which wins over the file, which wins over the
default.")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Writes a config file in which every setting stands as a comment
    Init {
        /// The file to write; - prints it [default: deskreel/config.toml in your configuration folder]
        #[arg(long = "config", env = "DESKREEL_CONFIG", id = "target", value_name = "FILE")]
        target: Option<PathBuf>,
        /// Replaces a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Says whether the config file can be used
    Check(Settings),
    /// Shows every setting, its value and where that comes from; secrets only as set
    Show(Settings),
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    _place: Place,
    #[command(flatten)]
    _recording: Recording,
    #[command(flatten)]
    _capturing: Capturing,
}

pub(super) fn run(args: &Args, parsed: &Parsed) -> Result<u8, Failure> {
    match &args.what {
        What::Init { target, force } => init(target.clone().unwrap_or_else(default_config), *force),
        What::Check(settings) => check(parsed, settings.json),
        What::Show(settings) => show(parsed, settings.json),
    }
}

fn init(path: PathBuf, force: bool) -> Result<u8, Failure> {
    let text = template(&settings::all());
    if path.as_os_str() == "-" {
        print(&text)?;
        return Ok(0);
    }
    let shown = path.display().to_string();
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot write '{shown}': {error}"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!force);
    // It may come to hold secrets.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| {
        use std::io::Write;
        file.write_all(text.as_bytes())
    });
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::failed(format!(
                "'{shown}' is there already; --force replaces it"
            )));
        }
        outcome => outcome.map_err(failed)?,
    }
    print(&format!("{shown} is written; every setting in it is a comment yet\n"))?;
    Ok(0)
}

/// The text of a config file in which every setting is a comment.
fn template(settings: &[Setting]) -> String {
    let mut text = String::from(
        "# Settings of deskreel. Remove the # before a line to set it.\n\
         # A flag wins over the environment, which wins over this file. `deskreel config show` tells\n\
         # what holds. Times are written 500ms, 10s, 5m, 1h; sizes 500MB, 2GB.\n",
    );
    let mut group = "";
    for setting in settings {
        if setting.group != group {
            group = &setting.group;
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, "\n# {} {}\n", group, "-".repeat(76 - group.len()));
        }
        text += "\n";
        for line in wrapped(&format!("{}.", setting.about)) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "# Environment: {}. Default: {}.", setting.env, default(setting));
        let _ = writeln!(text, "#{} = {}", setting.key, example(setting));
    }
    text
}

/// Lines of at most 96 characters, broken at spaces.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 96 => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn default(setting: &Setting) -> &str {
    setting.default.as_deref().unwrap_or("none")
}

/// A value as TOML writes it.
fn example(setting: &Setting) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let value = match &setting.default {
        // In words, no value.
        Some(default) if !default.contains(' ') => default.clone(),
        _ => String::new(),
    };
    match (setting.is_list, value.parse::<f64>()) {
        (true, _) => "[]".to_owned(),
        (false, Ok(_)) => value,
        (false, Err(_)) => quoted(&value),
    }
}

fn check(parsed: &Parsed, json: bool) -> Result<u8, Failure> {
    // Whatever is wrong with it was found before this was called.
    let file = parsed.config_file();
    let is_there = file.path.exists();
    let warning = readable_by_others(parsed);
    let path = file.path.display();
    let count = file.values.len();
    let settings = if count == 1 { "setting" } else { "settings" };
    let text = if json {
        json!({ "file": file.path, "exists": is_there, "settings": count, "warning": warning })
            .to_string()
            + "\n"
    } else if is_there {
        format!("{path}: fine, {count} {settings}\n")
    } else {
        format!(
            "{path}: there is no such file, and none is needed; `deskreel config init` writes one\n"
        )
    };
    print(&text)?;
    if let Some(warning) = warning.filter(|_| !json) {
        eprintln!("{path}: {warning}");
    }
    Ok(0)
}

/// A file that holds secrets and that others may read.
fn readable_by_others(parsed: &Parsed) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = parsed.config_file();
        let mut secrets = settings::all().into_iter().filter(|setting| setting.is_secret);
        let has_secret = secrets.any(|setting| file.values.contains_key(&setting.key));
        let mode = std::fs::metadata(&file.path).ok()?.permissions().mode();
        (has_secret && mode & 0o077 != 0)
            .then_some("it holds a secret and others may read it: chmod 600")
    }
    #[cfg(not(unix))]
    {
        let _ = parsed;
        None
    }
}

fn show(parsed: &Parsed, json: bool) -> Result<u8, Failure> {
    let shown = parsed.shown();
    let text = if json { as_json(&shown)? } else { table(&shown, parsed) };
    print(&text)?;
    Ok(0)
}

fn as_json(shown: &[Shown]) -> Result<String, Failure> {
    let value = |shown: &Shown| match (shown.setting.is_secret, &shown.values[..]) {
        (true, _) if shown.is_set => json!("set"),
        (_, values) if shown.setting.is_list => json!(values),
        (_, [value, ..]) => json!(value),
        (_, []) => json!(null),
    };
    let all: serde_json::Map<String, serde_json::Value> = shown
        .iter()
        .map(|s| (s.setting.key.clone(), json!({ "value": value(s), "source": s.source })))
        .collect();
    Ok(serde_json::to_string_pretty(&all).map_err(Failure::failed)? + "\n")
}

fn table(shown: &[Shown], parsed: &Parsed) -> String {
    let value = |shown: &Shown| match (shown.setting.is_secret, &shown.values[..]) {
        (true, _) if shown.is_set => "(set)".to_owned(),
        (_, []) => match &shown.setting.default {
            Some(default) => default.clone(),
            None => "-".to_owned(),
        },
        (_, values) => values.join(", "),
    };
    let source = |shown: &Shown| match shown.source {
        "environment" => shown.setting.env.clone(),
        "flag" => format!("--{}", shown.setting.key.replace('_', "-")),
        other => other.to_owned(),
    };
    let rows: Vec<_> =
        shown.iter().map(|s| (&s.setting.group, &s.setting.key, value(s), source(s))).collect();
    let wide = rows.iter().map(|row| row.2.chars().count()).max().unwrap_or(0).min(48);
    let file = parsed.config_file();
    let state = if file.path.exists() { "" } else { " (not there)" };
    let mut text = format!("file: {}{state}\n", file.path.display());
    let mut group = "";
    for (of, key, value, source) in rows {
        if of != group {
            group = of;
            let _ = write!(text, "\n{group}\n");
        }
        let _ = writeln!(text, "  {key:<18} {value:<wide$}  {source}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    #[test]
    fn the_written_file_is_valid_as_it_is_and_with_every_line_set() {
        let settings = settings::all();
        let text = template(&settings);
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
        let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
        let set: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')))
            .map(|line| format!("{line}\n"))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, set).unwrap();
        let file = ConfigFile::load(&path, true, &keys).unwrap();
        assert_eq!(file.values.len(), settings.len());
        for setting in &settings {
            if let Some(default) = setting.default.as_ref().filter(|d| !d.contains(' ')) {
                assert_eq!(
                    &file.values[&setting.key],
                    std::slice::from_ref(default),
                    "{}",
                    setting.key
                );
            }
        }
    }
}
