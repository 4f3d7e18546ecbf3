//! What all commands share: store and stream flags, settings, failures.

use std::path::PathBuf;
use std::sync::Arc;

use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, StreamName, TileSize};
use deskreel_store::ObjectStore;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::{ConfigFile, parse_duration};
use crate::core::budget::SeekBudget;
use crate::core::recorder::Settings;
use crate::location::{Role, StoreOptions};

/// A text for the person, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What happened, to what, and what to do.
    pub text: String,
    /// 1 failed, 2 wrong usage.
    pub code: u8,
}

impl Failure {
    /// Something did not work.
    pub fn failed(text: impl ToString) -> Self {
        Self { text: text.to_string(), code: 1 }
    }

    /// The command was given something it cannot use.
    pub fn usage(text: impl ToString) -> Self {
        Self { text: text.to_string(), code: 2 }
    }
}

/// Every error of the library becomes the text that it shows.
macro_rules! failures {
    ($($error:ty),* $(,)?) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self { Self::failed(error) }
        }
    )* };
}
failures!(
    crate::agent::AgentError,
    crate::begin::BeginError,
    crate::config::ConfigError,
    crate::core::recorder::RecordError,
    crate::location::LocationError,
    crate::outbox::GaveUp,
    crate::reader::ReadError,
    crate::source::SourceError,
    deskreel_upkeep::UpkeepError,
    deskreel_format::FormatError,
    deskreel_store::StoreError,
);

/// Which stream in which store.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Name of the desktop's stream: 1-64 of a-z 0-9 . _ -
    #[arg(long, env = "DESKREEL_STREAM")]
    pub stream: Option<String>,
    /// s3://bucket/prefix, or the http:// address of a Deskreel server [default: http://127.0.0.1:8420]
    #[arg(long, env = "DESKREEL_STORE")]
    pub store: Option<String>,
    /// S3 endpoint when it is not AWS, such as http://127.0.0.1:9000
    #[arg(long, env = "DESKREEL_ENDPOINT")]
    pub endpoint: Option<String>,
    /// S3 region
    #[arg(long, env = "DESKREEL_REGION")]
    pub region: Option<String>,
    /// S3 access key; otherwise AWS's own environment, files and roles are asked
    #[arg(long, env = "DESKREEL_ACCESS_KEY_ID")]
    pub access_key_id: Option<String>,
    /// S3 secret; better given by the environment than here
    #[arg(long, env = "DESKREEL_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: Option<String>,
    /// Longest silence of the store before a request is tried again [default: 60s]
    #[arg(long, env = "DESKREEL_STORE_TIMEOUT")]
    pub store_timeout: Option<String>,
    /// Config file [default: deskreel/config.toml in your configuration folder]
    #[arg(long, env = "DESKREEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of what the agent remembers [default: deskreel in your state folder]
    #[arg(long, env = "DESKREEL_STATE")]
    pub state: Option<PathBuf>,
}

/// A [`Place`] made complete by the config file.
#[derive(Debug)]
pub struct Resolved {
    /// Which stream.
    pub stream: StreamName,
    /// Which store.
    pub store: StoreOptions,
    /// The config file.
    pub file: ConfigFile,
    /// Folder of what the agent remembers of this stream in this store.
    pub state: PathBuf,
}

impl Place {
    /// The config file and the store, whatever the stream.
    ///
    /// # Errors
    /// [`Failure`] when the file or a flag is wrong.
    pub fn resolve_store(&self) -> Result<(ConfigFile, StoreOptions), Failure> {
        let folders = directories::ProjectDirs::from("", "", "deskreel");
        let (path, required) = match (&self.config, &folders) {
            (Some(path), _) => (path.clone(), true),
            (None, Some(folders)) => (folders.config_dir().join("config.toml"), false),
            (None, None) => (PathBuf::from("deskreel.toml"), false),
        };
        let file = ConfigFile::load(&path, required).map_err(Failure::usage)?;
        let or = |flag: &Option<String>, file: &Option<String>| flag.clone().or(file.clone());
        let store = StoreOptions {
            store: or(&self.store, &file.store.store),
            endpoint: or(&self.endpoint, &file.store.endpoint),
            region: or(&self.region, &file.store.region),
            access_key_id: or(&self.access_key_id, &file.store.access_key_id),
            secret_access_key: or(&self.secret_access_key, &file.store.secret_access_key),
            timeout_ms: match &self.store_timeout {
                Some(text) => Some(parse_duration(text).map_err(Failure::usage)?),
                None => file.store.timeout_ms,
            },
        };
        Ok((file, store))
    }

    /// Adds what the config file says.
    ///
    /// # Errors
    /// [`Failure`] when the file is wrong or no stream is named.
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        let folders = directories::ProjectDirs::from("", "", "deskreel");
        let (file, store) = self.resolve_store()?;
        let name = self.stream.as_ref().or(file.stream.as_ref());
        let name = name.ok_or_else(|| {
            Failure::usage("no stream is named; pass --stream NAME or set it in the config file")
        })?;
        let stream = StreamName::parse(name).map_err(Failure::usage)?;
        let root = match (&self.state, &folders) {
            (Some(path), _) => path.clone(),
            (None, Some(folders)) => {
                folders.state_dir().unwrap_or(folders.data_local_dir()).to_owned()
            }
            (None, None) => PathBuf::from(".deskreel"),
        };
        let state = crate::agent::state_folder(&root, &store.identity(), &stream);
        Ok(Resolved { stream, store, file, state })
    }
}

impl Resolved {
    /// Opens the store.
    ///
    /// # Errors
    /// [`Failure`] that says what to do.
    pub async fn open(&self, role: Role) -> Result<Arc<dyn ObjectStore>, Failure> {
        Ok(self.store.open(&self.stream, role).await?)
    }
}

/// How to record.
#[derive(Debug, Clone, clap::Args)]
pub struct Recording {
    /// Time between screenshots [default: 10s]
    #[arg(long, env = "DESKREEL_INTERVAL")]
    pub interval: Option<String>,
    /// Side of a tile in pixels: 8, 16, 32, 64 or 128
    #[arg(long, default_value_t = DEFAULT_TILE)]
    pub tile: u32,
    /// Codec of the tiles
    #[arg(long, default_value = DEFAULT_CODEC, value_parser = codec_names())]
    pub codec: String,
    /// Packs that showing one screenshot may need, cold (0: no bound)
    #[arg(long, default_value_t = SeekBudget::default().packs)]
    pub seek_packs: usize,
    /// Bytes that showing one screenshot may always need, cold
    #[arg(long, default_value_t = SeekBudget::default().floor_bytes)]
    pub seek_bytes: u64,
    /// Times what the screen itself needs that showing it, cold, may take
    #[arg(long, default_value_t = SeekBudget::default().factor)]
    pub seek_factor: f64,
}

/// The default tile size, pixels; chosen in docs/MEASUREMENTS.md.
pub const DEFAULT_TILE: u32 = 16;
/// The default codec.
pub const DEFAULT_CODEC: &str = "screen";

fn codec_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Codec::ALL.map(Codec::name))
}

impl Recording {
    /// The settings of the recorder.
    ///
    /// # Errors
    /// [`Failure`] naming the flag that cannot be used.
    pub fn settings(&self, file: &ConfigFile) -> Result<Settings, Failure> {
        let interval = self.interval.as_ref().or(file.interval.as_ref());
        let interval_ms = interval.map_or(Ok(10_000), |text| parse_duration(text));
        let budget = match self.seek_packs {
            0 => SeekBudget::NONE,
            packs => {
                if !self.seek_factor.is_finite() || self.seek_factor < 1.0 {
                    return Err(Failure::usage("--seek-factor must be a number of at least 1"));
                }
                let (floor_bytes, factor) = (self.seek_bytes, self.seek_factor);
                SeekBudget { packs, floor_bytes, factor, ..SeekBudget::default() }
            }
        };
        let codec = Codec::ALL.into_iter().find(|codec| codec.name() == self.codec);
        let domain = file.domain_key.as_deref().unwrap_or("this desktop alone");
        Ok(Settings {
            tile: TileSize::new(self.tile).map_err(Failure::usage)?,
            codec: codec.ok_or_else(|| Failure::usage(format!("no codec '{}'", self.codec)))?,
            interval_ms: interval_ms.map_err(Failure::usage)?,
            domain: DomainKey::derive(domain),
            budget,
            pack_pixels: DEFAULT_PACK_PIXELS,
        })
    }
}

/// Largest pack, pixels: a 1080p screen of new tiles is four packs.
pub const DEFAULT_PACK_PIXELS: u32 = 524_288;

/// A progress bar on stderr with rate and ETA; silent when stderr is no terminal.
pub fn progress(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = format!("{what} {{bar:30}} {{pos}}/{{len}} {{per_sec:.1}} ETA {{eta}} {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// Prints to stdout; a closed pipe (`| head`) is no failure.
///
/// # Errors
/// [`Failure`] when stdout cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Milliseconds since 1970, by the system's clock: the one place of the agent that reads it.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// A random number for this run, never 0.
pub fn new_writer() -> u32 {
    rand::random_range(1..=u32::MAX)
}
