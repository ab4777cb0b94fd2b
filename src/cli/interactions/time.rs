//! When was it?

use chrono::{DateTime, NaiveDate};

/// A moment in milliseconds since 1970, from any of the ways of writing one that the head of [`super`] names.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if let Some(time) = text.parse().ok().and_then(time_of_number) {
        return Ok(time);
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp_millis());
    }
    if let Some(midnight) = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0)) {
        return Ok(midnight.and_utc().timestamp_millis());
    }
    Err(format!(
        "expected a time as seconds or milliseconds since 1970, `2024-05-01T12:00:00Z` or `2024-05-01`, got `{text}`"
    ))
}

/// A moment in milliseconds, from a number of seconds or milliseconds.
pub(super) fn time_of_number(number: f64) -> Option<i64> {
    /// Smaller numbers are seconds.
    const SECONDS_BELOW: f64 = 1e11;
    let ms = if number.abs() < SECONDS_BELOW { number * 1000.0 } else { number };
    // Beyond this a double is no exact count of milliseconds, and no moment of anybody's life either.
    (ms.is_finite() && ms.abs() < 1e15).then(|| ms.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_many_ways() {
        for text in ["1714564800", "1714564800000", "2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00"] {
            assert_eq!(parse_time(text), Ok(1_714_564_800_000), "{text}");
        }
        assert_eq!(parse_time("2024-05-01"), Ok(1_714_521_600_000));
        assert_eq!(parse_time("881250949.5"), Ok(881_250_949_500));
        for text in ["", "yesterday", "NaN", "inf", "1e20", "2024-02-30"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
