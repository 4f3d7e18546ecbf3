//! Whether a caller may have what it asks for, and until when. Pure.

use crate::access::{self, Grant, StreamName};
use crate::token::{BadToken, Claims, Role, Scope};

/// How long a grant holds when nobody says otherwise, seconds.
const DEFAULT_S: i64 = 12 * 60 * 60;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    role: Role,
    scope: Scope,
    /// When its token is over; `None` for whoever is let in without one.
    until_ms: Option<i64>,
}

impl Caller {
    /// Whoever may do everything: the operator's own token, or loopback where nothing else is set.
    pub fn operator() -> Self {
        Self { role: Role::Admin, scope: Scope::All, until_ms: None }
    }

    /// The holder of a checked token.
    ///
    /// # Errors
    /// [`BadToken::Claims`].
    pub fn of(claims: &Claims) -> Result<Self, BadToken> {
        let until_ms = Some(claims.expires_at_ms());
        Ok(Self { role: claims.role, scope: claims.scope()?, until_ms })
    }

    /// Whether it may know that `stream` exists.
    pub fn sees(&self, stream: &str) -> bool {
        stream.parse::<StreamName>().is_ok_and(|stream| self.scope.holds(&stream))
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which stream.
    pub stream: StreamName,
    /// What for.
    pub role: access::Role,
    /// For how long, seconds.
    pub seconds: Option<i64>,
}

/// What is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted(pub Grant);

/// Why nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another stream.
    #[error("this token is not for that stream")]
    Stream,
    /// Another role.
    #[error("this token is not for that role")]
    Role,
    /// No such time.
    #[error("`expires_in_s` is from 1 to {longest}")]
    Seconds {
        /// Most.
        longest: i64,
    },
}

/// Decides. `longest` are the most seconds that keys can hold. A grant never holds longer than the
/// token it was asked with.
///
/// # Errors
/// [`Refused`].
pub fn decide(
    caller: &Caller,
    asked: &Asked,
    longest: i64,
    now_ms: i64,
) -> Result<Granted, Refused> {
    if !caller.scope.holds(&asked.stream) {
        return Err(Refused::Stream);
    }
    match (caller.role, asked.role) {
        (Role::Admin, _)
        | (Role::View, access::Role::View)
        | (Role::Upload, access::Role::Upload) => {}
        _ => return Err(Refused::Role),
    }
    let seconds = asked.seconds.unwrap_or(DEFAULT_S.min(longest));
    if !(1..=longest).contains(&seconds) {
        return Err(Refused::Seconds { longest });
    }
    let wanted_ms = now_ms.saturating_add(seconds * 1000);
    let expires_at_ms = caller.until_ms.map_or(wanted_ms, |until_ms| wanted_ms.min(until_ms));
    Ok(Granted(Grant { role: asked.role, stream: asked.stream.clone(), expires_at_ms }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn caller(role: Role) -> Caller {
        let desk: BTreeSet<StreamName> = ["desk".parse().unwrap()].into();
        Caller { role, scope: Scope::Only(desk), until_ms: Some(50_000) }
    }

    fn ask(stream: &str, role: access::Role, seconds: i64) -> Asked {
        Asked { stream: stream.parse().unwrap(), role, seconds: Some(seconds) }
    }

    #[test]
    fn each_role_gets_its_own_and_only_for_its_streams() {
        use access::Role::{Upload, View};
        let may = |caller: &Caller, stream, role| {
            decide(caller, &ask(stream, role, 10), 100, 0).map(|granted| granted.0.role)
        };
        assert_eq!(may(&caller(Role::View), "desk", View), Ok(View));
        assert_eq!(may(&caller(Role::View), "desk", Upload), Err(Refused::Role));
        assert_eq!(may(&caller(Role::Upload), "desk", Upload), Ok(Upload));
        assert_eq!(may(&caller(Role::Upload), "desk", View), Err(Refused::Role));
        for role in [Role::View, Role::Upload, Role::Admin] {
            assert_eq!(may(&caller(role), "other", View), Err(Refused::Stream));
        }
        assert_eq!(may(&Caller::operator(), "other", Upload), Ok(Upload));
        assert!(caller(Role::View).sees("desk") && !caller(Role::View).sees("other"));
    }

    #[test]
    fn a_grant_ends_no_later_than_its_token() {
        let until = |seconds| {
            decide(&caller(Role::View), &ask("desk", access::Role::View, seconds), 100, 0)
                .map(|granted| granted.0.expires_at_ms)
        };
        assert_eq!(until(10), Ok(10_000));
        assert_eq!(until(100), Ok(50_000));
        for seconds in [-1, 0, 101, i64::MAX] {
            assert!(matches!(until(seconds), Err(Refused::Seconds { .. })), "{seconds}");
        }
    }
}
