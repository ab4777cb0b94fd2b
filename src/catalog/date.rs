//! Calendar days: reading them in the formats a schema lists, and repairing centuries.

use std::fmt;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01, the way a date column holds them. Shown as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i32);

/// Days from 0001-01-01 (day 1 of the common era) to 1970-01-01.
const EPOCH_FROM_CE: i32 = 719_163;

impl Day {
    /// The day of a calendar date.
    pub(crate) fn of(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH_FROM_CE)
    }

    /// The calendar date, when it is one that can be written (years -262143 to 262142).
    pub(crate) fn date(self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(self.0.checked_add(EPOCH_FROM_CE)?)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn from_iso(text: &str) -> Option<Self> {
        read(text, "%Y-%m-%d").map(Self::of)
    }

    /// The year, when the day can be written.
    pub(crate) fn year(self) -> Option<i32> {
        self.date().map(|date| date.year())
    }

    /// The same day of the year a hundred years earlier; 29 February becomes 28 February where there is none.
    pub(crate) fn century_before(self) -> Option<Self> {
        let date = self.date()?;
        let year = date.year() - 100;
        date.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28)).map(Self::of)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// Reads a date in one format of chrono's `strftime` syntax. A format without a day means the first of the month, one
/// without a month January. A time of day, where the format has one, is read and left out.
pub(crate) fn read(text: &str, format: &str) -> Option<NaiveDate> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    if let Ok(date) = parsed.to_naive_date() {
        return Some(date);
    }
    if parsed.month().is_none() && parsed.ordinal().is_none() && parsed.day().is_none() {
        parsed.set_month(1).ok()?;
    }
    if parsed.month().is_some() && parsed.day().is_none() {
        parsed.set_day(1).ok()?;
    }
    parsed.to_naive_date().ok()
}

/// Whether a format can be read at all and has a year.
pub(crate) fn is_date_format(format: &str) -> bool {
    use chrono::format::{Item, Numeric};
    let mut has_year = false;
    for item in StrftimeItems::new(format) {
        match item {
            Item::Error => return false,
            Item::Numeric(Numeric::Year | Numeric::YearMod100 | Numeric::IsoYear | Numeric::Timestamp, _) => {
                has_year = true;
            }
            Item::Fixed(chrono::format::Fixed::RFC2822 | chrono::format::Fixed::RFC3339) => has_year = true,
            _ => {}
        }
    }
    has_year
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(Day::from_iso("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::from_iso("1969-12-31"), Some(Day(-1)));
        assert_eq!(Day(11_016).to_string(), "2000-02-29");
        assert_eq!(Day(i32::MAX).to_string(), format!("day {}", i32::MAX), "no calendar date, and no panic");
    }

    #[test]
    fn formats_may_lack_day_and_month() {
        let day = |text, format| read(text, format).map(|date| Day::of(date).to_string());
        assert_eq!(day("Jun 12 1998", "%b %d %Y").as_deref(), Some("1998-06-12"));
        assert_eq!(day("1998", "%Y").as_deref(), Some("1998-01-01"));
        assert_eq!(day("06/1998", "%m/%Y").as_deref(), Some("1998-06-01"));
        assert_eq!(day("1998-06-12T23:59:58", "%Y-%m-%dT%H:%M:%S").as_deref(), Some("1998-06-12"));
        assert_eq!(day("Jun 31 1998", "%b %d %Y"), None);
        assert_eq!(day("Jun 12 1998 or so", "%b %d %Y"), None);
    }

    #[test]
    fn formats_are_checked_before_use() {
        assert!(is_date_format("%b %d %Y"));
        assert!(is_date_format("%y"));
        assert!(!is_date_format("%b %d"), "no year");
        assert!(!is_date_format("%Y-%é"));
    }

    #[test]
    fn a_leap_day_survives_the_change_of_century() {
        let day = |text| Day::from_iso(text).and_then(Day::century_before).map(|day| day.to_string());
        assert_eq!(day("2046-12-31").as_deref(), Some("1946-12-31"));
        assert_eq!(day("2000-02-29").as_deref(), Some("1900-02-28"));
    }
}
