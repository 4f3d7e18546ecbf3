//! A proxy before a store that does to some requests what networks and stores do on bad days.
//!
//! It passes bytes on unchanged, the `Host` header included, so that signatures made for its own
//! address hold behind it. Requests and answers are taken whole before they are passed on, which
//! puts every fault at an exact place.

mod message;
mod schedule;

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use message::{Message, read_answer, read_request};
pub use schedule::{Fault, Pattern, Schedule};

/// Time for the other side to take what was sent before a reset throws it away.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// A running proxy; it ends, with its connections, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    schedule: Mutex<Option<Schedule>>,
    outages: mpsc::UnboundedSender<Duration>,
}

impl FaultProxy {
    /// Listens on a free port of this machine and passes everything on to `target`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (outages, coming) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { target, schedule: Mutex::new(None), outages });
        let listening = tokio::spawn(listen(listener, address, shared.clone(), coming));
        Ok(Self { shared, address, listening })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From here on, requests have faults by this schedule.
    pub fn begin(&self, schedule: Schedule) {
        *self.schedule() = Some(schedule);
    }

    /// From here on there are no faults. Gives how many requests there were, and how many of them
    /// were struck.
    pub fn heal(&self) -> (u64, u64) {
        self.schedule().take().map_or((0, 0), |schedule| schedule.tally())
    }

    /// Waits until an outage is over.
    pub async fn listens_again(&self) {
        while TcpStream::connect(self.address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn schedule(&self) -> std::sync::MutexGuard<'_, Option<Schedule>> {
        self.shared.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    mut listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut outages: mpsc::UnboundedReceiver<Duration>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(serve(client, shared.clone()));
                }
            }
            Some(length) = outages.recv() => {
                drop(listener);
                connections.shutdown().await;
                tokio::time::sleep(length).await;
                listener = listen_again(address).await;
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Old connections may hold the port for a moment.
async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Serves a connection to its end. An error is the end of either side, which both then see.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) -> Result<()> {
    client.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut client, &mut buffer).await? {
        let fault = shared.decide(&request);
        match fault {
            Some(Fault::Silence(length)) => {
                tokio::time::sleep(length).await;
                return reset(client).await;
            }
            Some(Fault::Outage(length)) => {
                let told = shared.outages.send(length);
                return told.map_err(|_| ErrorKind::BrokenPipe.into());
            }
            Some(Fault::Refusal(status, code)) => {
                client.write_all(&refusal(status, code, request.head.word(0))).await?;
                continue;
            }
            _ => {}
        }
        let mut server = TcpStream::connect(shared.target).await?;
        server.set_nodelay(true)?;
        if fault == Some(Fault::ResetRequest) {
            server.write_all(&request.bytes[..request.middle()]).await?;
            reset(server).await?;
            return reset(client).await;
        }
        server.write_all(&request.bytes).await?;
        let mut answer = read_answer(&mut server, request.head.word(0)).await?;
        let middle = answer.middle();
        match fault {
            Some(Fault::LoseAnswer) => return reset(client).await,
            Some(Fault::ResetAnswer) => {
                client.write_all(&answer.bytes[..middle]).await?;
                return reset(client).await;
            }
            Some(Fault::CutAnswer) => {
                client.write_all(&answer.bytes[..middle]).await?;
                return client.shutdown().await;
            }
            Some(Fault::TurnBit) if middle > answer.head.len => answer.bytes[middle] ^= 1,
            Some(Fault::Latency(length)) => tokio::time::sleep(length).await,
            _ => {}
        }
        client.write_all(&answer.bytes).await?;
        if answer.is_last || request.is_last {
            return client.shutdown().await;
        }
    }
    Ok(())
}

/// Ends a connection as a crash or a firewall does.
async fn reset(stream: TcpStream) -> Result<()> {
    tokio::time::sleep(BEFORE_RESET).await;
    stream.set_zero_linger()
}

/// What a store says when it refuses.
fn refusal(status: u16, code: &str, method: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>not now</Message></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    if method == "HEAD" { head.into_bytes() } else { (head + &body).into_bytes() }
}

impl Shared {
    fn decide(&self, request: &Message) -> Option<Fault> {
        let head = &request.head;
        let identity = format!("{} {} {}", head.word(0), head.word(1), head.header("range"));
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.as_mut()?.decide(head.word(1), &identity)
    }
}
