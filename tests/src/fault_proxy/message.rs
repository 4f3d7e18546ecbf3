//! Where an HTTP/1 message ends, so that it can be passed on whole, in part, or not at all.

use std::io::{Error, ErrorKind, Result};

use httparse::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No head has more headers.
const MOST_HEADERS: usize = 100;

/// A whole message, byte for byte as it came.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
    /// It ended with its connection, which therefore serves no further one.
    pub(super) is_last: bool,
}

/// The first line and the headers of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) line: String,
    headers: Vec<(String, String)>,
    /// Bytes, with the empty line that ends it.
    pub(super) len: usize,
}

/// How a body's end is told.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let mut slots = [httparse::EMPTY_HEADER; MOST_HEADERS];
        match httparse::parse_headers(&bytes[end + 2..], &mut slots).map_err(broken)? {
            Status::Partial => Ok(None),
            Status::Complete((len, headers)) => Ok(Some(Self {
                line: String::from_utf8_lossy(&bytes[..end]).into_owned(),
                headers: headers
                    .iter()
                    .map(|header| (header.name, String::from_utf8_lossy(header.value)))
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                    .collect(),
                len: end + 2 + len,
            })),
        }
    }

    /// A header's value; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Word number `index` of the first line.
    pub(super) fn word(&self, index: usize) -> &str {
        self.line.split(' ').nth(index).unwrap_or_default()
    }

    fn body(&self, without: Body) -> Result<Body> {
        if self.header("transfer-encoding").to_ascii_lowercase().ends_with("chunked") {
            return Ok(Body::Chunked);
        }
        match self.header("content-length") {
            "" => Ok(without),
            length => Ok(Body::Length(length.parse().map_err(broken)?)),
        }
    }

    fn request_body(&self) -> Result<Body> {
        self.body(Body::Length(0))
    }

    /// The body of the answer to a request of this method.
    fn answer_body(&self, method: &str) -> Result<Body> {
        match self.word(1) {
            _ if method == "HEAD" => Ok(Body::Length(0)),
            "204" | "304" => Ok(Body::Length(0)),
            _ => self.body(Body::UntilClose),
        }
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}

/// Length of a chunked body at the start of `bytes`; `None` while its end is not there.
fn chunked_len(bytes: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let chunk = httparse::parse_chunk_size(rest);
        let chunk = chunk.map_err(|_| Error::new(ErrorKind::InvalidData, "no chunk size"))?;
        let Status::Complete((line, size)) = chunk else { return Ok(None) };
        at += line;
        if size == 0 {
            let mut slots = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let trailers = httparse::parse_headers(&bytes[at..], &mut slots).map_err(broken)?;
            return Ok(match trailers {
                Status::Complete((len, _)) => Some(at + len),
                Status::Partial => None,
            });
        }
        at += size as usize + 2;
    }
}

/// Reads a request; `None` when the client has no more. What came after it stays in `buffer`.
pub(super) async fn read_request(
    client: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<Message>> {
    let head = loop {
        if let Some(head) = Head::parse(buffer)? {
            break head;
        }
        if client.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    if head.header("expect").eq_ignore_ascii_case("100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = head.request_body()?;
    read_body(client, buffer, head, &body).await.map(Some)
}

/// Reads the final answer to a request of this method.
pub(super) async fn read_answer(server: &mut TcpStream, method: &str) -> Result<Message> {
    let mut buffer = Vec::new();
    let head = loop {
        match Head::parse(&buffer)? {
            // "Go on" and its like come before the answer.
            Some(head) if head.word(1).starts_with('1') => {
                buffer.drain(..head.len);
            }
            Some(head) => break head,
            None if server.read_buf(&mut buffer).await? == 0 => {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            None => {}
        }
    };
    let body = head.answer_body(method)?;
    read_body(server, &mut buffer, head, &body).await
}

async fn read_body(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    head: Head,
    body: &Body,
) -> Result<Message> {
    loop {
        let there = &buffer[head.len..];
        let len = match body {
            Body::Length(len) => (there.len() >= *len).then_some(*len),
            Body::Chunked => chunked_len(there)?,
            Body::UntilClose => None,
        };
        if let Some(len) = len {
            let rest = buffer.split_off(head.len + len);
            let bytes = std::mem::replace(buffer, rest);
            let is_last = head.header("connection").eq_ignore_ascii_case("close");
            return Ok(Message { bytes, head, is_last });
        }
        if stream.read_buf(buffer).await? == 0 {
            if *body == Body::UntilClose {
                return Ok(Message { bytes: std::mem::take(buffer), head, is_last: true });
            }
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

impl Message {
    /// Where its middle is: in the body, or in the head when there is no body.
    pub(super) fn middle(&self) -> usize {
        let body = self.bytes.len() - self.head.len;
        if body == 0 { self.head.len / 2 } else { self.head.len + body / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn heads_tell_how_their_bodies_end() {
        let sized = head("PUT /b/k?x=1 HTTP/1.1\r\nContent-Length: 12\r\n\r\nrest");
        assert_eq!((sized.word(0), sized.word(1)), ("PUT", "/b/k?x=1"));
        assert_eq!(sized.len, 45);
        assert_eq!(sized.request_body().unwrap(), Body::Length(12));
        assert_eq!(head("GET / HTTP/1.1\r\n\r\n").request_body().unwrap(), Body::Length(0));
        let chunked = head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(chunked.answer_body("GET").unwrap(), Body::Chunked);
        assert_eq!(chunked.answer_body("HEAD").unwrap(), Body::Length(0));
        let open = head("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(open.answer_body("GET").unwrap(), Body::UntilClose);
        assert!(head("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").request_body().is_err());
        assert_eq!(Head::parse(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap(), None);
    }

    #[test]
    fn a_chunked_body_ends_after_its_empty_chunk() {
        let whole = b"4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n";
        assert_eq!(chunked_len(whole).unwrap(), Some(whole.len()));
        for len in 0..whole.len() {
            assert_eq!(chunked_len(&whole[..len]).unwrap(), None, "{len}");
        }
        let trailed = b"0\r\nChecksum: 1\r\n\r\nnext";
        assert_eq!(chunked_len(trailed).unwrap(), Some(trailed.len() - 4));
        assert!(chunked_len(b"zz\r\n").is_err());
    }
}
