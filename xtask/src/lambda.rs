//! `cargo xtask dist lambda`: one zip per Lambda function, each with a `bootstrap` for AWS's
//! `provided.al2023`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::process;
use crate::repo::Repo;

/// The functions; their programs are `deskreel-fn-NAME`.
const FUNCTIONS: [&str; 3] = ["grant", "sweep", "audit"];
/// What Amazon Linux 2023 has: a program that asks for a newer C library does not start there.
const GLIBC: (u32, u32) = (2, 34);

/// Builds the zips for this machine's processor into `dist/lambda`.
///
/// # Errors
/// If a build fails, or a program would not start on Lambda.
pub(crate) fn dist(repo: &Repo) -> Result<()> {
    let mut cargo = repo.cargo(["build", "--release", "--package", "deskreel-functions", "--bins"]);
    process::run(&mut cargo)?;
    let folder = repo.dist().join("lambda");
    fs::create_dir_all(&folder)?;
    for function in FUNCTIONS {
        let program = repo.target.join("release").join(format!("deskreel-fn-{function}"));
        let bytes =
            fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
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
            std::env::consts::ARCH,
            fs::metadata(&zip)?.len().div_ceil(1000),
            bytes.len().div_ceil(1000),
        );
    }
    Ok(())
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
