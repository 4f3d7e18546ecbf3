//! `cargo xtask wasm`: builds the player for the browser, bindings and pages included.
//!
//! The crate stays a plain library in its `Cargo.toml` and becomes a `cdylib` only here,
//! through `cargo rustc --crate-type cdylib`, which overrides whatever is written there:
//! with `rlib` and `cdylib` in `Cargo.toml` a plain `cargo build` would silently drop
//! link-time optimisation, and with `cdylib` alone tests would have no library to link to.

mod minify;
mod names;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use brotli::enc::BrotliEncoderParams;
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::repo::Repo;
use crate::setup::{WASM_TARGET, has_wasm_target};

/// A WebAssembly module: the crate, and what its generated files are called (`player.js` and
/// `player_bg.wasm`).
struct Module {
    package: &'static str,
    name: &'static str,
}

const PLAYER: Module = Module { package: "deskreel-player", name: "player" };
/// Loaded only by who meets a pack coded as WebP.
const CODECS: Module = Module { package: "deskreel-codecs", name: "codecs" };

/// Arguments of `wasm`.
#[derive(clap::Args, Default)]
#[command(after_help = "\
Writes dist/player: player.js and player_bg.wasm, generated from the crate deskreel-player,
and the files of wasm-player/web. What browsers load carries a hash in its name, has its digest
where it is named, and a gzip and a brotli twin beside it; `--dev` leaves names as they are. Any web
server can serve that folder. Scripts are bundled, and with the styles minified, by esbuild, which npm brings;
without npm they stay as they are: larger, and in more requests.

Examples:
  cargo xtask wasm          the player as people get it: small and fast, slow to build
  cargo xtask wasm --dev    quick to build, with names in the browser's stack traces
  cargo xtask wasm --names  the player as people get it, with names for a profiler")]
pub(crate) struct Args {
    /// Build quickly and keep debugging names
    #[arg(long)]
    dev: bool,
    /// Keep the names of functions in the release build, for profilers
    #[arg(long, conflicts_with = "dev")]
    names: bool,
}

/// Runs the command.
///
/// # Errors
/// If the target or `wasm-player/web` is missing, or the build fails.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<()> {
    let web = repo.root.join("wasm-player").join("web");
    if !web.is_dir() {
        bail!("{} is missing: it holds the player's HTML, CSS and JavaScript", web.display());
    }
    if !has_wasm_target() {
        bail!("the Rust target {WASM_TARGET} is missing: run `cargo xtask setup`");
    }
    let modules =
        [(&PLAYER, compile(repo, &PLAYER, args)?), (&CODECS, compile(repo, &CODECS, args)?)];

    // Made beside the old folder and swapped in when complete, so that a failure leaves
    // the last good player in place.
    fs::create_dir_all(repo.dist())?;
    let fresh = tempfile::Builder::new().prefix(".player-").tempdir_in(repo.dist())?;
    for (module, built) in &modules {
        bind(module, built, fresh.path(), args.dev || args.names)?;
    }
    copy_folder(&web, fresh.path())?;
    if !args.dev {
        let minifier = minify::Minifier::find(repo);
        if let Some(minifier) = &minifier {
            minifier.bundle(fresh.path())?;
        }
        rename(fresh.path(), minifier.as_ref())?;
    }
    let (gzipped, brotlied) = pack(fresh.path())?;
    let player = repo.player_dist();
    process::remove_folder(&player)?;
    let fresh = fresh.keep();
    fs::rename(&fresh, &player)
        .with_context(|| format!("cannot move {} into place", fresh.display()))?;
    readable(&player)?;

    println!(
        "{} is ready (a first visit loads {} KB by gzip, {} KB by brotli)",
        player.display(),
        gzipped.div_ceil(1000),
        brotlied.div_ceil(1000)
    );
    Ok(())
}

/// Compiles the crate and returns the path of the WebAssembly module.
fn compile(repo: &Repo, module: &Module, args: &Args) -> Result<PathBuf> {
    let package = module.package;
    let mut cargo = repo.cargo(["rustc", "--package", package, "--lib", "--crate-type", "cdylib"]);
    cargo.args(["--target", WASM_TARGET, "--profile", if args.dev { "dev" } else { "wasm" }]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    // Either would replace the target's own flags in .cargo/config.toml, SIMD among them.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::announce(&cargo);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("cargo's output is not piped")?;
    let mut built = None;
    for line in BufReader::new(stdout).lines() {
        built = parse_artifact(&line?, package).or(built);
    }
    if !child.wait()?.success() {
        bail!("{package} does not build for {WASM_TARGET} (the compiler's words are above)");
    }
    built.context("cargo named no WebAssembly module among what it built")
}

/// The package's module, if this line of cargo's JSON announces it.
fn parse_artifact(line: &str, package: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let name = &message["target"]["name"];
    if message["reason"] != "compiler-artifact" || *name != package.replace('-', "_") {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|end| end == "wasm"))
}

/// Writes the module and the JavaScript that loads it.
fn bind(module: &Module, built: &Path, folder: &Path, names: bool) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(built).out_name(module.name).typescript(false).web(true)?;
    // `init()` then finds the module beside the script; the library leaves that out by default.
    bindgen.omit_default_module_path(false);
    bindgen.debug(names).keep_debug(names);
    bindgen.remove_name_section(!names).remove_producers_section(!names);
    bindgen
        .generate(folder)
        .with_context(|| format!("wasm-bindgen cannot make bindings for {}", built.display()))
}

/// Copies a folder's contents into another, folders included. A name that is taken is
/// an error: a page must not replace generated code.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else if target.exists() {
            bail!("{} has the name of a generated file: rename it", entry.path().display());
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Gives what browsers load names that no other bytes have, and makes it small.
fn rename(folder: &Path, minifier: Option<&minify::Minifier>) -> Result<()> {
    let mut files = names::Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file's name is not UTF-8")?;
        files.insert(name, fs::read(entry.path())?);
        fs::remove_file(entry.path())?;
    }
    let small = |name: &str, bytes: Vec<u8>| match minifier {
        Some(minifier) => minifier.minify(name, bytes),
        None => Ok(bytes),
    };
    for (name, bytes) in names::hash_names(files, small)? {
        fs::write(folder.join(&name), bytes).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Puts compressed twins (`.gz`, `.br`) beside each file that a browser loads; returns the bytes of
/// each kind that a first visit loads in all.
fn pack(folder: &Path) -> Result<(u64, u64)> {
    let (mut gzipped, mut brotlied) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !matches!(kind, "html" | "css" | "js" | "wasm" | "svg") {
            continue;
        }
        let is_first =
            path.file_stem().is_none_or(|stem| !stem.to_string_lossy().starts_with(CODECS.name));
        let bytes = fs::read(&path)?;
        let mut gzip = Vec::new();
        // As few bytes as gzip can do: some seconds, once.
        zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, &*bytes, &mut gzip)?;
        let mut brotli = Vec::new();
        // The most that there is: quality 11, a window of 4 MB.
        let settings = BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
        brotli::BrotliCompress(&mut bytes.as_slice(), &mut brotli, &settings)?;
        if is_first {
            (gzipped, brotlied) = (gzipped + gzip.len() as u64, brotlied + brotli.len() as u64);
        }
        for (ending, packed) in [("gz", gzip), ("br", brotli)] {
            let twin = path.with_extension(format!("{kind}.{ending}"));
            fs::write(&twin, packed).with_context(|| format!("cannot write {}", twin.display()))?;
        }
    }
    Ok((gzipped, brotlied))
}

/// Temporary folders are private; what a web server serves must not be.
#[cfg(unix)]
fn readable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn readable(_folder: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn cargos_json_names_the_module() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"deskreel_player"},
            "filenames":["/t/deskreel_player.d","/t/deskreel_player.wasm"]}"#;
        assert_eq!(
            parse_artifact(line, "deskreel-player").unwrap(),
            Path::new("/t/deskreel_player.wasm")
        );
    }

    #[test]
    fn other_lines_of_cargos_json_name_nothing() {
        let other =
            r#"{"reason":"compiler-artifact","target":{"name":"blake3"},"filenames":["b.wasm"]}"#;
        assert_eq!(parse_artifact(other, "deskreel-player"), None);
        let finished = r#"{"reason":"build-finished","success":true}"#;
        assert_eq!(parse_artifact(finished, "deskreel-player"), None);
        assert_eq!(parse_artifact("not JSON", "deskreel-player"), None);
    }

    #[test]
    fn what_browsers_load_has_a_compressed_twin() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.js"), "let a;".repeat(99)).unwrap();
        fs::write(folder.path().join("a.d.ts"), "type").unwrap();
        // Loaded later, by few.
        fs::write(folder.path().join("codecs.js"), "let b;").unwrap();
        let (gzipped, brotlied) = pack(folder.path()).unwrap();
        let packed = fs::read(folder.path().join("a.js.gz")).unwrap();
        assert_eq!(gzipped, packed.len() as u64);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        assert_eq!(text, "let a;".repeat(99));
        let packed = fs::read(folder.path().join("a.js.br")).unwrap();
        assert_eq!(brotlied, packed.len() as u64);
        let mut bytes = Vec::new();
        brotli::BrotliDecompress(&mut &*packed, &mut bytes).unwrap();
        assert_eq!(bytes, text.as_bytes());
        assert!(!folder.path().join("a.d.ts.gz").exists());
    }

    #[test]
    fn folders_are_copied_whole_and_never_over_a_file() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("icons")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("icons/play.svg"), "<svg/>").unwrap();
        fs::write(from.join("index.html"), "<html>").unwrap();
        copy_folder(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("icons/play.svg")).unwrap(), "<svg/>");
        assert_eq!(fs::read_to_string(to.join("index.html")).unwrap(), "<html>");
        let error = copy_folder(&from, &to).unwrap_err();
        assert!(error.to_string().contains("generated file"), "{error}");
    }
}
