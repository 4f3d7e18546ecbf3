//! UTC calendar arithmetic on milliseconds since 1970: just what keys need.

/// Milliseconds in an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Milliseconds in a day.
pub const DAY_MS: u64 = 86_400_000;
/// First time that no longer fits the 13 digits of a key (in the year 2286).
pub const END_OF_TIME_MS: u64 = 10_000_000_000_000;

/// Year, month (1-12), day (1-31) of a UTC time.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub fn civil(time_ms: u64) -> (u64, u64, u64) {
    let days = time_ms / DAY_MS + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// `YYYY-MM-DD/HH` of a UTC time: the middle of every key.
pub fn hour_path(time_ms: u64) -> String {
    let (year, month, day) = civil(time_ms);
    format!("{year:04}-{month:02}-{day:02}/{:02}", time_ms % DAY_MS / HOUR_MS)
}

/// Start of the UTC hour that `time_ms` lies in.
pub fn hour_start(time_ms: u64) -> u64 {
    time_ms - time_ms % HOUR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(hour_path(0), "1970-01-01/00");
        assert_eq!(hour_path(951_782_400_000), "2000-02-29/00");
        assert_eq!(hour_path(1_709_251_199_999), "2024-02-29/23");
        assert_eq!(hour_path(1_709_251_200_000), "2024-03-01/00");
        assert_eq!(hour_path(END_OF_TIME_MS - 1), "2286-11-20/17");
    }

    #[test]
    fn paths_sort_as_times_do() {
        let paths: Vec<_> = (0..200_000).map(|hour| hour_path(hour * HOUR_MS)).collect();
        assert!(paths.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
