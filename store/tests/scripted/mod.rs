//! A server that answers each request with the next line of a script, faults included.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskreel_store::{Credentials, S3Config, S3Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One answer of the server.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes, then the connection closes.
    Bytes(Vec<u8>),
    /// These bytes, then silence on an open connection.
    Stall(Vec<u8>),
}

impl Answer {
    /// A whole answer with a true `Content-Length`.
    pub(crate) fn whole(status: u16, headers: &[&str], body: &str) -> Self {
        Self::promising(body.len(), status, headers, body)
    }

    /// S3's way of saying no.
    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>because</Message></Error>"
        );
        Self::whole(status, &["content-type: application/xml"], &body)
    }

    /// An answer whose `Content-Length` may lie.
    pub(crate) fn promising(length: usize, status: u16, headers: &[&str], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        Self::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes())
    }

    /// The same bytes, but then silence.
    pub(crate) fn then_silence(self) -> Self {
        match self {
            Self::Bytes(bytes) | Self::Stall(bytes) => Self::Stall(bytes),
        }
    }
}

/// The server: plays its script and repeats the last answer for ever.
#[derive(Debug)]
pub(crate) struct Scripted {
    /// Its address.
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts a server on a free port.
    pub(crate) async fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, script.clone(), Arc::clone(&seen)));
            }
        });
        Self { endpoint, requests }
    }

    /// The heads of the requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics while holding it").clone()
    }

    /// A store that talks to this server and is quick to give up.
    pub(crate) async fn store(&self) -> S3Store {
        S3Store::connect(&config(&self.endpoint)).await.expect("the settings work")
    }
}

/// Settings with two attempts and short waits.
pub(crate) fn config(endpoint: &str) -> S3Config {
    let mut config = S3Config::new("screens", "team/a");
    config.endpoint = Some(endpoint.to_owned());
    config.credentials = Credentials::Static {
        access_key_id: "AKIDPUBLIC".into(),
        secret_access_key: "very-secret".into(),
        session_token: Some("token-secret".into()),
    };
    config.attempts = 2;
    config.read_timeout = Duration::from_millis(300);
    config
}

async fn play(mut stream: TcpStream, script: Vec<Answer>, seen: Arc<Mutex<Vec<String>>>) {
    let Some(head) = read_request(&mut stream).await else { return };
    let answer = {
        let mut seen = seen.lock().expect("no test panics while holding it");
        seen.push(head);
        script[(seen.len() - 1).min(script.len() - 1)].clone()
    };
    let (Answer::Bytes(bytes) | Answer::Stall(bytes)) = &answer;
    // A client that has gone is the client's affair.
    if stream.write_all(bytes).await.is_ok() && matches!(answer, Answer::Stall(_)) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// Reads a request with its body; gives its head. `None` when the client hung up before.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let body_at = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..body_at]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse::<usize>().expect("a number"));
    while read.len() < body_at + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
