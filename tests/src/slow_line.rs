//! A line of a given speed between a browser and a server, for measuring.
//!
//! Chromium can hold its own network back, but tells whoever drives it of each piece of each answer
//! meanwhile: with two cores that took a fifth of the time that was to be measured. Here the bytes of all
//! connections share one line outside of the browser, first come first served.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that one connection puts on the line before it is another one's turn: about three packets.
const TURN_BYTES: usize = 4_096;
/// The line is given work so long ahead, because timers are late by a millisecond.
const AHEAD: Duration = Duration::from_millis(10);

/// How fast a line is.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    /// Bytes a second, each way.
    pub bytes_per_second: u32,
    /// From a byte sent to the answer to it.
    pub round_trip: Duration,
}

/// A running line; it ends, with its connections, when dropped.
#[derive(Debug)]
pub struct SlowLine {
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl SlowLine {
    /// Listens on a free port of this machine and passes everything on to `target` and back.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(target: SocketAddr, speed: Speed) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, listening: tokio::spawn(listen(listener, target, speed)) })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, target: SocketAddr, speed: Speed) {
    let [up, down] = [(); 2].map(|()| Arc::new(Way::new(speed)));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    let (up, down) = (up.clone(), down.clone());
                    connections.spawn(serve(client, target, speed.round_trip, up, down));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves a connection to its end, which either side may bring.
async fn serve(
    client: TcpStream,
    target: SocketAddr,
    round_trip: Duration,
    up: Arc<Way>,
    down: Arc<Way>,
) -> Result<()> {
    client.set_nodelay(true)?;
    // As long as it takes to greet each other.
    sleep(round_trip).await;
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(carry(from_client, to_server, &up), carry(from_server, to_client, &down))?;
    Ok(())
}

/// Carries bytes one way until there are no more.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way) -> Result<()> {
    let (sender, mut travelling) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let send = async move {
        let mut turn = [0; TURN_BYTES];
        loop {
            let count = from.read(&mut turn).await?;
            if count == 0 {
                return Ok(());
            }
            let arrives = way.arrival(count).await;
            if sender.send((arrives, turn[..count].to_vec())).is_err() {
                return Ok(());
            }
        }
    };
    let receive = async {
        while let Some((arrives, bytes)) = travelling.recv().await {
            sleep_until(arrives).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(send, receive).map(|_| ())
}

/// One way of the line, shared by all connections.
#[derive(Debug)]
struct Way {
    speed: Speed,
    began: Instant,
    /// From when on it has nothing to do, since `began`. Whoever waits for it waits in a queue.
    free: Mutex<Duration>,
}

impl Way {
    fn new(speed: Speed) -> Self {
        Self { speed, began: Instant::now(), free: Mutex::default() }
    }

    /// Waits until the line takes so many bytes; gives when the last of them is at the other end.
    async fn arrival(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().await;
        sleep_until(self.began + free.saturating_sub(AHEAD)).await;
        *free = self.speed.sent(*free, self.began.elapsed(), bytes);
        self.began + *free + self.speed.round_trip / 2
    }
}

impl Speed {
    /// When the last of so many bytes is on a line that has nothing to do from `free` on; it is `now`.
    fn sent(&self, free: Duration, now: Duration, bytes: usize) -> Duration {
        let seconds = bytes as f64 / f64::from(self.bytes_per_second);
        free.max(now) + Duration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_one_byte_after_the_other_and_makes_up_for_no_pause() {
        let round_trip = Duration::from_millis(40);
        let speed = Speed { bytes_per_second: 1_000_000, round_trip };
        let ms = Duration::from_millis;
        let first = speed.sent(ms(0), ms(7), 3_000);
        assert_eq!(first, ms(10));
        assert_eq!(speed.sent(first, ms(8), 5_000), ms(15));
        assert_eq!(speed.sent(first, ms(30), 1_000), ms(31));
    }

    #[tokio::test]
    async fn bytes_come_as_they_were_sent_and_not_before_their_time() -> Result<()> {
        let echo = TcpListener::bind(("127.0.0.1", 0)).await?;
        let target = echo.local_addr()?;
        tokio::spawn(async move {
            let (mut client, _) = echo.accept().await?;
            let (mut from, mut to) = client.split();
            tokio::io::copy(&mut from, &mut to).await
        });
        let round_trip = Duration::from_millis(20);
        let speed = Speed { bytes_per_second: 2_000_000, round_trip };
        let line = SlowLine::start(target, speed).await?;
        let sent: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        let began = Instant::now();
        let (mut from, mut to) = TcpStream::connect(line.address).await?.into_split();
        let all = sent.clone();
        tokio::spawn(async move { to.write_all(&all).await });
        let mut came = Vec::new();
        from.read_to_end(&mut came).await?;
        assert!(came == sent);
        // Greeting, there and back; 50 ms for the bytes, the way back at the same time.
        assert!(began.elapsed() >= Duration::from_millis(90));
        Ok(())
    }
}
