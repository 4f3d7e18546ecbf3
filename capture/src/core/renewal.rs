//! When to renew keys that expire: long before they do, not all agents at once, and again and again
//! while nobody answers. Times are milliseconds of any clock that only goes forward.

/// Renewed after this share of their life, give or take [`SPREAD`]: a third of it is left for a server
/// that is down.
const SHARE: f64 = 2.0 / 3.0;
const SPREAD: f64 = 0.07;
/// Between attempts that fail.
const SHORTEST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;

/// The keys in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    ends_ms: u64,
    due_ms: u64,
}

impl Renewal {
    /// Keys asked for at `asked_ms` that hold for `life_ms` from then on. `dice` is a random number
    /// from 0 to 1.
    pub fn new(asked_ms: u64, life_ms: u64, dice: f64) -> Self {
        let share = SHARE + SPREAD * (dice.clamp(0.0, 1.0) * 2.0 - 1.0);
        let due_ms = asked_ms.saturating_add((life_ms as f64 * share) as u64);
        Self { ends_ms: asked_ms.saturating_add(life_ms), due_ms }
    }

    /// When to ask for new ones.
    pub fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// Nobody gave new ones at `now_ms`: the old ones go on, and several attempts are left to them.
    pub fn failed(&mut self, now_ms: u64, dice: f64) {
        let left = self.ends_ms.saturating_sub(now_ms);
        let pause = (left / 8).clamp(SHORTEST_MS, LONGEST_MS);
        // Once they have ended, each request asks by itself; this only goes on beside it.
        let pause = if left == 0 { LONGEST_MS } else { pause };
        let jitter = 0.5 + dice.clamp(0.0, 1.0) / 2.0;
        self.due_ms = now_ms.saturating_add((pause as f64 * jitter) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn keys_are_renewed_after_about_two_thirds_of_their_life() {
        assert_eq!(Renewal::new(1_000, HOUR, 0.5).due_ms(), 1_000 + HOUR * 2 / 3);
        for dice in [0.0, 0.3, 1.0, 7.0] {
            let due = Renewal::new(0, HOUR, dice).due_ms();
            assert!((HOUR * 59 / 100..=HOUR * 74 / 100).contains(&due), "{dice}: {due}");
        }
    }

    #[test]
    fn a_server_that_is_down_is_asked_often_before_the_end_and_once_a_minute_after() {
        let mut renewal = Renewal::new(0, HOUR, 0.5);
        let mut attempts = 0;
        while renewal.due_ms() < HOUR {
            renewal.failed(renewal.due_ms(), 0.5);
            attempts += 1;
        }
        assert!((20..500).contains(&attempts), "{attempts}");
        let now = renewal.due_ms() + 1;
        renewal.failed(now, 1.0);
        assert_eq!(renewal.due_ms(), now + LONGEST_MS);
    }

    /// An agent that sends something every ten seconds for `hours`; keys hold for `life_ms`; the server
    /// is down at times, never for as long as a quarter of a life. How often keys had ended when they
    /// were needed, and how often they were asked for.
    fn live(hours: u64, life_ms: u64, dice: &mut impl FnMut() -> f64) -> (u32, u32) {
        let (mut refused, mut asked) = (0, 0);
        let mut renewal = Renewal::new(0, life_ms, dice());
        let mut down_until = 0;
        let mut next_request = 0;
        let mut now = 0;
        while now < hours * HOUR {
            now = next_request.min(renewal.due_ms());
            if now == next_request {
                refused += u32::from(now >= renewal.ends_ms);
                next_request += 10_000;
                if now > down_until + life_ms && dice() < 0.2 {
                    down_until = now + (life_ms as f64 * 0.25 * dice()) as u64;
                }
            } else {
                asked += 1;
                if now < down_until {
                    renewal.failed(now, dice());
                } else {
                    renewal = Renewal::new(now, life_ms, dice());
                }
            }
        }
        (refused, asked)
    }

    proptest! {
        #[test]
        fn no_request_ever_meets_keys_that_have_ended(
            life_ms in 20_000_u64..2 * HOUR,
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let mut dice = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 53) as f64
            };
            let (refused, asked) = live(8, life_ms, &mut dice);
            prop_assert_eq!(refused, 0);
            prop_assert!(u64::from(asked) <= 1 + 8 * HOUR / life_ms * 60, "{}", asked);
        }
    }
}
