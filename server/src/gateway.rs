//! The server in front of somebody else's store: grants by STS and the player, no store of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::http::{Api, Door, PLAYER_PATH, pages, player_candidates};
use crate::run::StartError;

/// A running gateway. It stops when this is dropped, or orderly by [`Gateway::shutdown`].
#[derive(Debug)]
pub struct Gateway {
    /// The address it listens on, with the real port.
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// Listens on `listen` and answers from `bucket` to whom `door` lets in; `upkeep` runs beside it.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn start(
        listen: SocketAddr,
        bucket: Arc<dyn crate::grant::Bucket>,
        door: Door,
        clock: Arc<dyn Clock>,
        player: Option<PathBuf>,
        upkeep: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Self, StartError> {
        let listening = |source| StartError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(listening)?;
        let addr = listener.local_addr().map_err(listening)?;
        let api = Arc::new(Api { bucket, door, clock });
        let router = pages(api, player_candidates(player))
            .route("/", axum::routing::get(async || axum::response::Redirect::to(PLAYER_PATH)));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(crate::run::serve(listener, router, stopped, upkeep));
        tracing::info!(%addr, "listening");
        Ok(Self { addr, stop: Some(stop), serving })
    }

    /// Where a browser finds the player.
    pub fn player_url(&self) -> String {
        format!("http://{}{PLAYER_PATH}", self.addr)
    }

    /// Takes no more connections, and lets requests under way finish for at most ten seconds.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself already.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.serving).await {
            tracing::error!(%error, "the gateway ended badly");
        }
    }
}
