//! Bearer tokens: who may ask for what, until when. Signed by the server's own keys (HS256) or by
//! an OIDC provider (RS256, ES256); no token is kept anywhere.

mod claims;
mod jwks;
mod keys;
mod revocation;
mod verify;

pub use claims::{BadToken, Claims, Role, Scope};
pub use jwks::{BadKeySource, JwksCache, KeySource};
pub use keys::{KeyFileError, KeyRing};
pub use revocation::{REVOKED_KEY, Revocations, RevocationsError};
pub use verify::{OidcIssuer, Trust, Verifier};

/// The audience of every token that this server makes, and the default of those it takes.
pub const AUDIENCE: &str = "deskreel";
/// The issuer of the tokens that this server makes.
pub const ISSUER: &str = "deskreel-server";
