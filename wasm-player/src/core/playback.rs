//! Where playing stands, as a pure function of the time.

/// A position that moves with the clock while playing.
#[derive(Debug, Clone)]
pub struct Playback {
    /// Position, UTC milliseconds, at `anchor_now_ms`.
    anchor_ms: u64,
    anchor_now_ms: u64,
    rate: f64,
    playing: bool,
    stalled: bool,
}

/// Rates beyond these are cut down to them: seconds per second, forward or backward.
pub const RATES: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

impl Playback {
    /// Paused at a position.
    pub fn new(position_ms: u64) -> Self {
        Self { anchor_ms: position_ms, anchor_now_ms: 0, rate: 1.0, playing: false, stalled: false }
    }

    /// The position now, UTC milliseconds.
    pub fn position(&self, now_ms: u64) -> u64 {
        if !self.is_moving() {
            return self.anchor_ms;
        }
        // A clock that was set back stands still until it is where it was.
        let passed = now_ms.saturating_sub(self.anchor_now_ms) as f64 * self.rate;
        self.anchor_ms.saturating_add_signed(passed as i64)
    }

    /// Playing, be it that it waits for bytes.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Playing and waiting for bytes.
    pub fn is_stalled(&self) -> bool {
        self.playing && self.stalled
    }

    /// Seconds per second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Playing toward earlier times.
    pub fn is_backward(&self) -> bool {
        self.rate < 0.0
    }

    fn is_moving(&self) -> bool {
        self.playing && !self.stalled
    }

    /// Goes to a position; playing goes on from there.
    pub fn jump(&mut self, now_ms: u64, position_ms: u64) {
        (self.anchor_ms, self.anchor_now_ms) = (position_ms, now_ms);
    }

    /// Starts. False if it was playing.
    pub fn play(&mut self, now_ms: u64) -> bool {
        self.anchor(now_ms);
        self.stalled = false;
        !std::mem::replace(&mut self.playing, true)
    }

    /// Stops. False if it was not playing.
    pub fn pause(&mut self, now_ms: u64) -> bool {
        self.anchor(now_ms);
        std::mem::replace(&mut self.playing, false)
    }

    /// Waits at a position for bytes. False if it waited.
    pub fn stall(&mut self, now_ms: u64, position_ms: u64) -> bool {
        self.jump(now_ms, position_ms);
        self.playing && !std::mem::replace(&mut self.stalled, true)
    }

    /// Goes on after waiting. False if it did not wait.
    pub fn resume(&mut self, now_ms: u64) -> bool {
        self.anchor(now_ms);
        std::mem::replace(&mut self.stalled, false)
    }

    /// Sets the rate; zero and what is no number are left out, the rest is cut to [`RATES`]. False
    /// if nothing changed.
    pub fn set_rate(&mut self, now_ms: u64, rate: f64) -> bool {
        if !rate.is_finite() || rate == 0.0 {
            return false;
        }
        self.anchor(now_ms);
        let rate = rate.signum() * rate.abs().clamp(*RATES.start(), *RATES.end());
        std::mem::replace(&mut self.rate, rate) != rate
    }

    /// The time at which the position will be `position_ms`; `None` if it never will.
    pub fn time_of(&self, now_ms: u64, position_ms: u64) -> Option<u64> {
        if !self.is_moving() {
            return None;
        }
        let way = position_ms as f64 - self.position(now_ms) as f64;
        let wait = way / self.rate;
        (wait >= 0.0).then(|| now_ms.saturating_add(wait.ceil() as u64))
    }

    fn anchor(&mut self, now_ms: u64) {
        self.jump(now_ms, self.position(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_700_000_000_000;

    #[test]
    fn position_is_time_times_rate() {
        let mut playback = Playback::new(T);
        assert_eq!(playback.position(5_000), T);
        assert!(playback.play(1_000));
        assert!(!playback.play(1_000));
        assert_eq!(playback.position(3_000), T + 2_000);
        assert!(playback.set_rate(3_000, 10.0));
        assert_eq!(playback.position(4_000), T + 12_000);
        assert_eq!(playback.time_of(4_000, T + 22_000), Some(5_000));
        assert_eq!(playback.time_of(4_000, T), None);
        assert!(playback.set_rate(4_000, -2.0));
        assert_eq!(playback.position(5_000), T + 10_000);
        assert_eq!(playback.time_of(5_000, T), Some(10_000));
        assert!(playback.pause(5_000));
        assert_eq!(playback.position(99_000), T + 10_000);
    }

    #[test]
    fn waiting_stands_still_and_goes_on_from_there() {
        let mut playback = Playback::new(T);
        playback.play(0);
        assert!(playback.stall(500, T + 400));
        assert!(!playback.stall(600, T + 400));
        assert_eq!(playback.position(9_000), T + 400);
        assert!(playback.resume(9_000));
        assert_eq!(playback.position(9_100), T + 500);
    }

    #[test]
    fn a_clock_set_back_never_moves_the_position_back() {
        let mut playback = Playback::new(T);
        playback.play(10_000);
        assert_eq!(playback.position(5_000), T);
    }

    #[test]
    fn impossible_rates_change_nothing() {
        let mut playback = Playback::new(T);
        for rate in [0.0, f64::NAN, f64::INFINITY] {
            assert!(!playback.set_rate(0, rate));
        }
        playback.set_rate(0, 1e9);
        assert_eq!(playback.rate(), 3600.0);
    }
}
