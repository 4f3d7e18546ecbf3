//! Playing one stretch again and again.

use super::Player;

/// The shortest stretch that is repeated: a shorter one would only flicker.
const SHORTEST_MS: u64 = 1_000;

impl Player {
    /// Repeats a stretch while playing, or ends that.
    pub(super) fn set_repeat(&mut self, stretch: Option<(u64, u64)>) {
        self.repeat = stretch.map(|(a_ms, b_ms)| {
            let (from_ms, to_ms) = (a_ms.min(b_ms), a_ms.max(b_ms));
            (from_ms, to_ms.max(from_ms.saturating_add(SHORTEST_MS)))
        });
    }

    /// The playing position; one that left the stretch goes to its start (backward: its end).
    pub(super) fn repeated_position(&mut self, now_ms: u64) -> u64 {
        let position_ms = self.playback.position(now_ms);
        let Some((from_ms, to_ms)) = self.repeat else { return position_ms };
        let is_backward = self.playback.is_backward();
        let is_over = if is_backward {
            position_ms <= from_ms || position_ms > to_ms
        } else {
            position_ms < from_ms || position_ms >= to_ms
        };
        if !is_over {
            return position_ms;
        }
        let start_ms = if is_backward { to_ms } else { from_ms };
        self.playback.jump(now_ms, start_ms);
        start_ms
    }

    /// When to come back: by `wake_ms`, or when the stretch is over.
    pub(super) fn wake_for_repeat(&self, now_ms: u64, wake_ms: Option<u64>) -> Option<u64> {
        let Some((from_ms, to_ms)) = self.repeat else { return wake_ms };
        let edge_ms = if self.playback.is_backward() { from_ms } else { to_ms };
        let over_ms = self.playback.time_of(now_ms, edge_ms).map(|over_ms| over_ms.max(now_ms + 1));
        wake_ms.into_iter().chain(over_ms).min()
    }
}
