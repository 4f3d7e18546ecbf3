//! Checks bearer tokens: a known key, an allowed algorithm, claims that hold, not taken back.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use tokio::sync::Mutex;

use super::{BadToken, Claims, ISSUER, JwksCache, KeyRing, KeySource, Revocations};

/// An OIDC provider whose tokens count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIssuer {
    /// Its `iss`.
    pub issuer: String,
    /// The `aud` of tokens meant for this server.
    pub audience: String,
    /// Its keys.
    pub keys: KeySource,
}

/// Whose tokens count.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The server's own keys, for tokens of the issuer `deskreel-server`.
    pub own: Option<KeyRing>,
    /// The `aud` of own tokens.
    pub audience: String,
    /// A provider.
    pub oidc: Option<OidcIssuer>,
}

/// Checks tokens.
#[derive(Debug)]
pub struct Verifier {
    trust: Trust,
    jwks: Mutex<JwksCache>,
    revocations: Revocations,
}

impl Verifier {
    /// Takes tokens as `trust` says but for those that `revocations` lists.
    pub fn new(trust: Trust, revocations: Revocations) -> Self {
        Self { trust, jwks: Mutex::default(), revocations }
    }

    /// What the token says, if it counts at `now_ms`.
    ///
    /// # Errors
    /// Any [`BadToken`].
    pub async fn verify(&self, token: &str, now_ms: i64) -> Result<Claims, BadToken> {
        let header = decode_header(token).map_err(|_| unreadable(token))?;
        let kid = header.kid.as_deref().unwrap_or_default();
        let claims = match header.alg {
            Algorithm::HS256 => {
                let own = self.trust.own.as_ref().ok_or(BadToken::Algorithm)?;
                let secret = own.secret(kid).ok_or(BadToken::UnknownKey)?;
                let claims = open(token, header.alg, &DecodingKey::from_secret(&secret))?;
                claims.check(ISSUER, &self.trust.audience, now_ms)?;
                claims
            }
            Algorithm::RS256 | Algorithm::ES256 => {
                let oidc = self.trust.oidc.as_ref().ok_or(BadToken::Algorithm)?;
                let key = self.provider_key(oidc, kid, header.alg, now_ms).await?;
                let claims = open(token, header.alg, &key)?;
                claims.check(&oidc.issuer, &oidc.audience, now_ms)?;
                claims
            }
            _ => return Err(BadToken::Algorithm),
        };
        match self.revocations.holds(&claims.jti, now_ms).await {
            Ok(false) => Ok(claims),
            Ok(true) => Err(BadToken::Revoked),
            Err(error) => {
                tracing::error!(%error, "no token counts until it can be read");
                Err(BadToken::Unchecked)
            }
        }
    }

    async fn provider_key(
        &self,
        oidc: &OidcIssuer,
        kid: &str,
        alg: Algorithm,
        now_ms: i64,
    ) -> Result<DecodingKey, BadToken> {
        let mut jwks = self.jwks.lock().await;
        if jwks.is_due(kid, now_ms) {
            let set = oidc.keys.read().await;
            if let Err(error) = &set {
                tracing::error!(%error, issuer = oidc.issuer, "cannot read the provider's keys");
            }
            jwks.fetched(set.ok(), now_ms);
        }
        let key = jwks.key(kid).ok_or(BadToken::UnknownKey)?;
        if !is_of(key, alg) {
            return Err(BadToken::Algorithm);
        }
        DecodingKey::from_jwk(key).map_err(|_| BadToken::UnknownKey)
    }
}

/// A key is for one algorithm, whatever the token's header says.
fn is_of(key: &Jwk, alg: Algorithm) -> bool {
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => alg == Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) => {
            alg == Algorithm::ES256 && curve.curve == EllipticCurve::P256
        }
        _ => false,
    }
}

/// Checks the signature alone; times and names are judged by [`Claims::check`], with a clock that is
/// passed in.
fn open(token: &str, alg: Algorithm, key: &DecodingKey) -> Result<Claims, BadToken> {
    use jsonwebtoken::errors::ErrorKind;
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match decode::<Claims>(token, key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::Json(error) => BadToken::Claims { what: error.to_string() },
            ErrorKind::InvalidAlgorithm => BadToken::Algorithm,
            ErrorKind::InvalidSignature => BadToken::Signature,
            _ => BadToken::Malformed,
        }),
    }
}

/// A header that names an algorithm the library does not even have, such as `none`, is no mere typo.
fn unreadable(token: &str) -> BadToken {
    let header = token.split('.').next().unwrap_or_default();
    let json = data_encoding::BASE64URL_NOPAD
        .decode(header.as_bytes())
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    match json {
        Some(json) if json["alg"].is_string() => BadToken::Algorithm,
        _ => BadToken::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{AUDIENCE, Role};

    const NOW_MS: i64 = 1_767_323_045_000;

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.into(),
            aud: vec![AUDIENCE.into()],
            sub: None,
            exp: NOW_MS / 1000 + 60,
            nbf: None,
            iat: None,
            jti: "one".into(),
            role: Role::View,
            streams: vec!["desk".into()],
        }
    }

    fn verifier(own: &KeyRing) -> Verifier {
        let trust = Trust { own: Some(own.clone()), audience: AUDIENCE.into(), oidc: None };
        Verifier::new(trust, Revocations::None)
    }

    fn encode(json: &str) -> String {
        data_encoding::BASE64URL_NOPAD.encode(json.as_bytes())
    }

    #[tokio::test]
    async fn a_token_of_any_key_of_the_ring_counts_until_that_key_retires() {
        let mut ring = KeyRing::new("a");
        let old = ring.sign(&claims());
        let first = ring.kids().next().unwrap().to_owned();
        ring.rotate("b");
        let new = ring.sign(&claims());
        assert_eq!(verifier(&ring).verify(&old, NOW_MS).await, Ok(claims()));
        assert_eq!(verifier(&ring).verify(&new, NOW_MS).await, Ok(claims()));
        ring.retire(&first).unwrap();
        assert_eq!(verifier(&ring).verify(&old, NOW_MS).await, Err(BadToken::UnknownKey));
        assert_eq!(verifier(&ring).verify(&new, NOW_MS).await, Ok(claims()));
    }

    #[tokio::test]
    async fn no_changed_byte_and_no_other_algorithm_is_taken() {
        let ring = KeyRing::new("a");
        let token = ring.sign(&claims());
        let verifier = verifier(&ring);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 has bits that count for nothing.
            if at + 1 < token.len() && token.as_bytes().get(at + 1) != Some(&b'.') {
                assert!(verifier.verify(&changed, NOW_MS).await.is_err(), "{at}: {changed}");
            }
        }
        let parts: Vec<&str> = token.split('.').collect();
        let kid = ring.kids().next().unwrap();
        for alg in ["none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"] {
            let header = encode(&format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#));
            for signature in ["", parts[2]] {
                let forged = format!("{header}.{}.{signature}", parts[1]);
                assert_eq!(
                    verifier.verify(&forged, NOW_MS).await,
                    Err(BadToken::Algorithm),
                    "{alg}"
                );
            }
        }
        for text in ["", ".", "..", "a.b.c", "Bearer x"] {
            assert_eq!(verifier.verify(text, NOW_MS).await, Err(BadToken::Malformed), "{text}");
        }
    }

    /// Tokens of a made-up provider, for an hour from [`NOW_MS`], and its key set.
    const RS256: &str = include_str!("../../tests/oidc/rs256.jwt");
    const ES256: &str = include_str!("../../tests/oidc/es256.jwt");

    fn provider(issuer: &str, audience: &str) -> Verifier {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/jwks.json");
        let oidc = OidcIssuer {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: KeySource::File(path.into()),
        };
        let own = Some(KeyRing::new("a"));
        let trust = Trust { own, audience: AUDIENCE.into(), oidc: Some(oidc) };
        Verifier::new(trust, Revocations::None)
    }

    #[tokio::test]
    async fn a_providers_tokens_of_both_algorithms_count() {
        let verifier = provider("https://login.example", AUDIENCE);
        for token in [RS256, ES256] {
            let claims = verifier.verify(token, NOW_MS).await.unwrap();
            assert_eq!((claims.jti.as_str(), claims.role), ("t-1", Role::View));
            let late = NOW_MS + 3_600_000;
            assert_eq!(verifier.verify(token, late).await, Err(BadToken::Expired));
        }
    }

    #[tokio::test]
    async fn another_audience_issuer_or_kind_of_key_is_refused() {
        for token in [RS256, ES256] {
            let other = provider("https://login.example", "elsewhere");
            assert_eq!(other.verify(token, NOW_MS).await, Err(BadToken::Audience));
            let other = provider("https://evil.example", AUDIENCE);
            assert_eq!(other.verify(token, NOW_MS).await, Err(BadToken::Issuer));
            let none = verifier(&KeyRing::new("a"));
            assert_eq!(none.verify(token, NOW_MS).await, Err(BadToken::Algorithm));
        }
        // The public key of a provider is no secret of ours, and one kind of key no other.
        let parts: Vec<&str> = RS256.split('.').collect();
        let verifier = provider("https://login.example", AUDIENCE);
        for (alg, kid, bad) in [
            ("HS256", "rsa-1", BadToken::UnknownKey),
            ("ES256", "rsa-1", BadToken::Algorithm),
            ("RS256", "ec-1", BadToken::Algorithm),
            ("RS256", "rsa-2", BadToken::UnknownKey),
        ] {
            let header = encode(&format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#));
            let forged = format!("{header}.{}.{}", parts[1], parts[2]);
            assert_eq!(verifier.verify(&forged, NOW_MS).await, Err(bad), "{alg} {kid}");
        }
    }
}
