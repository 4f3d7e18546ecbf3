//! `cargo xtask dist lambda`: one zip per Lambda function, each with a `bootstrap` for AWS's
//! `provided.al2023`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::process;
use crate::repo::Repo;

/// The functions; their programs are `deskreel-fn-NAME`.
const FUNCTIONS: [&str; 5] = ["grant", "sweep", "rollup", "audit", "share"];
/// What Amazon Linux 2023 has: a program that asks for a newer C library does not start there.
const GLIBC: (u32, u32) = (2, 34);

/// A processor that Lambda has, by AWS's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// Intel and AMD
    #[value(name = "x86_64")]
    X86,
    /// Graviton
    #[value(name = "arm64")]
    Arm,
}

impl Default for Arch {
    fn default() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 }
    }
}

impl Arch {
    /// As ELF numbers it.
    fn machine(self) -> u16 {
        match self {
            Self::X86 => 62,
            Self::Arm => 183,
        }
    }

    /// As Rust names it.
    fn target(self) -> &'static str {
        match self {
            Self::X86 => "x86_64-unknown-linux-gnu",
            Self::Arm => "aarch64-unknown-linux-gnu",
        }
    }

    /// Debian's cross compiler for it, which links too, and the package that brings it.
    fn compiler(self) -> (&'static str, &'static str) {
        match self {
            Self::X86 => ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"),
            Self::Arm => ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
        }
    }
}

/// Builds the programs for `arch`; the folder where they are.
fn build(repo: &Repo, arch: Arch) -> Result<PathBuf> {
    let mut cargo = repo.cargo(["build", "--release", "--package", "deskreel-functions", "--bins"]);
    if arch == Arch::default() {
        process::run(&mut cargo)?;
        return Ok(repo.target.join("release"));
    }
    let (target, (compiler, packages)) = (arch.target(), arch.compiler());
    if process::on_path(compiler).is_none() {
        bail!("{compiler} is not here; on Debian and Ubuntu: apt install {packages}");
    }
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let std = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(target);
    if !std.is_dir() {
        bail!("Rust's library for {target} is not here: rustup target add {target}");
    }
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    process::run(cargo.args(["--target", target]).env(linker, compiler))?;
    Ok(repo.target.join(target).join("release"))
}

/// Builds the zips for `arch` into `dist/lambda`.
///
/// # Errors
/// If a build fails, or a program would not start on Lambda.
pub(crate) fn dist(repo: &Repo, arch: Arch) -> Result<()> {
    let programs = build(repo, arch)?;
    let folder = repo.dist().join("lambda");
    fs::create_dir_all(&folder)?;
    for function in FUNCTIONS {
        let program = programs.join(format!("deskreel-fn-{function}"));
        let bytes =
            fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        if machine(&bytes) != Some(arch.machine()) {
            bail!("{} is no program for {}", program.display(), arch.target());
        }
        let needed = newest_glibc(&bytes);
        if needed > GLIBC {
            bail!(
                "{} needs glibc {}.{}, and Lambda has {}.{}: build on an older system, for \
                 example Debian 12",
                program.display(),
                needed.0,
                needed.1,
                GLIBC.0,
                GLIBC.1
            );
        }
        let zip = folder.join(format!("{function}.zip"));
        write(&zip, &bytes).with_context(|| format!("cannot write {}", zip.display()))?;
        println!(
            "{} is ready for {} ({} KB, unpacked {} KB)",
            zip.display(),
            arch.target(),
            fs::metadata(&zip)?.len().div_ceil(1000),
            bytes.len().div_ceil(1000),
        );
    }
    Ok(())
}

/// For which processor an ELF program is.
fn machine(program: &[u8]) -> Option<u16> {
    let header = program.strip_prefix(b"\x7fELF\x02\x01")?;
    Some(u16::from_le_bytes([*header.get(12)?, *header.get(13)?]))
}

fn write(path: &Path, bootstrap: &[u8]) -> Result<()> {
    let mut zip = ZipWriter::new(fs::File::create(path)?);
    // No time of day in it: the same build gives the same zip.
    let options = SimpleFileOptions::default()
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(bootstrap)?;
    zip.finish()?.sync_all()?;
    Ok(())
}

/// The newest version of glibc that a program's symbols name; (0, 0) if none.
fn newest_glibc(program: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_2.";
    let found = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let minors = found.filter_map(|(at, _)| {
        let digits = &program[at + MARK.len()..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(&digits[..end]).ok()?.parse::<u32>().ok()
    });
    minors.max().map_or((0, 0), |minor| (2, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_c_library_that_a_program_asks_for_is_found() {
        assert_eq!(newest_glibc(b"x\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0"), (2, 34));
        assert_eq!(newest_glibc(b"static"), (0, 0));
    }

    #[test]
    fn a_program_of_another_processor_is_told() {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(18, 0);
        program.extend([183, 0]);
        assert_eq!(machine(&program), Some(Arch::Arm.machine()));
        assert_eq!(machine(b"#!/bin/sh"), None);
        assert_eq!(machine(&program[..19]), None);
    }

    #[test]
    fn a_zip_holds_an_executable_bootstrap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.zip");
        write(&path, b"program").unwrap();
        let mut zip = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
        let mut file = zip.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert_eq!(text, "program");
    }
}
