//! What an HTTP status means to the player.

use quick_xml::Reader;
use quick_xml::events::Event;

/// What to make of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The body is what was asked for.
    Good,
    /// It may work later: the network, or the server's own trouble.
    Later,
    /// The grant no longer holds; a new one may help.
    Expired,
    /// The object is not there.
    Missing,
    /// The request will never be answered.
    Refused,
}

/// S3's error codes that a new grant cures.
const CURED_BY_GRANT: [&str; 6] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "TokenRefreshRequired",
];

/// Judges an answer by its status (0: none came) and, for refusals, S3's error document.
pub fn judge(status: u16, body: &[u8]) -> Verdict {
    match status {
        200 | 206 => Verdict::Good,
        0 | 408 | 425 | 429 | 500..=599 => Verdict::Later,
        404 | 410 => Verdict::Missing,
        400 | 401 | 403 if is_expiry(body) => Verdict::Expired,
        _ => Verdict::Refused,
    }
}

fn is_expiry(body: &[u8]) -> bool {
    let (code, message) = error_document(body);
    CURED_BY_GRANT.contains(&code.as_str())
        // What S3 and MinIO say of a presigned URL whose time is over.
        || (code == "AccessDenied" && message.to_ascii_lowercase().contains("expired"))
}

/// Code and message of an S3 error document; empty where it has none.
fn error_document(body: &[u8]) -> (String, String) {
    let (mut code, mut message) = (String::new(), String::new());
    let Ok(text) = std::str::from_utf8(body) else { return (code, message) };
    let mut reader = Reader::from_str(text);
    let mut element = Vec::new();
    // Whatever stands before a syntax error still counts.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => element = start.name().as_ref().to_vec(),
            Event::End(_) => element.clear(),
            Event::Text(text) => {
                let Ok(text) = text.decode() else { break };
                match element.as_slice() {
                    b"Code" => code.push_str(&text),
                    b"Message" => message.push_str(&text),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        let expired = b"<?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code></Error>";
        let over =
            b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        for (status, body, verdict) in [
            (200, &b""[..], Verdict::Good),
            (206, b"", Verdict::Good),
            (0, b"", Verdict::Later),
            (503, b"", Verdict::Later),
            (429, b"", Verdict::Later),
            (404, b"", Verdict::Missing),
            (403, expired, Verdict::Expired),
            (400, expired, Verdict::Expired),
            (403, over, Verdict::Expired),
            (403, denied, Verdict::Refused),
            (403, b"\xff not text", Verdict::Refused),
            (403, b"<Error><Co", Verdict::Refused),
            (416, b"", Verdict::Refused),
            (302, b"", Verdict::Refused),
        ] {
            assert_eq!(judge(status, body), verdict, "{status}");
        }
    }
}
