//! An empty X display: Xvfb on a free number.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::product::Running;

/// A running Xvfb; it ends when dropped.
#[derive(Debug)]
pub struct Display {
    _server: Running,
    name: String,
}

impl Display {
    /// Starts one of `width` x `height` pixels.
    ///
    /// # Errors
    /// When Xvfb does not start.
    pub fn start(width: u32, height: u32) -> Result<Self> {
        let program = std::env::var("DESKREEL_XVFB").unwrap_or_else(|_| "Xvfb".to_owned());
        let size = format!("{width}x{height}x24");
        let mut server = Command::new(program)
            .args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting Xvfb")?;
        let output = server.stdout.take().context("Xvfb has an output")?;
        let server = Running(server);
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        let name = format!(":{}", number.trim());
        ensure!(name.len() > 1, "Xvfb opened no display");
        Ok(Self { _server: server, name })
    }

    /// Its name, such as `:7`.
    pub fn name(&self) -> &str {
        &self.name
    }
}
