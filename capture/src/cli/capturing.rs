//! The settings of a live recording: when, what not, where it waits, what it logs.

use std::path::PathBuf;

use deskreel_format::segment::MAX_SPAN_MS;

use crate::config::{parse_duration, parse_size, parse_span};
use crate::core::exclusion::{Exclusions, Rule};
use crate::core::sampling::Pace;

/// How to record a live screen.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Live recording")]
pub(super) struct Capturing {
    /// How much time goes into one object: 0s (each screenshot at once), or 10s to 5m for fewer,
    /// larger objects; what is not uploaded yet is lost if the machine fails
    #[arg(long, env = "DESKREEL_UPLOAD_EVERY", default_value = "0s", value_name = "DURATION", value_parser = batch)]
    pub(super) upload_every: u32,
    /// Disk space for what waits while the store does not answer; then the oldest goes
    #[arg(long, env = "DESKREEL_SPOOL_BUDGET", default_value = "2GB", value_name = "SIZE", value_parser = parse_size)]
    pub(super) spool_budget: u64,
    /// Photograph more slowly once mouse and keyboard have rested for so long (0s: never)
    #[arg(long, env = "DESKREEL_IDLE_AFTER", default_value = "5m", value_name = "DURATION", value_parser = parse_span)]
    idle_after: u32,
    /// Time between screenshots then
    #[arg(long, env = "DESKREEL_IDLE_INTERVAL", default_value = "1m", value_name = "DURATION", value_parser = parse_duration)]
    idle_interval: u32,
    /// Hide windows before anything is stored, such as title=*private*, class=KeePassXC,
    /// app=signal-desktop or title=/regex/; may be given several times
    #[arg(long, value_name = "RULE", env = "DESKREEL_EXCLUDE", value_delimiter = '\n', value_parser = Rule::parse)]
    exclude: Vec<Rule>,
    /// Hide everything but such windows; may be given several times
    #[arg(long, value_name = "RULE", env = "DESKREEL_ONLY", value_delimiter = '\n', value_parser = Rule::parse)]
    only: Vec<Rule>,
    /// Write the log to this file too: a new one each day, its date in the name, seven are kept
    #[arg(long, env = "DESKREEL_LOG_FILE", value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,
    /// How much is logged: error, warn, info, debug or trace, or a filter as RUST_LOG takes it
    #[arg(long, env = "DESKREEL_LOG_LEVEL", default_value = "warn", value_name = "LEVEL", value_parser = super::logs::filter)]
    pub(super) log_level: String,
}

fn batch(text: &str) -> Result<u32, String> {
    let span = parse_span(text)?;
    let is_fit = span == 0 || (10_000..=MAX_SPAN_MS / 2).contains(&u64::from(span));
    if is_fit {
        Ok(span)
    } else {
        Err("write 0s (each screenshot at once), or 10s to 5m".to_owned())
    }
}

impl Capturing {
    /// How often to photograph.
    pub(super) fn pace(&self, interval_ms: u32) -> Pace {
        let idle_after_ms = (self.idle_after > 0).then_some(self.idle_after.into());
        Pace { interval_ms, idle_after_ms, idle_interval_ms: self.idle_interval }
    }

    /// What must not be stored.
    pub(super) fn rules(&self) -> Exclusions {
        Exclusions { exclude: self.exclude.clone(), only: self.only.clone() }
    }
}
