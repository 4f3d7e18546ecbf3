//! What a token says, and whether that holds now. Pure: the time is passed in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::StreamName;

/// Clocks of issuers may run ahead of ours by so much, seconds. The end of a token has no leeway.
const AHEAD_S: i64 = 60;

/// What a person or a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at the named streams.
    View,
    /// Add to the named streams, and read back what it added.
    Upload,
    /// Ask for either, of any stream.
    Admin,
}

/// Which streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All there are and will be.
    All,
    /// These.
    Only(BTreeSet<StreamName>),
}

impl Scope {
    /// Whether `stream` is one of them.
    pub fn holds(&self, stream: &StreamName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(stream),
        }
    }
}

/// A token's claims that count here. The streams are a list, or one text with spaces between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// Whom it is meant for; one text or a list on the wire.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Whose it is, for logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Seconds since 1970 from when on it is over.
    pub exp: i64,
    /// Seconds since 1970 before which it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Seconds since 1970 when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Its id, by which it can be revoked.
    pub jti: String,
    /// What its holder may do.
    pub role: Role,
    /// The streams, `*` for all.
    #[serde(default, deserialize_with = "one_or_many")]
    pub streams: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(text) => text.split_whitespace().map(str::to_owned).collect(),
        OneOrMany::Many(texts) => texts,
    })
}

/// Why a token opens nothing. Says nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// No token at all, or bytes that are none.
    #[error("the bearer token is no JWT")]
    Malformed,
    /// An algorithm nobody is trusted with, `none` among them.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// Signed with a key that is not known.
    #[error("the token was signed with a key that is not known here; ask for a new token")]
    UnknownKey,
    /// Changed, or signed by somebody else.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its claims are not those of a token of ours.
    #[error("the token lacks a claim or has a wrong one: {what}")]
    Claims {
        /// Which, as the decoder says it.
        what: String,
    },
    /// Made by somebody else.
    #[error("the token's issuer is not trusted")]
    Issuer,
    /// Meant for somebody else.
    #[error("the token is meant for another service")]
    Audience,
    /// Its time is over.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// Its time has not come.
    #[error("the token does not hold yet")]
    NotYet,
    /// Taken back.
    #[error("the token was revoked; ask for a new one")]
    Revoked,
    /// Whether it was taken back, or which keys hold, cannot be found out now.
    #[error("tokens cannot be checked now; try again")]
    Unchecked,
}

impl Claims {
    /// Whether they hold at `now_ms` for a token that `issuer` signed for one of `audiences`.
    ///
    /// # Errors
    /// Any [`BadToken`] about claims.
    pub fn check(&self, issuer: &str, audience: &str, now_ms: i64) -> Result<(), BadToken> {
        if self.iss != issuer {
            return Err(BadToken::Issuer);
        }
        if !self.aud.iter().any(|aud| aud == audience) {
            return Err(BadToken::Audience);
        }
        if now_ms >= self.expires_at_ms() {
            return Err(BadToken::Expired);
        }
        let early =
            |at: Option<i64>| at.is_some_and(|at| at.saturating_sub(AHEAD_S) > now_ms / 1000);
        if early(self.nbf) || early(self.iat) {
            return Err(BadToken::NotYet);
        }
        if self.jti.is_empty() {
            return Err(BadToken::Claims { what: "`jti` is empty".to_owned() });
        }
        self.scope().map(|_| ())
    }

    /// When it is over, UTC milliseconds.
    pub fn expires_at_ms(&self) -> i64 {
        self.exp.saturating_mul(1000)
    }

    /// Its streams. An admin's are all.
    ///
    /// # Errors
    /// [`BadToken::Claims`] when one has no name of a stream, or there are none.
    pub fn scope(&self) -> Result<Scope, BadToken> {
        if self.role == Role::Admin || self.streams.iter().any(|name| name == "*") {
            return Ok(Scope::All);
        }
        let wrong = |what: &str| BadToken::Claims { what: what.to_owned() };
        let names = self.streams.iter().map(|name| name.parse::<StreamName>());
        let names: BTreeSet<StreamName> =
            names.collect::<Result<_, _>>().map_err(|_| wrong("`streams` holds no stream name"))?;
        if names.is_empty() { Err(wrong("`streams` is empty")) } else { Ok(Scope::Only(names)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Result<Claims, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    const GOOD: &str =
        r#"{"iss":"i","aud":"a b","exp":100,"jti":"1","role":"view","streams":"x y"}"#;

    #[test]
    fn lists_may_be_texts_with_spaces() {
        let text = claims(GOOD).unwrap();
        let list = claims(
            r#"{"iss":"i","aud":["a","b"],"exp":100,"jti":"1","role":"view","streams":["x","y"]}"#,
        );
        assert_eq!(text, list.unwrap());
        assert!(text.scope().unwrap().holds(&"x".parse().unwrap()));
        assert!(!text.scope().unwrap().holds(&"z".parse().unwrap()));
    }

    #[test]
    fn a_token_ends_on_the_millisecond_and_begins_with_a_minute_of_leeway() {
        let mut good = claims(GOOD).unwrap();
        assert_eq!(good.check("i", "b", 99_999), Ok(()));
        assert_eq!(good.check("i", "b", 100_000), Err(BadToken::Expired));
        good.nbf = Some(90);
        assert_eq!(good.check("i", "b", 30_000), Ok(()));
        assert_eq!(good.check("i", "b", 29_999), Err(BadToken::NotYet));
    }

    #[test]
    fn another_issuer_or_audience_and_missing_claims_are_refused() {
        let good = claims(GOOD).unwrap();
        assert_eq!(good.check("j", "b", 0), Err(BadToken::Issuer));
        assert_eq!(good.check("i", "c", 0), Err(BadToken::Audience));
        let nobody = Claims { streams: vec![], ..good.clone() };
        assert!(matches!(nobody.check("i", "a", 0), Err(BadToken::Claims { .. })));
        let odd = Claims { streams: vec!["../x".into()], ..good.clone() };
        assert!(matches!(odd.check("i", "a", 0), Err(BadToken::Claims { .. })));
        let admin = Claims { role: Role::Admin, streams: vec![], ..good };
        assert_eq!(admin.scope(), Ok(Scope::All));
        for lacking in ["iss", "aud", "exp", "jti", "role"] {
            let renamed = GOOD.replace(&format!("\"{lacking}\""), "\"other\"");
            assert!(claims(&renamed).unwrap_err().contains(lacking), "{lacking}");
        }
    }
}
