//! What all commands share: store and stream flags, settings, failures.

use std::path::PathBuf;
use std::sync::Arc;

use deskreel_format::codec::Codec;
use deskreel_format::{DomainKey, StreamName, TileSize};
use deskreel_store::ObjectStore;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::parse_duration;
use crate::core::budget::SeekBudget;
use crate::core::recorder::Settings;
use crate::location::{Role, StoreOptions};
use crate::secret::Secret;
use crate::source::SourceError;

/// A text for the person, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What happened, to what, and what to do.
    pub text: String,
    /// 1 failed, 2 wrong usage, 5 the screen must not be seen.
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
    crate::control::AskError,
    crate::core::recorder::RecordError,
    crate::location::LocationError,
    crate::outbox::GaveUp,
    crate::picture::PictureError,
    crate::reader::ReadError,
    deskreel_upkeep::UpkeepError,
    deskreel_format::FormatError,
    deskreel_store::StoreError,
);

impl From<SourceError> for Failure {
    /// Whoever starts the agent again must be able to tell that somebody said no: the next start would
    /// ask them once more.
    fn from(error: SourceError) -> Self {
        let code = if matches!(error, SourceError::Forbidden { .. }) { 5 } else { 1 };
        Self { code, ..Self::failed(error) }
    }
}

/// Which stream in which store. What has an environment variable is a key of the config file too.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Stream and store")]
pub struct Place {
    /// Name of the desktop's stream: 1-64 of a-z 0-9 . _ -
    #[arg(long, env = "DESKREEL_STREAM", value_parser = StreamName::parse)]
    pub stream: Option<StreamName>,
    /// s3://bucket/prefix, or the http:// address of a Deskreel server [default: http://127.0.0.1:8420]
    #[arg(long, env = "DESKREEL_STORE", value_name = "URL")]
    pub store: Option<String>,
    /// S3 endpoint when it is not AWS, such as http://127.0.0.1:9000
    #[arg(long, env = "DESKREEL_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// S3 region
    #[arg(long, env = "DESKREEL_REGION")]
    pub region: Option<String>,
    /// S3 access key; otherwise AWS's own environment, files and roles are asked
    #[arg(long, env = "DESKREEL_ACCESS_KEY_ID", value_name = "ID")]
    pub access_key_id: Option<String>,
    /// S3 secret; better given by the environment or the config file than here
    #[arg(long, env = "DESKREEL_SECRET_ACCESS_KEY", hide_env_values = true, value_name = "SECRET")]
    pub secret_access_key: Option<Secret>,
    /// Token for a Deskreel server that asks for one; better not given here
    #[arg(long, env = "DESKREEL_TOKEN", hide_env_values = true, value_name = "SECRET")]
    pub token: Option<Secret>,
    /// Longest silence of the store before a request is tried again [default: 60s]
    #[arg(long, env = "DESKREEL_STORE_TIMEOUT", value_name = "DURATION", value_parser = parse_duration)]
    pub store_timeout: Option<u32>,
    /// Config file [default: deskreel/config.toml in your configuration folder]
    #[arg(long, env = "DESKREEL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of what the agent remembers [default: deskreel in your state folder]
    #[arg(long, env = "DESKREEL_STATE", value_name = "FOLDER")]
    pub state: Option<PathBuf>,
}

/// A [`Place`] made complete.
#[derive(Debug)]
pub struct Resolved {
    /// Which stream.
    pub stream: StreamName,
    /// Which store.
    pub store: StoreOptions,
    /// Folder of what the agent remembers of this stream in this store.
    pub state: PathBuf,
}

/// The config file if none is named.
pub fn default_config() -> PathBuf {
    let folders = directories::ProjectDirs::from("", "", "deskreel");
    folders.map_or("deskreel.toml".into(), |folders| folders.config_dir().join("config.toml"))
}

impl Place {
    /// The store, whatever the stream.
    pub fn store(&self) -> StoreOptions {
        StoreOptions {
            store: self.store.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            token: self.token.clone(),
            timeout_ms: self.store_timeout,
        }
    }

    /// Folder of everything the agents of this person remember.
    pub fn state_root(&self) -> PathBuf {
        let folders = directories::ProjectDirs::from("", "", "deskreel");
        match (&self.state, &folders) {
            (Some(path), _) => path.clone(),
            (None, Some(folders)) => {
                folders.state_dir().unwrap_or(folders.data_local_dir()).to_owned()
            }
            (None, None) => PathBuf::from(".deskreel"),
        }
    }

    /// The stream, its store and its state.
    ///
    /// # Errors
    /// [`Failure`] when no stream is named.
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        let store = self.store();
        let stream = self.stream.clone().ok_or_else(|| {
            Failure::usage("no stream is named; pass --stream NAME or set it in the config file")
        })?;
        let state = crate::agent::state_folder(&self.state_root(), &store.identity(), &stream);
        Ok(Resolved { stream, store, state })
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

/// How pictures become a stream.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Recording")]
pub struct Recording {
    /// Time between screenshots
    #[arg(long, env = "DESKREEL_INTERVAL", default_value = "10s", value_name = "DURATION", value_parser = parse_duration)]
    pub interval: u32,
    /// Side of a tile in pixels: 8, 16, 32, 64 or 128
    #[arg(long, env = "DESKREEL_TILE", default_value_t = DEFAULT_TILE, value_parser = tile_pixels)]
    pub tile: u32,
    /// Codec of the tiles
    #[arg(long, env = "DESKREEL_CODEC", default_value = DEFAULT_CODEC, value_parser = codec_names())]
    pub codec: String,
    /// Packs that showing one screenshot may need, cold (0: no bound)
    #[arg(long, env = "DESKREEL_SEEK_PACKS", default_value_t = SeekBudget::default().packs)]
    pub seek_packs: usize,
    /// Bytes that showing one screenshot may always need, cold
    #[arg(long, env = "DESKREEL_SEEK_BYTES", default_value_t = SeekBudget::default().floor_bytes)]
    pub seek_bytes: u64,
    /// Times what the screen itself needs that showing it, cold, may take
    #[arg(long, env = "DESKREEL_SEEK_FACTOR", default_value_t = SeekBudget::default().factor, value_parser = seek_factor)]
    pub seek_factor: f64,
    /// Store a small picture of every minute too, for the player's previews
    #[arg(long, env = "DESKREEL_STORYBOARDS", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub storyboards: bool,
    /// Secret of those desktops that may share tiles; the same on each of them
    #[arg(long, env = "DESKREEL_DOMAIN_KEY", hide_env_values = true, value_name = "SECRET")]
    pub domain_key: Option<Secret>,
    /// Show tiles from what the desktops of this domain key share, and tell of what stays on this
    /// screen; live recording only
    #[arg(long, env = "DESKREEL_SHARE", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub share: bool,
}

/// The default tile size, pixels; chosen in docs/MEASUREMENTS.md.
pub const DEFAULT_TILE: u32 = 16;
/// The default codec.
pub const DEFAULT_CODEC: &str = Codec::DEFAULT.name();

fn codec_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Codec::ALL.map(Codec::name))
}

fn tile_pixels(text: &str) -> Result<u32, String> {
    let pixels = text.parse().map_err(|_| "write 8, 16, 32, 64 or 128".to_owned())?;
    TileSize::new(pixels).map(|tile| tile.pixels()).map_err(|error| error.to_string())
}

fn seek_factor(text: &str) -> Result<f64, String> {
    let factor: Option<f64> = text.parse().ok().filter(|factor: &f64| factor.is_finite());
    factor.filter(|factor| *factor >= 1.0).ok_or_else(|| "write a number of at least 1".to_owned())
}

impl Recording {
    /// The settings of the recorder.
    ///
    /// # Errors
    /// [`Failure`] naming what cannot be used.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let budget = match self.seek_packs {
            0 => SeekBudget::NONE,
            packs => {
                let (floor_bytes, factor) = (self.seek_bytes, self.seek_factor);
                SeekBudget { packs, floor_bytes, factor, ..SeekBudget::default() }
            }
        };
        if self.share && self.domain_key.is_none() {
            let text = "sharing needs the secret of those desktops that share: --domain-key SECRET";
            return Err(Failure::usage(text));
        }
        let codec = Codec::ALL.into_iter().find(|codec| codec.name() == self.codec);
        let domain = self.domain_key.as_ref().map_or("this desktop alone", Secret::expose);
        Ok(Settings {
            tile: TileSize::new(self.tile).map_err(Failure::usage)?,
            codec: codec.ok_or_else(|| Failure::usage(format!("no codec '{}'", self.codec)))?,
            interval_ms: self.interval,
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

/// A random number for this run, none of those that the format keeps for indexes and the commons.
pub fn new_writer() -> u32 {
    rand::random_range(1..u32::MAX)
}
