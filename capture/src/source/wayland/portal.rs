//! The conversation with the desktop's portal (`org.freedesktop.portal.ScreenCast`) over D-Bus.

use std::os::fd::OwnedFd;

use ashpd::desktop::screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType};
use ashpd::desktop::{PersistMode, ResponseError, Session};
use tokio::runtime::{Builder, Runtime};

use super::streams::Offered;

/// What the desktop shares.
pub(super) struct Granted {
    /// PipeWire's socket, with access to the shared streams alone.
    pub(super) remote: OwnedFd,
    pub(super) offered: Vec<Offered>,
    /// Asks in the person's place next time; good for once.
    pub(super) token: Option<String>,
    pub(super) sharing: Sharing,
}

/// Keeps the connection open on which the desktop shares.
pub(super) struct Sharing {
    _session: Session<Screencast>,
    _portal: Screencast,
    _runtime: Runtime,
}

/// Why nothing is shared.
pub(super) enum Refusal {
    /// The person said no.
    Declined,
    /// There is no portal, or it fails.
    Failed(String),
}

impl From<ashpd::Error> for Refusal {
    fn from(error: ashpd::Error) -> Self {
        match error {
            ashpd::Error::Response(ResponseError::Cancelled) => Self::Declined,
            other => Self::Failed(format!(
                "{other}; is xdg-desktop-portal running, with the backend of this desktop?"
            )),
        }
    }
}

/// Asks for all monitors, pointer included. Waits for the person where the token is not enough.
pub(super) fn ask(token: Option<&str>) -> Result<Granted, Refusal> {
    let built = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = built.map_err(|error| Refusal::Failed(error.to_string()))?;
    let (portal, session, remote, offered, token) = runtime.block_on(async {
        let portal = Screencast::new().await?;
        let session = portal.create_session(Default::default()).await?;
        // A backend refuses what it does not know, so nothing is asked for that it did not name; one
        // without the pointer in the picture is better than none. Virtual monitors are not asked for:
        // they would be new ones.
        let embeds = portal.available_cursor_modes().await;
        let embeds = embeds.is_ok_and(|modes| modes.contains(CursorMode::Embedded));
        let wanted = SelectSourcesOptions::default()
            .set_cursor_mode(embeds.then_some(CursorMode::Embedded))
            .set_sources(ashpd::enumflags2::BitFlags::from(SourceType::Monitor))
            .set_multiple(true)
            .set_persist_mode(PersistMode::ExplicitlyRevoked)
            .set_restore_token(token);
        portal.select_sources(&session, wanted).await?.response()?;
        let shared = portal.start(&session, None, Default::default()).await?.response()?;
        let offered: Vec<Offered> = shared
            .streams()
            .iter()
            .map(|stream| Offered {
                node: stream.pipe_wire_node_id(),
                name: stream.mapping_id().or(stream.id()).map(ToOwned::to_owned),
                position: stream.position(),
                size: stream.size(),
                // Only monitors were asked for, and xdg-desktop-portal-wlr 0.7 says of them that they
                // are windows. Those have no place on the desktop.
                is_monitor: stream.source_type() != Some(SourceType::Window)
                    || stream.position().is_some(),
            })
            .collect();
        let token = shared.restore_token().map(ToOwned::to_owned);
        let remote = portal.open_pipe_wire_remote(&session, Default::default()).await?;
        Ok::<_, ashpd::Error>((portal, session, remote, offered, token))
    })?;
    let sharing = Sharing { _session: session, _portal: portal, _runtime: runtime };
    Ok(Granted { remote, offered, token, sharing })
}
