//! RFC 3339 and the words for people: a time on a page. It is in UTC, since nobody told the server where the person is.

use std::fmt;

use oidc::time::Time;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A minute of a day; its text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
}

impl Moment {
    /// What the `datetime` attribute of a `time` element holds.
    pub(crate) fn machine(&self) -> String {
        let Self { year, month, day, hour, minute } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}Z")
    }
}

impl From<Time> for Moment {
    /// Days to civil dates by eras of 400 years that begin on the first of March, so that a leap day is the last of its
    /// year.
    fn from(time: Time) -> Self {
        let (days, second) = (time.secs().div_euclid(86_400), time.secs().rem_euclid(86_400));
        // 0000-03-01 is 719,468 days before 1970-01-01; an era has 146,097.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let month = usize::try_from(month).unwrap_or_default();
        Self { year, month, day, hour: second / 3600, minute: second % 3600 / 60 }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute } = self;
        let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or_default();
        write!(f, "{day} {month} {year}, {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        // date -u -d @SECONDS
        for (seconds, words, machine) in [
            (0, "1 January 1970, 00:00 UTC", "1970-01-01T00:00Z"),
            (-1, "31 December 1969, 23:59 UTC", "1969-12-31T23:59Z"),
            (951_782_400, "29 February 2000, 00:00 UTC", "2000-02-29T00:00Z"),
            (951_868_800, "1 March 2000, 00:00 UTC", "2000-03-01T00:00Z"),
            (1_709_251_199, "29 February 2024, 23:59 UTC", "2024-02-29T23:59Z"),
            (1_800_000_000, "15 January 2027, 08:00 UTC", "2027-01-15T08:00Z"),
            (4_107_542_399, "28 February 2100, 23:59 UTC", "2100-02-28T23:59Z"),
            (4_107_542_400, "1 March 2100, 00:00 UTC", "2100-03-01T00:00Z"),
        ] {
            let moment = Moment::from(Time::from_secs(seconds));
            assert_eq!((moment.to_string().as_str(), moment.machine().as_str()), (words, machine));
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let of = |day: i64| Moment::from(Time::from_secs(day * 86_400));
        let mut before = of(-1);
        for day in 0..146_097 {
            let now = of(day);
            let next_day = (now.year, now.month, now.day) == (before.year, before.month, before.day + 1);
            let next_month = now.day == 1 && before.day >= 28 && now.month == before.month % 12 + 1;
            assert!(
                next_day || next_month && now.year - before.year == i64::from(now.month == 1),
                "{before:?} {now:?}"
            );
            before = now;
        }
        assert_eq!(before.to_string(), "31 December 2369, 00:00 UTC");
    }
}
