//! `cargo xtask minio`: MinIO for trying and testing, on a throw-away folder.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repo::Repo;

/// MinIO's last version: the project is archived, so this pin has no successor to wait
/// for. Its release tags are no Go versions, hence the date and commit.
const VERSION: &str = "v0.0.0-20260212201848-7aac2a2c5b7c";

/// Arguments of `minio`.
#[derive(clap::Args)]
#[command(after_help = "\
Takes MinIO from the file the variable MINIO names, from PATH, or from target/tools/minio;
else builds it there with Go (1.24 or newer, about three minutes and 1 GB on two cores, once).
The project is archived, so the version is pinned to its last. MinIO is AGPL software that
Deskreel talks to but does not contain.

It listens on a free port of this machine only; its data is deleted on Ctrl-C.

Examples:
  cargo xtask minio            run it and show the variables that lead S3 programs to it
  cargo xtask minio --print    only obtain it, and print the program's path")]
pub(crate) struct Args {
    /// Obtain MinIO, print the program's path and run nothing
    #[arg(long)]
    print: bool,
}

/// Runs the command.
///
/// # Errors
/// If MinIO cannot be obtained or does not start.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<()> {
    let program = obtain(repo)?;
    if args.print {
        println!("{}", program.display());
        return Ok(());
    }
    serve(&program)
}

/// Returns the MinIO program, building it where there is none.
///
/// # Errors
/// If `MINIO` names no file, or the build is not possible; says what to install.
pub(crate) fn obtain(repo: &Repo) -> Result<PathBuf> {
    let built = repo.tools().join(format!("minio{}", env::consts::EXE_SUFFIX));
    if let Some(program) = process::named_by("MINIO")?
        .or_else(|| process::on_path("minio"))
        .or_else(|| Some(built.clone()).filter(|path| path.is_file()))
    {
        return Ok(program);
    }
    if process::on_path("go").is_none() {
        bail!(
            "MinIO is not installed and neither is Go to build it: install Go 1.24 or newer \
             (https://go.dev/dl), or name a MinIO program in the variable MINIO"
        );
    }
    fs::create_dir_all(repo.tools())?;
    eprintln!("building MinIO with Go: about three minutes, once");
    let mut go = Command::new("go");
    go.args(["install", "-trimpath", "-ldflags", "-s -w"]);
    go.arg(format!("github.com/minio/minio@{VERSION}"));
    // No C compiler is needed; and a folder for `go install` must be absolute.
    go.env("CGO_ENABLED", "0").env("GOBIN", repo.tools()).env_remove("GOOS").env_remove("GOARCH");
    process::run(&mut go).context("MinIO could not be built with Go 1.24 or newer")?;
    if !built.is_file() {
        bail!("`go install` left no {}", built.display());
    }
    Ok(built)
}

/// Runs MinIO until Ctrl-C, then deletes its data.
fn serve(program: &Path) -> Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    ctrlc::set_handler(move || stop.store(true, Ordering::Relaxed))?;

    let data = tempfile::Builder::new().prefix("deskreel-minio-").tempdir()?;
    let s3 = free_address()?;
    let (user, password) = ("deskreel", "deskreel-throw-away");
    let log = data.path().join("minio.log");
    let log_file = fs::File::create(&log)?;
    let mut minio = Command::new(program)
        .args(["server", "--address", &s3.to_string()])
        .arg(data.path().join("data"))
        .envs([("MINIO_ROOT_USER", user), ("MINIO_ROOT_PASSWORD", password)])
        .envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off"), ("MINIO_CALLHOME_ENABLE", "off")])
        .stdin(Stdio::null())
        .stdout(log_file.try_clone()?)
        .stderr(log_file)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let served = wait_until_ready(&mut minio, s3, &stopped).and_then(|()| {
        println!("# MinIO runs until Ctrl-C; its data is then deleted. In another terminal:");
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{s3}")),
            ("AWS_ACCESS_KEY_ID", user.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", password.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ] {
            println!("export {name}={value}");
        }
        wait_until_stopped(&mut minio, &stopped)
    });
    // On Ctrl-C in a terminal it has had the signal too, and may be gone already.
    let _ = minio.kill();
    minio.wait()?;
    served.with_context(|| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        format!("MinIO ended by itself; it said:\n{}", said.trim_end())
    })
}

fn wait_until_ready(minio: &mut Child, address: SocketAddr, stopped: &AtomicBool) -> Result<()> {
    let start = Instant::now();
    while !is_ready(address) {
        if let Some(status) = minio.try_wait()? {
            bail!("{status}");
        }
        if stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(60) {
            bail!("it did not answer at {address} within a minute");
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn wait_until_stopped(minio: &mut Child, stopped: &AtomicBool) -> Result<()> {
    while !stopped.load(Ordering::Relaxed) {
        if let Some(status) = minio.try_wait()? {
            // The signal may have reached it before it reached us.
            sleep(Duration::from_millis(200));
            if !stopped.load(Ordering::Relaxed) {
                bail!("{status}");
            }
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Whether MinIO answers its health check with 200.
fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let limit = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        // In one piece: whoever answers after the first and closes would reset the connection.
        let request = format!("GET /minio/health/ready HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer.lines().next().is_some_and(|line| line.contains(" 200 ")))
    };
    ask().unwrap_or(false)
}

/// An address of this machine that nothing listens on.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn server_that_answers(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 256]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                assert_ne!(read, 0, "the request ends in the middle");
                request.extend_from_slice(&piece[..read]);
            }
            assert!(request.starts_with(b"GET /minio/health/ready "));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn ready_is_an_answer_of_200() {
        assert!(is_ready(server_that_answers("HTTP/1.0 200 OK\r\n\r\n")));
    }

    #[test]
    fn starting_up_or_absent_is_not_ready() {
        assert!(!is_ready(server_that_answers("HTTP/1.0 503 Service Unavailable\r\n\r\n")));
        assert!(!is_ready(free_address().unwrap()));
    }

    #[test]
    fn free_addresses_are_of_this_machine_only() {
        let address = free_address().unwrap();
        assert!(address.ip().is_loopback());
        assert_ne!(address.port(), 0);
    }
}
