//! Permission to read a stream: asking for it, keeping it fresh, making URLs with it.

use serde::Deserialize;

use super::failure::{Verdict, judge};
use crate::sign::{self, Credentials, Endpoint};

/// Temporary permission to read one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    credentials: Credentials,
    endpoint: Endpoint,
    prefix: String,
    /// UTC milliseconds.
    pub expires_at_ms: u64,
    /// The time every URL is signed with: one URL per object for as long as the grant lives, so
    /// that the browser's cache knows it again.
    signed_at_ms: u64,
    /// From `signed_at_ms` on.
    life_ms: u64,
}

#[derive(Deserialize)]
struct GrantJson {
    endpoint: String,
    region: String,
    bucket: String,
    #[serde(default)]
    prefix: String,
    #[serde(default = "path_style")]
    path_style: bool,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expires_at_ms: u64,
}

fn path_style() -> bool {
    true
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

/// S3 takes no URL that holds for longer than a week.
const LONGEST_URL_S: u64 = 604_800;

impl Grant {
    /// Reads the JSON that the server's `/-/api/grant` answers. `now_ms` is the server's time where
    /// it is known: it signs the URLs, and S3 refuses signatures from the future.
    pub fn parse(json: &[u8], now_ms: u64) -> Option<Self> {
        let grant: GrantJson = serde_json::from_slice(json).ok()?;
        Some(Self {
            credentials: Credentials {
                access_key_id: grant.access_key_id,
                secret_access_key: grant.secret_access_key,
                session_token: grant.session_token,
            },
            endpoint: Endpoint {
                origin: grant.endpoint,
                region: grant.region,
                bucket: grant.bucket,
                path_style: grant.path_style,
            },
            prefix: grant.prefix,
            expires_at_ms: grant.expires_at_ms,
            signed_at_ms: now_ms,
            life_ms: grant.expires_at_ms.saturating_sub(now_ms),
        })
    }

    /// What a listing's keys start with, over what the format says.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URL of an object.
    pub fn object_url(&self, key: &str) -> String {
        self.sign(&format!("{}{key}", self.prefix), &[])
    }

    /// The URL of a listing. `query` is that of [`super::Output::List`].
    pub fn list_url(&self, query: &[(&'static str, String)]) -> String {
        let owned: Vec<(&str, String)> = query
            .iter()
            .map(|(name, value)| match *name {
                "prefix" | "start-after" => (*name, format!("{}{value}", self.prefix)),
                _ => (*name, value.clone()),
            })
            .collect();
        let query: Vec<(&str, &str)> = owned.iter().map(|(n, v)| (*n, v.as_str())).collect();
        self.sign("", &query)
    }

    fn sign(&self, key: &str, query: &[(&str, &str)]) -> String {
        let life_s = (self.life_ms / 1000).clamp(1, LONGEST_URL_S) as u32;
        let at_ms = self.signed_at_ms as i64;
        sign::presign_get(&self.credentials, &self.endpoint, key, query, at_ms, life_s)
    }
}

/// Where grants come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Deskreel server at this origin.
    Server(String),
    /// A JSON document at this URL that is the grant.
    Document(String),
}

impl Source {
    /// A URL whose path ends in `.json` is a grant document, any other a server.
    pub fn parse(src: &str) -> Self {
        let path = src.split(['?', '#']).next().unwrap_or_default();
        if path.ends_with(".json") {
            Self::Document(src.to_owned())
        } else {
            Self::Server(src.trim_end_matches('/').to_owned())
        }
    }
}

/// A request for a grant.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// JSON to send.
    pub body: Option<String>,
    /// Bearer token to present.
    pub token: Option<String>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ask({} {})", self.method, self.url)
    }
}

/// Why there is no grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The server wants a token; or another one, and says in these words what is wrong with this.
    Locked(Option<String>),
    /// The server answered with a grant that is already over.
    Expired,
    /// The server refused, in these words.
    Denied(String),
}

/// Keeps a grant: asks for it, renews it, remembers why there is none.
#[derive(Debug)]
pub struct Access {
    source: Source,
    stream: String,
    token: Option<String>,
    grant: Option<Grant>,
    got_at_ms: u64,
    asking: bool,
    attempts: u32,
    ask_at_ms: u64,
    refusal: Option<Refusal>,
    /// The server's clock minus this machine's.
    skew_ms: i64,
}

impl Access {
    /// Nothing is asked for until [`Self::poll`].
    pub fn new(source: Source, stream: String, token: Option<String>) -> Self {
        Self {
            source,
            stream,
            token,
            grant: None,
            got_at_ms: 0,
            asking: false,
            attempts: 0,
            ask_at_ms: 0,
            refusal: None,
            skew_ms: 0,
        }
    }

    /// The time by the server's clock, which is what screenshots are younger than a day by.
    pub fn wall_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms)
    }

    /// The grant, while it holds.
    pub fn grant(&self, now_ms: u64) -> Option<&Grant> {
        self.grant.as_ref().filter(|grant| now_ms < grant.expires_at_ms)
    }

    /// Why there is none.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// No answer came to the last requests for a grant.
    pub fn is_unreachable(&self) -> bool {
        self.attempts > 1
    }

    /// A request that is due now.
    pub fn poll(&mut self, now_ms: u64) -> Option<Ask> {
        if self.asking || self.refusal.is_some() || now_ms < self.due_ms() {
            return None;
        }
        self.asking = true;
        let token = self.token.clone();
        Some(match &self.source {
            Source::Document(url) => Ask { method: "GET", url: url.clone(), body: None, token },
            Source::Server(origin) => {
                let body = serde_json::json!({ "stream": self.stream, "role": "view" });
                let url = format!("{origin}/-/api/grant");
                Ask { method: "POST", url, body: Some(body.to_string()), token }
            }
        })
    }

    /// When [`Self::poll`] has something next; `None` while an answer is awaited.
    pub fn wake_ms(&self) -> Option<u64> {
        (!self.asking && self.refusal.is_none()).then(|| self.due_ms())
    }

    fn due_ms(&self) -> u64 {
        let renew_ms = self.grant.as_ref().map_or(0, |grant| {
            // A tenth of its life before it ends, at most five minutes: room for retries.
            let life_ms = grant.expires_at_ms.saturating_sub(self.got_at_ms);
            grant.expires_at_ms.saturating_sub((life_ms / 10).min(300_000))
        });
        renew_ms.max(self.ask_at_ms)
    }

    /// The answer to a request for a grant. True if there is a new grant.
    pub fn reply(
        &mut self,
        now_ms: u64,
        status: u16,
        body: &[u8],
        server_now_ms: Option<u64>,
    ) -> bool {
        self.asking = false;
        match judge(status, body) {
            Verdict::Good => {
                // The skew of this machine's clock must not make a fresh grant look old.
                let signing_ms = server_now_ms.unwrap_or(now_ms);
                self.skew_ms = signing_ms as i64 - now_ms as i64;
                let Some(mut grant) = Grant::parse(body, signing_ms) else {
                    let words = "the server's answer is no grant; is `src` a Deskreel server?";
                    self.refusal = Some(Refusal::Denied(words.into()));
                    return false;
                };
                if grant.life_ms == 0 {
                    self.refusal = Some(Refusal::Expired);
                    return false;
                }
                // On this machine's clock from here on.
                grant.expires_at_ms = now_ms.saturating_add(grant.life_ms);
                (self.grant, self.got_at_ms, self.attempts) = (Some(grant), now_ms, 0);
                true
            }
            Verdict::Later => {
                self.ask_at_ms = now_ms + (500 << self.attempts.min(5)).min(10_000);
                self.attempts += 1;
                false
            }
            _ => {
                let words = serde_json::from_slice::<Failure>(body).map(|failure| failure.error);
                let words = words.unwrap_or_else(|_| format!("it answered with status {status}"));
                self.refusal = Some(match status {
                    401 => Refusal::Locked(self.token.is_some().then_some(words)),
                    _ => Refusal::Denied(words),
                });
                false
            }
        }
    }

    /// The store says that the grant no longer holds. A new one is asked for, unless this one is so
    /// young that another would be no better.
    pub fn expired(&mut self, now_ms: u64) {
        if self.asking || self.grant.is_none() {
            return;
        }
        let young = now_ms.saturating_sub(self.got_at_ms) < 10_000;
        self.grant = None;
        if young {
            self.refusal = Some(Refusal::Expired);
        }
    }

    /// A person asks again.
    pub fn renew(&mut self, token: Option<String>) {
        if token.is_some() {
            self.token = token;
        }
        (self.refusal, self.ask_at_ms, self.attempts) = (None, 0, 0);
    }

    /// What failed for want of a network is tried at once.
    pub fn online(&mut self) {
        self.ask_at_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn json(expires_at_ms: u64) -> Vec<u8> {
        format!(
            r#"{{"endpoint":"http://h:1","region":"r","bucket":"b","prefix":"p/","path_style":true,
            "access_key_id":"AK","secret_access_key":"topsecret","session_token":null,
            "expires_at_ms":{expires_at_ms}}}"#
        )
        .into_bytes()
    }

    fn access() -> Access {
        Access::new(Source::parse("http://h:1/"), "desk".into(), None)
    }

    #[test]
    fn one_object_keeps_one_url_for_as_long_as_the_grant_lives() {
        let grant = Grant::parse(&json(NOW + 3_600_000), NOW).unwrap();
        let url = grant.object_url("segments/desk/x");
        assert!(url.starts_with("http://h:1/b/p/segments/desk/x?"), "{url}");
        assert!(url.contains("X-Amz-Expires=3600&"), "{url}");
        assert_eq!(url, grant.object_url("segments/desk/x"));
        let list = grant.list_url(&[("prefix", "segments/".into()), ("delimiter", "/".into())]);
        assert!(list.starts_with("http://h:1/b/?"), "{list}");
        assert!(list.contains("delimiter=%2F") && list.contains("prefix=p%2Fsegments%2F"));
        assert!(!format!("{grant:?}").contains("topsecret"));
    }

    #[test]
    fn a_grant_is_asked_for_once_and_renewed_before_it_ends() {
        let mut access = access();
        let ask = access.poll(NOW).unwrap();
        assert_eq!((ask.method, ask.url.as_str()), ("POST", "http://h:1/-/api/grant"));
        assert_eq!(ask.body.as_deref(), Some(r#"{"role":"view","stream":"desk"}"#));
        assert_eq!(access.poll(NOW), None);
        assert!(access.reply(NOW, 200, &json(NOW + 600_000), None));
        assert_eq!(access.poll(NOW + 539_999), None);
        assert_eq!(access.wake_ms(), Some(NOW + 540_000));
        assert!(access.poll(NOW + 540_000).is_some());
        assert!(
            access.grant(NOW + 599_999).is_some(),
            "the old one holds until the new one is here"
        );
        assert!(access.grant(NOW + 600_000).is_none());
    }

    #[test]
    fn a_clock_that_is_wrong_here_does_not_matter() {
        let mut access = access();
        access.poll(NOW);
        let server_now = NOW - 86_400_000;
        assert!(access.reply(NOW, 200, &json(server_now + 600_000), Some(server_now)));
        let grant = access.grant(NOW + 599_000).unwrap();
        let url = grant.object_url("k");
        assert!(url.contains("X-Amz-Date=20231113T221320Z&X-Amz-Expires=600&"), "{url}");
        assert_eq!(access.wall_ms(NOW + 5), server_now + 5);
    }

    #[test]
    fn refusals_wait_for_a_person_and_silence_is_tried_again() {
        let mut access = access();
        access.poll(NOW);
        access.reply(NOW, 0, b"", None);
        assert_eq!(access.poll(NOW), None);
        assert_eq!(access.wake_ms(), Some(NOW + 500));
        assert!(access.poll(NOW + 500).is_some());
        access.reply(NOW, 401, b"{\"error\":\"x\"}", None);
        assert_eq!(access.refusal(), Some(&Refusal::Locked(None)));
        assert_eq!((access.poll(NOW + 90_000), access.wake_ms()), (None, None));
        access.renew(Some("tok".into()));
        assert_eq!(access.poll(NOW + 90_000).unwrap().token.as_deref(), Some("tok"));
        access.reply(NOW, 401, b"{\"error\":\"too old\"}", None);
        assert_eq!(access.refusal(), Some(&Refusal::Locked(Some("too old".into()))));
        access.renew(None);
        assert!(access.poll(NOW + 90_000).is_some());
        access.reply(NOW, 403, b"{\"error\":\"not you\"}", None);
        assert_eq!(access.refusal(), Some(&Refusal::Denied("not you".into())));
        access.renew(None);
        access.poll(NOW + 90_000);
        access.reply(NOW, 200, &json(NOW - 1), None);
        assert_eq!(access.refusal(), Some(&Refusal::Expired));
    }

    #[test]
    fn an_old_grant_that_the_store_refuses_is_replaced_and_a_young_one_is_given_up() {
        let mut access = access();
        access.poll(NOW);
        access.reply(NOW, 200, &json(NOW + 3_600_000), None);
        access.expired(NOW + 60_000);
        assert!(access.poll(NOW + 60_000).is_some());
        access.reply(NOW + 60_000, 200, &json(NOW + 3_600_000), None);
        access.expired(NOW + 61_000);
        assert_eq!(access.refusal(), Some(&Refusal::Expired));
    }

    #[test]
    fn a_document_is_fetched_as_it_is() {
        let source = Source::parse("/grants/desk.json?x=1");
        assert_eq!(source, Source::Document("/grants/desk.json?x=1".into()));
        let ask = Access::new(source, "desk".into(), None).poll(NOW).unwrap();
        assert_eq!((ask.method, ask.body), ("GET", None));
    }
}
