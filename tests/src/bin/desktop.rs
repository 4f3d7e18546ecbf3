//! Runs the working desktop for a while: `desktop --size 1920x1080 --seconds 120 --step-ms 1000`.
//!
//! Its first line on stdout is the display. It ends when the time is over, on Ctrl-C or SIGTERM,
//! or when a pipe on its stdin closes, so that it does not outlive the one who started it.

use anyhow::{Context, Result, bail};
use deskreel_tests::desktop::Desktop;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What the command line asks for.
struct Options {
    size: (u32, u32),
    time: Duration,
    step: Duration,
}

fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let (stop, stopped) = mpsc::channel();
    let on_signal = stop.clone();
    let signalled = move || {
        // Nobody listens any more only when the program is ending anyway.
        let _ = on_signal.send(());
    };
    ctrlc::set_handler(signalled).context("listening for signals")?;
    watch_stdin(stop);
    let (width, height) = options.size;
    let mut desktop = Desktop::start(width, height)?;
    println!("{}", desktop.display());
    std::io::stdout().flush()?;
    let end = Instant::now() + options.time;
    for step in 0.. {
        let next = Instant::now() + options.step;
        desktop.act(step)?;
        let pause = next.min(end).saturating_duration_since(Instant::now());
        if stopped.recv_timeout(pause).is_ok() || Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

/// Sends when stdin ends, if it is something that a starter holds open.
fn watch_stdin(stop: mpsc::Sender<()>) {
    let stdin = std::io::stdin();
    // /dev/null and files end at once, which says nothing about the starter.
    let is_pipe = rustix::fs::fstat(stdin.as_fd()).is_ok_and(|stat| {
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        kind.is_fifo() || kind.is_socket()
    });
    if !is_pipe && !stdin.is_terminal() {
        return;
    }
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        // As above.
        let _ = stop.send(());
    });
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        size: (1920, 1080),
        time: Duration::from_secs(120),
        step: Duration::from_millis(1000),
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        let bad = || format!("{name} cannot be {value:?}");
        match name.as_str() {
            "--size" => {
                let (width, height) = value.split_once('x').with_context(bad)?;
                options.size =
                    (width.parse().with_context(bad)?, height.parse().with_context(bad)?);
            }
            "--seconds" => options.time = Duration::from_secs(value.parse().with_context(bad)?),
            "--step-ms" => options.step = Duration::from_millis(value.parse().with_context(bad)?),
            _ => bail!("unknown option {name}; there are --size WxH, --seconds N, --step-ms N"),
        }
    }
    Ok(options)
}
