//! One desktop's `deskreel`: its own state and config, any store, and proof of what it stored.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use deskreel_capture::location::{Role, StoreOptions};
use deskreel_capture::reader::StreamReader;
use deskreel_format::segment::SegmentHeader;
use deskreel_format::{Limits, Segment, SegmentId, StreamName};
use tempfile::TempDir;

use crate::product::{program, read_picture};

/// Time of the first screenshot that [`Agent::import`] stores, UTC milliseconds.
pub const START: u64 = 1_763_900_000_000;

/// The programs' time between screenshots unless told otherwise, milliseconds.
pub const INTERVAL: u64 = 10_000;

/// The `deskreel` program for one stream in one store.
#[derive(Debug)]
pub struct Agent {
    folder: TempDir,
    store: StoreOptions,
    stream: String,
}

impl Agent {
    /// An agent that remembers nothing yet.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(store: StoreOptions, stream: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // The person's own config must not be read.
        std::fs::write(folder.path().join("config.toml"), "")?;
        std::fs::create_dir(folder.path().join("run"))?;
        Ok(Self { folder, store, stream: stream.to_owned() })
    }

    /// Its folder, for files of the test too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `deskreel` with these arguments, its stream and its store.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("deskreel")?);
        // Nothing of the caller's own settings.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("AWS_") || name.starts_with("DESKREEL_") {
                command.env_remove(&*name);
            }
        }
        command
            .args(arguments)
            .env("DESKREEL_STREAM", &self.stream)
            .env("DESKREEL_STATE", self.folder.path().join("state"))
            .env("DESKREEL_CONFIG", self.folder.path().join("config.toml"))
            .env("XDG_RUNTIME_DIR", self.folder.path().join("run"))
            .stdin(Stdio::null());
        for (name, value) in [
            ("DESKREEL_STORE", &self.store.store),
            ("DESKREEL_ENDPOINT", &self.store.endpoint),
            ("DESKREEL_ACCESS_KEY_ID", &self.store.access_key_id),
        ] {
            command.envs(value.as_ref().map(|value| (name, value)));
        }
        for (name, secret) in [
            ("DESKREEL_SECRET_ACCESS_KEY", &self.store.secret_access_key),
            ("DESKREEL_TOKEN", &self.store.token),
        ] {
            command.envs(secret.as_ref().map(|secret| (name, secret.expose())));
        }
        let timeout = self.store.timeout_ms.map(|ms| format!("{ms}ms"));
        command.envs(timeout.map(|timeout| ("DESKREEL_STORE_TIMEOUT", timeout)));
        Ok(command)
    }

    /// Runs `deskreel` to its end.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// Runs `deskreel`, which must succeed; returns its standard output.
    ///
    /// # Errors
    /// With what it said, when it failed.
    pub fn run_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "deskreel {arguments:?} failed: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The command that imports a folder of pictures, the first at [`START`].
    ///
    /// # Errors
    /// When the program is not built.
    pub fn import(&self, folder: &Path) -> Result<Command> {
        let mut command = self.command(&["import", "--start", &START.to_string()])?;
        command.arg(folder);
        Ok(command)
    }

    /// Runs `deskreel frame` for a moment; gives its output and the picture it wrote, if it did.
    ///
    /// # Errors
    /// When the program is not built, or wrote what is no picture.
    pub fn frame(&self, time_ms: u64) -> Result<(Output, Option<image::RgbImage>)> {
        let path = self.folder.path().join(format!("{time_ms}.png"));
        let file = path.to_str().context("paths of tests are UTF-8")?;
        let output = self.run(&["frame", "--at", &time_ms.to_string(), "-o", file])?;
        if !path.exists() {
            return Ok((output, None));
        }
        let picture = read_picture(&path)?;
        std::fs::remove_file(&path)?;
        Ok((output, Some(picture)))
    }

    /// Proves the stream from its bucket alone: the moments are those of `pictures`, none more and
    /// none less; each is that picture; every object is a whole segment; and every pack that any of
    /// them names lies inside of an object that is there.
    ///
    /// # Errors
    /// Says what is missing, wrong or dangling.
    pub async fn prove(&self, pictures: &[image::RgbImage]) -> Result<()> {
        let stream = StreamName::parse(&self.stream)?;
        let store = self.store.open(&stream, Role::View).await?;
        let objects = store.list_all(&stream.segments_prefix()).await?;
        let mut sizes = std::collections::HashMap::new();
        for object in &objects {
            sizes.insert(SegmentId::from_key(&object.key)?, object.size);
        }
        let mut moments = Vec::new();
        for object in &objects {
            let bytes = store.get(&object.key, None).await?.bytes;
            let whole = SegmentHeader::decode(&bytes, &Limits::default())?.object_len;
            ensure!(u64::from(whole) == object.size, "'{}' is not whole", object.key);
            let manifest = Segment::decode(&bytes, &Limits::default())?.manifest;
            moments.extend(manifest.moments.iter().map(|moment| moment.time_ms));
            for pack in &manifest.packs {
                let end = u64::from(pack.offset) + u64::from(pack.len);
                let is_there = sizes.get(&pack.segment).is_some_and(|size| end <= *size);
                ensure!(is_there, "'{}' names {pack:?}, which is not there", object.key);
            }
        }
        moments.sort_unstable();
        let expected: Vec<u64> =
            (0..pictures.len() as u64).map(|number| START + number * INTERVAL).collect();
        ensure!(moments == expected, "the moments are {moments:?}");
        let reader = StreamReader::new(store, stream);
        for (time_ms, picture) in moments.iter().zip(pictures) {
            let (found, surfaces) = reader.frame(*time_ms).await?;
            let [surface] = surfaces.as_slice() else {
                anyhow::bail!("there are {} surfaces at {time_ms}", surfaces.len());
            };
            let size = (surface.picture.width(), surface.picture.height());
            ensure!(
                found == *time_ms
                    && size == picture.dimensions()
                    && surface.picture.rgb() == picture.as_raw().as_slice(),
                "the picture at {time_ms} is not the one imported"
            );
        }
        Ok(())
    }
}

/// The pictures of these files.
///
/// # Errors
/// When one cannot be read.
pub fn read_all(files: &[PathBuf]) -> Result<Vec<image::RgbImage>> {
    files.iter().map(|file| read_picture(file)).collect()
}
