//! Starting and stopping the whole server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use deskreel_store::{Credentials, S3Config, S3Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access::{CredentialsError, Guard, RootCredentials};
use crate::backend::{BucketSettings, Disk, StoreError};
use crate::config::{ConfigError, ServeConfig};
use crate::embedded::Embedded;
use crate::token::Verifier;
use crate::{cors, http, lifecycle, s3, work};

/// How long requests under way may take to finish once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It may not start so.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("data directory {data}: {source}")]
    Data {
        /// The directory.
        data: String,
        /// Why.
        source: StoreError,
    },
    /// Upkeep cannot get at the store.
    #[error("upkeep of this server's own store: {0}")]
    Itself(deskreel_store::StoreError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running server. It stops when this is dropped, or orderly by [`Running::shutdown`].
#[derive(Debug)]
pub struct Running {
    /// The address it listens on, with the real port.
    pub addr: SocketAddr,
    /// The key that may do everything.
    pub credentials: RootCredentials,
    /// The bucket made at start.
    pub bucket: String,
    /// The region to sign with.
    pub region: &'static str,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Running {
    /// The S3 endpoint, as `http://ADDR`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where a browser finds the player.
    pub fn player_url(&self) -> String {
        format!("{}{}", self.endpoint(), http::PLAYER_PATH)
    }

    /// Takes no more connections, lets requests under way finish for at most ten seconds, and
    /// gives the data directory free.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself already.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.serving).await {
            tracing::error!(%error, "the server ended badly");
        }
    }
}

/// Starts the server on the current runtime; when this returns, it answers.
///
/// # Errors
/// Any [`StartError`].
pub async fn start(config: ServeConfig) -> Result<Running, StartError> {
    config.check()?;
    let (disk, credentials) = {
        let config = config.clone();
        match tokio::task::spawn_blocking(move || open(&config)).await {
            Ok(opened) => opened?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    };
    let disk = Arc::new(disk);

    let listening = |source| StartError::Listen { listen: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
    let addr = listener.local_addr().map_err(listening)?;
    // Answers go out as they are ready, not when more might follow.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });

    let guard = Guard::new(credentials.clone(), config.bucket.clone(), config.clock.clone());
    let api = Arc::new(http::Api {
        bucket: Arc::new(Embedded::new(
            disk.clone(),
            credentials.clone(),
            config.bucket.clone(),
            config.longest_grant_s,
        )),
        door: http::Door {
            operator: config.auth_token,
            tokens: config.tokens.map(|(trust, revoked)| Verifier::new(trust, revoked)),
        },
        clock: config.clock.clone(),
    });
    let router = http::router(
        api,
        http::App {
            s3: s3::service(disk.clone(), config.clock.clone(), guard),
            disk: disk.clone(),
            players: http::player_candidates(config.player),
        },
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let itself = itself(addr, &credentials, &config.bucket);
    let itself = Arc::new(S3Store::connect(&itself).await.map_err(StartError::Itself)?);
    let upkeep = work::scheduled(itself, config.clock.clone(), config.schedule);
    let expiry = lifecycle::run(disk, config.clock, config.lifecycle_every);
    let background = async move {
        tokio::join!(upkeep, expiry);
    };
    let serving = tokio::spawn(serve(listener, router, stopped, background));
    tracing::info!(%addr, data = %config.data.display(), bucket = config.bucket, "listening");
    Ok(Running {
        addr,
        credentials,
        bucket: config.bucket,
        region: s3::REGION,
        stop: Some(stop),
        serving,
    })
}

/// Serves until told to stop, with `background` beside it.
pub(crate) async fn serve<L>(
    listener: L,
    router: axum::Router,
    stopped: oneshot::Receiver<()>,
    background: impl Future<Output = ()>,
) where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let (drain, draining) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // A dropped sender says "stop" too.
        let _ = draining.await;
    });
    let mut serving = std::pin::pin!(serving.into_future());
    tokio::select! {
        ended = &mut serving => {
            if let Err(error) = ended {
                tracing::error!(%error, "the listener failed");
            }
            return;
        }
        () = background => return,
        _ = stopped => {}
    }
    tracing::info!("stopping");
    drop(drain);
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::warn!("requests still under way were cut off");
    }
}

/// How upkeep gets at the store that this server is: as any other store, by its address.
fn itself(addr: SocketAddr, credentials: &RootCredentials, bucket: &str) -> S3Config {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let mut config = S3Config::new(bucket, "");
    config.endpoint = Some(format!("http://{}", SocketAddr::new(ip, addr.port())));
    config.credentials = Credentials::Static {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
        session_token: None,
    };
    config
}

/// Opens the data directory: its lock first, then the credentials and the bucket.
fn open(config: &ServeConfig) -> Result<(Disk, RootCredentials), StartError> {
    let unusable = |source| StartError::Data { data: config.data.display().to_string(), source };
    let disk = Disk::open(&config.data).map_err(unusable)?;
    let credentials = RootCredentials::load_or_create(&config.data)?;
    let settings = BucketSettings {
        created_ms: config.clock.now_ms(),
        cors: cors::default_rules(),
        lifecycle: config.keep_days.map(lifecycle::default_rules).unwrap_or_default(),
    };
    match disk.create_bucket(&config.bucket, settings) {
        Ok(()) | Err(StoreError::BucketExists { .. }) => Ok((disk, credentials)),
        Err(error) => Err(unusable(error)),
    }
}
