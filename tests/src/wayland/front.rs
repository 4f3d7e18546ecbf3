//! A portal that shares all outputs at once, as those of larger desktops do: sway's own backend shares
//! one for each question, so this asks it once for each output and hands out what it got together.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, Result};
use zbus::message::Header;
use zbus::object_server::ObjectServer;
use zbus::zvariant::{Array, ObjectPath, OwnedObjectPath, OwnedValue, Type, Value};
use zbus::{Connection, fdo};

const PATH: &str = "/org/freedesktop/portal/desktop";
const BACKEND: &str = "org.freedesktop.impl.portal.desktop.wlr";
const MONITOR: u32 = 1;
const EMBEDDED: u32 = 2;

type Options = HashMap<String, OwnedValue>;
/// PipeWire's number of a stream, and what the backend says of it.
type Stream = (u32, Options);

/// Shares all outputs with whoever asks.
pub(super) struct Front {
    folder: PathBuf,
    outputs: usize,
    backend: Connection,
}

/// Takes the name of the desktop's portal on this bus.
pub(super) async fn serve(
    address: &str,
    folder: PathBuf,
    outputs: usize,
    backend: Connection,
) -> Result<Connection> {
    let front = Front { folder, outputs, backend };
    let building = zbus::connection::Builder::address(address)?
        .serve_at(PATH, front)?
        .name("org.freedesktop.portal.Desktop")?;
    Ok(building.build().await?)
}

#[zbus::interface(name = "org.freedesktop.portal.ScreenCast")]
impl Front {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        5
    }

    #[zbus(property)]
    fn available_source_types(&self) -> u32 {
        MONITOR
    }

    #[zbus(property)]
    fn available_cursor_modes(&self) -> u32 {
        EMBEDDED
    }

    async fn create_session(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        let session = path("session", &header, &text(&options, "session_handle_token"))?;
        let results = HashMap::from([("session_handle", Value::from(session.to_string()))]);
        answer(connection, &header, &options, results).await
    }

    async fn select_sources(
        &self,
        _session: OwnedObjectPath,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        answer(connection, &header, &options, HashMap::new()).await
    }

    async fn start(
        &self,
        session: OwnedObjectPath,
        _parent: String,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        let streams = self.streams(&session).await;
        let streams = streams.map_err(|error| fdo::Error::Failed(format!("{error:#}")))?;
        let results = HashMap::from([("streams", Value::from(streams))]);
        answer(connection, &header, &options, results).await
    }

    async fn open_pipe_wire_remote(
        &self,
        _session: OwnedObjectPath,
        _options: Options,
        #[zbus(object_server)] _server: &ObjectServer,
    ) -> fdo::Result<zbus::zvariant::OwnedFd> {
        let stream = UnixStream::connect(self.folder.join("run/pipewire-0"))
            .map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(std::os::fd::OwnedFd::from(stream).into())
    }
}

impl Front {
    /// Asks the backend for each output.
    async fn streams(&self, session: &ObjectPath<'_>) -> Result<Array<'static>> {
        let mut streams = Array::new(<Stream as Type>::SIGNATURE);
        for number in 1..=self.outputs {
            std::fs::write(self.folder.join("choice"), format!("HEADLESS-{number}"))?;
            let of_output: OwnedObjectPath = format!("{session}_{number}").try_into()?;
            let handle = of_output.clone();
            let none = HashMap::<&str, Value<'_>>::new();
            self.ask("CreateSession", &(&handle, &of_output, "", &none)).await?;
            let wanted = HashMap::from([
                ("types", Value::from(MONITOR)),
                ("cursor_mode", Value::from(EMBEDDED)),
            ]);
            self.ask("SelectSources", &(&handle, &of_output, "", &wanted)).await?;
            let results = self.ask("Start", &(&handle, &of_output, "", "", &none)).await?;
            let shared = results.get("streams").context("the backend shares no stream")?;
            for stream in shared.downcast_ref::<&Array<'_>>()?.iter() {
                streams.append(stream.try_to_owned()?.into())?;
            }
        }
        Ok(streams)
    }

    async fn ask<B>(&self, method: &str, body: &B) -> Result<Options>
    where
        B: serde::Serialize + Type,
    {
        let interface = Some("org.freedesktop.impl.portal.ScreenCast");
        let reply = self.backend.call_method(Some(BACKEND), PATH, interface, method, body).await?;
        let (response, results): (u32, Options) = reply.body().deserialize()?;
        anyhow::ensure!(response == 0, "the backend answers {method} with {response}");
        Ok(results)
    }
}

/// Sends what came of a request the way portals do: as a signal of the request's own object.
async fn answer(
    connection: &Connection,
    header: &Header<'_>,
    options: &Options,
    results: HashMap<&str, Value<'_>>,
) -> fdo::Result<OwnedObjectPath> {
    let request = path("request", header, &text(options, "handle_token"))?;
    let to = header.sender().map(ToOwned::to_owned);
    let interface = "org.freedesktop.portal.Request";
    connection.emit_signal(to, &request, interface, "Response", &(0_u32, results)).await?;
    Ok(request)
}

fn text(options: &Options, name: &str) -> String {
    let value = options.get(name).and_then(|value| <&str>::try_from(value).ok());
    value.unwrap_or("none").to_owned()
}

/// The object of a request or session: portals name it by who asks.
fn path(kind: &str, header: &Header<'_>, token: &str) -> fdo::Result<OwnedObjectPath> {
    let sender = header.sender().map_or("", |sender| sender.as_str());
    let sender = sender.trim_start_matches(':').replace('.', "_");
    let path = format!("{PATH}/{kind}/{sender}/{token}");
    path.try_into().map_err(|_| fdo::Error::InvalidArgs("a token is no name".to_owned()))
}
