//! `deskreel service`: the agent started with the session, and again when it fails.

use std::path::PathBuf;
use std::process::Command;

use super::common::{Failure, default_config, print};
use crate::service::{Deed, HERE, Service, Step, plan};

/// Makes the agent a service of yours: started with your session, and again when it fails
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel config init && $EDITOR ~/.config/deskreel/config.toml
  deskreel service install --dry-run       shows what would be written and run
  deskreel service install
  deskreel service uninstall

It runs `deskreel record` with the settings of the config file: by systemd's user instance on
Linux, launchd on macOS, the task scheduler on Windows. `deskreel status` tells how the recording
does; `journalctl --user -u deskreel` shows its log on Linux. More: docs/SERVICE.md")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes it and starts it; run again after the program has moved
    Install(Options),
    /// Stops it and removes it; what is recorded stays
    Uninstall(Options),
    /// Asks the system how it is
    Status(Options),
    /// Starts it
    Start(Options),
    /// Stops it until the next session
    Stop(Options),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Config file of the service [default: deskreel/config.toml in your configuration folder]
    #[arg(long = "config", env = "DESKREEL_CONFIG", id = "target", value_name = "FILE")]
    target: Option<PathBuf>,
    /// Only shows what would be written and run
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let (deed, options) = match args.what {
        What::Install(options) => (Deed::Install, options),
        What::Uninstall(options) => (Deed::Uninstall, options),
        What::Status(options) => (Deed::Status, options),
        What::Start(options) => (Deed::Start, options),
        What::Stop(options) => (Deed::Stop, options),
    };
    let config = options.target.unwrap_or_else(default_config);
    let config = std::path::absolute(&config).unwrap_or(config);
    if deed == Deed::Install && !options.dry_run && !config.exists() {
        return Err(Failure::failed(format!(
            "the service reads its settings from '{}', which is not there; `deskreel config init` writes it, then set at least the stream",
            config.display()
        )));
    }
    let steps = plan(HERE, deed, &service(config)?);
    if options.dry_run {
        print(&steps.iter().map(shown).collect::<String>())?;
        return Ok(0);
    }
    for step in &steps {
        if let Some(code) = execute(step)? {
            // The system has told the person itself; its exit code is the answer of `status`.
            if deed == Deed::Status {
                return Ok(code);
            }
            let Step::Run { words, .. } = step else { continue };
            return Err(Failure::failed(format!("`{}` failed with {code}", words.join(" "))));
        }
    }
    let done = match deed {
        Deed::Install => {
            "the service is installed and started; `deskreel status` tells how it does\n"
        }
        Deed::Uninstall => "the service is removed\n",
        _ => "",
    };
    print(done)?;
    Ok(0)
}

fn service(config: PathBuf) -> Result<Service, Failure> {
    let folders = directories::BaseDirs::new()
        .ok_or_else(|| Failure::failed("there is no home folder: a service belongs to a person"))?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::failed(format!("where this program lies is not known: {error}"))
    })?;
    Ok(Service {
        program,
        config,
        home: folders.home_dir().to_owned(),
        config_home: folders.config_dir().to_owned(),
        user_id: user_id(&folders),
    })
}

/// The owner of the home folder.
#[cfg(unix)]
fn user_id(folders: &directories::BaseDirs) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folders.home_dir()).map_or(0, |meta| meta.uid())
}

#[cfg(not(unix))]
fn user_id(_folders: &directories::BaseDirs) -> u32 {
    0
}

/// A step as a person would do it.
fn shown(step: &Step) -> String {
    match step {
        Step::Write { path, text } => {
            let text: String = text.lines().map(|line| format!("  {line}\n")).collect();
            format!("write {}\n{text}", path.display())
        }
        Step::Remove { path } => format!("remove {}\n", path.display()),
        Step::Run { words, .. } => format!("run {}\n", words.join(" ")),
    }
}

/// Does a step; gives the exit code of a program that failed and must not.
fn execute(step: &Step) -> Result<Option<u8>, Failure> {
    let failed = |path: &std::path::Path, error: std::io::Error| {
        Failure::failed(format!("cannot write '{}': {error}", path.display()))
    };
    match step {
        Step::Write { path, text } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            }
            std::fs::write(path, text).map_err(|error| failed(path, error))?;
            Ok(None)
        }
        Step::Remove { path } => match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, error)),
            _ => Ok(None),
        },
        Step::Run { words, may_fail } => {
            let [program, arguments @ ..] = &words[..] else { return Ok(None) };
            let mut command = Command::new(program);
            command.args(arguments);
            if *may_fail {
                command.stderr(std::process::Stdio::null());
            }
            match command.status() {
                Ok(status) if status.success() || *may_fail => Ok(None),
                Ok(status) => {
                    Ok(Some(status.code().and_then(|code| code.try_into().ok()).unwrap_or(1)))
                }
                Err(_) if *may_fail => Ok(None),
                Err(error) => Err(Failure::failed(format!(
                    "`{program}` cannot be run ({error}); without it, start `deskreel record` by your own means (--dry-run shows what a service is)"
                ))),
            }
        }
    }
}
