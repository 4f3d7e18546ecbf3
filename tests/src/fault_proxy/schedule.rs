//! Which requests a fault strikes: decided by number and seed, without any I/O.

use std::collections::HashSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes so much later.
    Latency(Duration),
    /// The connection is reset when half of the request's body was passed on.
    ResetRequest,
    /// The request is carried out; the connection is reset in the middle of the answer's body.
    ResetAnswer,
    /// The request is carried out; the connection ends, in good order, in the middle of the answer.
    CutAnswer,
    /// One bit in the middle of an object's bytes is turned on their way to the reader.
    TurnBit,
    /// The store answers with this status and error code, and does nothing.
    Refusal(u16, &'static str),
    /// The request is carried out and its answer never comes: the connection is reset.
    LoseAnswer,
    /// The request is swallowed; after so long a silence the connection is reset.
    Silence(Duration),
    /// All connections end, and nobody listens for so long.
    Outage(Duration),
}

impl Fault {
    /// Whether requests for this target (path and query) can have it: loading the player's own files
    /// is not what is tested, and a refusal comes from the bucket, not from the server's API.
    pub fn concerns(self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        let is_own = path.starts_with("/-/");
        match self {
            Self::TurnBit => path.contains("/segments/"),
            Self::Refusal(..) => !is_own,
            _ => !is_own || path.starts_with("/-/api/grant"),
        }
    }
}

/// How often it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Every n-th request from a seeded one on, but never the repetition of one that was struck:
    /// whoever tries again gets through.
    EveryNth(u64),
    /// Every other request in the mean, by a seeded die: trying again may not be enough.
    EveryOther,
    /// Just the n-th request, counted from 1.
    Once(u64),
}

/// A fault, its pattern, and where in it we are.
#[derive(Debug)]
pub struct Schedule {
    fault: Fault,
    pattern: Pattern,
    phase: u64,
    die: StdRng,
    requests: u64,
    struck: u64,
    /// Requests whose repetition is let through.
    spared: HashSet<String>,
}

impl Schedule {
    /// The same seed gives the same decisions for the same requests in the same order.
    pub fn new(fault: Fault, pattern: Pattern, seed: u64) -> Self {
        let die = StdRng::seed_from_u64(seed);
        Self { fault, pattern, phase: seed, die, requests: 0, struck: 0, spared: HashSet::new() }
    }

    /// Decides the next request. `identity` is equal for a request and its repetition.
    pub fn decide(&mut self, target: &str, identity: &str) -> Option<Fault> {
        if !self.fault.concerns(target) {
            return None;
        }
        self.requests += 1;
        let strikes = match self.pattern {
            Pattern::EveryNth(n) => {
                let is_due = (self.requests + self.phase).is_multiple_of(n);
                !self.spared.remove(identity) && is_due && self.spared.insert(identity.to_owned())
            }
            Pattern::EveryOther => self.die.random_bool(0.5),
            Pattern::Once(n) => self.requests == n,
        };
        self.struck += u64::from(strikes);
        strikes.then_some(self.fault)
    }

    /// How many requests it concerned, and how many of them it struck.
    pub fn tally(&self) -> (u64, u64) {
        (self.requests, self.struck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Fault = Fault::LoseAnswer;

    fn strikes(pattern: Pattern, seed: u64, identities: &[&str]) -> Vec<bool> {
        let mut schedule = Schedule::new(FAULT, pattern, seed);
        identities.iter().map(|identity| schedule.decide("/b/k", identity).is_some()).collect()
    }

    #[test]
    fn every_nth_is_struck_and_its_repetition_gets_through() {
        let seen = strikes(Pattern::EveryNth(3), 1, &["a", "b", "b", "c", "d", "d", "e", "f"]);
        assert_eq!(seen, [false, true, false, false, true, false, false, true]);
        // Also when the repetition is due itself.
        let seen = strikes(Pattern::EveryNth(1), 0, &["a", "b", "a", "b", "a"]);
        assert_eq!(seen, [true, true, false, false, true]);
    }

    #[test]
    fn the_seed_decides_and_only_the_seed() {
        let many = ["x"; 64];
        let seen = strikes(Pattern::EveryOther, 7, &many);
        assert_eq!(seen, strikes(Pattern::EveryOther, 7, &many));
        assert_ne!(seen, strikes(Pattern::EveryOther, 8, &many));
        let struck = seen.iter().filter(|struck| **struck).count();
        assert!((16..=48).contains(&struck), "{struck} of 64");
    }

    #[test]
    fn once_is_once() {
        assert_eq!(strikes(Pattern::Once(2), 9, &["a"; 5]), [false, true, false, false, false]);
    }

    #[test]
    fn the_players_files_are_spared_and_the_servers_api_has_no_s3_errors() {
        for (fault, target, concerned) in [
            (FAULT, "/-/player/player.js", false),
            (FAULT, "/-/api/grant", true),
            (FAULT, "/bucket?list-type=2&prefix=segments%2F", true),
            (Fault::Refusal(503, "SlowDown"), "/-/api/grant", false),
            (Fault::Refusal(503, "SlowDown"), "/bucket/segments/desk/x", true),
            (Fault::TurnBit, "/bucket/segments/desk/x?X-Amz-Date=1", true),
            (Fault::TurnBit, "/bucket?list-type=2&prefix=/segments/", false),
        ] {
            assert_eq!(fault.concerns(target), concerned, "{fault:?} {target}");
        }
    }
}
