//! The one table of settings: the definitions of the flags themselves.
//!
//! Whatever flag may come from a `DESKREEL_...` variable may also stand in the config file, under the
//! flag's name with `_` for `-`. A value of the file takes the place of the flag's default before the
//! command line is parsed, so the precedence is clap's own: flag, environment, file, default.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;
use super::common::{Failure, default_config};
use crate::config::ConfigFile;

/// A setting, as its flag defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name in the config file.
    pub(super) key: String,
    /// Its environment variable.
    pub(super) env: String,
    /// What it is for, on one line, without the default.
    pub(super) about: String,
    /// The group that it belongs to.
    pub(super) group: String,
    /// What holds when nothing is said; in words where it is no value.
    pub(super) default: Option<String>,
    /// Has several values.
    pub(super) is_list: bool,
    /// Must not be shown.
    pub(super) is_secret: bool,
    /// What its value is, such as `DURATION`.
    pub(super) value_name: String,
}

/// What says where the config file lies cannot stand in it.
const NOT_IN_FILE: &str = "DESKREEL_CONFIG";

/// The name of a flag in the config file; none if it is no setting.
fn key(arg: &Arg) -> Option<String> {
    let env = arg.get_env()?.to_str()?;
    let is_setting = env.starts_with("DESKREEL_") && env != NOT_IN_FILE;
    Some(arg.get_long().filter(|_| is_setting)?.replace('-', "_"))
}

/// The settings of a recording, which has all there are, in the order of its flags.
pub(super) fn all() -> Vec<Setting> {
    let command = Cli::command();
    let record = command.find_subcommand("record");
    record.map(|record| record.get_arguments().filter_map(setting).collect()).unwrap_or_default()
}

fn setting(arg: &Arg) -> Option<Setting> {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    // A default that is no value is told in words at the end of the help.
    let (about, told) = match help.split_once(" [default: ") {
        Some((about, told)) => (about.to_owned(), told.strip_suffix(']').map(str::to_owned)),
        None => (help, None),
    };
    let default = arg.get_default_values().first();
    Some(Setting {
        key: key(arg)?,
        env: arg.get_env()?.to_string_lossy().into_owned(),
        about,
        group: arg.get_help_heading().unwrap_or("Other").to_owned(),
        default: default.map(|value| value.to_string_lossy().into_owned()).or(told),
        is_list: matches!(arg.get_action(), clap::ArgAction::Append),
        is_secret: arg.is_hide_env_values_set(),
        value_name: arg
            .get_value_names()
            .and_then(|names| names.first())
            .map_or_else(|| arg.get_id().to_string().to_uppercase(), |name| name.to_string()),
    })
}

/// A command line that was understood, with what the config file says.
pub struct Parsed {
    pub(super) cli: Cli,
    matches: ArgMatches,
    file: ConfigFile,
}

/// Understands a command line. Ends the process where clap does: help, version, wrong usage.
///
/// # Errors
/// [`Failure`] when the config file is wrong.
pub fn parse(arguments: Vec<OsString>) -> Result<Parsed, Failure> {
    // First without the file, whose place is on the command line too.
    let matches = Cli::command().get_matches_from(&arguments);
    let file = match config_path(leaf(&matches)) {
        None => ConfigFile::default(),
        Some((path, required)) => {
            let settings = all();
            let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
            ConfigFile::load(&path, required, &keys).map_err(Failure::usage)?
        }
    };
    let matches = if file.values.is_empty() {
        matches
    } else {
        with_defaults(Cli::command(), &file).try_get_matches_from(&arguments).map_err(|error| {
            // Without the file all was well.
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let text = text.split("\n\nFor more").next().unwrap_or(text).trim_end();
            let path = file.path.display();
            Failure::usage(format!("the config file '{path}' cannot be used: {text}"))
        })?
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Parsed { cli, matches, file })
}

/// The command that does the work.
fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| leaf(inner))
}

/// Where the config file is, and whether it must be there; none if the command needs none.
fn config_path(matches: &ArgMatches) -> Option<(PathBuf, bool)> {
    let named = matches.try_get_one::<PathBuf>("config").ok()?;
    Some(named.map_or_else(|| (default_config(), false), |path| (path.clone(), true)))
}

/// Puts what the file says in the place of the defaults, in all commands.
fn with_defaults(mut command: Command, file: &ConfigFile) -> Command {
    let values = |arg: &Arg| Some((arg.get_id().clone(), file.values.get(&key(arg)?)?.clone()));
    let said: Vec<_> = command.get_arguments().filter_map(values).collect();
    for (id, values) in said {
        command = command.mut_arg(id, |arg| arg.default_values(values));
    }
    command.mut_subcommands(|inner| with_defaults(inner, file))
}

/// A setting's value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) setting: Setting,
    /// A secret's is never here.
    pub(super) values: Vec<String>,
    /// It has a value.
    pub(super) is_set: bool,
    /// `flag`, `environment`, `file`, `default` or `not set`.
    pub(super) source: &'static str,
}

impl Parsed {
    /// The path of the config file, whether or not it is there.
    pub(super) fn config_file(&self) -> &ConfigFile {
        &self.file
    }

    /// Every setting that the command has, with its value and where it comes from.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let matches = leaf(&self.matches);
        let show = |setting: Setting| {
            let id = setting.key.as_str();
            let raw = matches.try_get_raw(id).ok().flatten();
            let values: Vec<String> = raw
                .into_iter()
                .flatten()
                .map(|value| value.to_string_lossy().into_owned())
                .collect();
            let is_set = !values.is_empty();
            let source =
                match matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id)) {
                    Some(ValueSource::CommandLine) => "flag",
                    Some(ValueSource::EnvVariable) => "environment",
                    _ if self.file.values.contains_key(id) => "file",
                    _ if setting.default.is_some() => "default",
                    _ => "not set",
                };
            let values = if setting.is_secret { Vec::new() } else { values };
            Shown { setting, values, is_set, source }
        };
        all().into_iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_a_recording_has_a_flag_a_variable_and_a_key_of_one_name() {
        let settings = all();
        assert!(settings.len() > 20, "{settings:?}");
        for setting in &settings {
            assert_eq!(setting.env, format!("DESKREEL_{}", setting.key.to_uppercase()));
            assert!(!setting.about.is_empty() && setting.group != "Other", "{setting:?}");
        }
        let command = Cli::command();
        let record = command.find_subcommand("record").unwrap();
        // What has no key: what belongs to one run alone.
        let others: Vec<_> = record.get_arguments().filter(|arg| key(arg).is_none()).collect();
        let others: Vec<_> = others.iter().filter_map(|arg| arg.get_long()).collect();
        assert_eq!(others, ["display", "count", "config"]);
    }

    #[test]
    fn the_secrets_are_known_as_such() {
        let secrets: Vec<_> = all().into_iter().filter(|s| s.is_secret).map(|s| s.key).collect();
        assert_eq!(secrets, ["secret_access_key", "token", "domain_key"]);
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "tile = 32\nseek_packs = 9\nexclude = [\"title=a\", \"class=b\"]")
            .unwrap();
        let config = path.to_str().unwrap();
        let line = ["deskreel", "config", "show", "--config", config, "--seek-packs", "5"];
        let parsed = parse(line.iter().map(OsString::from).collect()).unwrap();
        let of = |key: &str| parsed.shown().into_iter().find(|s| s.setting.key == key).unwrap();
        assert_eq!((of("tile").values, of("tile").source), (vec!["32".to_owned()], "file"));
        assert_eq!(
            (of("seek_packs").values, of("seek_packs").source),
            (vec!["5".to_owned()], "flag")
        );
        assert_eq!(of("exclude").values, ["title=a", "class=b"]);
        assert_eq!(
            (of("codec").values, of("codec").source),
            (vec![crate::cli::common::DEFAULT_CODEC.to_owned()], "default")
        );
        assert_eq!((of("token").is_set, of("token").source), (false, "not set"));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_told_with_the_file_and_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (text, hint) in
            [("tile = 24", "--tile"), ("interval = 10", "10s"), ("only = \"x\"", "--only")]
        {
            std::fs::write(&path, text).unwrap();
            let line = ["deskreel", "record", "--config", path.to_str().unwrap()];
            let failure = parse(line.iter().map(OsString::from).collect()).err().unwrap();
            assert_eq!(failure.code, 2);
            assert!(
                failure.text.contains("config.toml") && failure.text.contains(hint),
                "{failure}"
            );
        }
    }
}
