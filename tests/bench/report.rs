//! Numbers with their names and units: a table for people, JSON for programs.

use std::time::Duration;

use serde_json::{Map, Value};

/// What was measured, in order.
#[derive(Default)]
pub(crate) struct Report(Vec<Row>);

struct Row {
    name: String,
    value: f64,
    unit: &'static str,
}

impl Report {
    /// Adds a time.
    pub(crate) fn time(&mut self, name: &str, time: Duration) {
        self.add(name, time.as_secs_f64() * 1000.0, "ms");
    }

    /// Adds an amount of memory.
    pub(crate) fn memory(&mut self, name: &str, kibibytes: u64) {
        let whole = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        self.add(name, f64::from(whole) / 1024.0, "MiB");
    }

    /// Adds the middle and the ends of many times.
    pub(crate) fn times(&mut self, name: &str, mut times: Vec<Duration>) {
        times.sort();
        for (title, percent) in [("p50", 50), ("p99", 99), ("max", 100)] {
            if let Some(time) = percentile(&times, percent) {
                self.time(&format!("{name} {title}"), time);
            }
        }
    }

    fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        self.0.push(Row { name: name.to_owned(), value, unit });
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let width = self.0.iter().map(|row| row.name.len()).max().unwrap_or_default();
        let rows = self.0.iter().map(|Row { name, value, unit }| format!("{name:width$}  {value:>9.1} {unit}\n"));
        rows.collect()
    }

    /// For programs: one object, with the unit at the end of each name.
    pub(crate) fn json(&self) -> Value {
        let entry = |Row { name, value, unit }: &Row| {
            let name = format!("{name} {unit}").to_lowercase().replace(',', "").replace([' ', '-'], "_");
            (name, Value::from((value * 10.0).round() / 10.0))
        };
        Value::Object(self.0.iter().map(entry).collect::<Map<_, _>>())
    }
}

/// The smallest time that so many percent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let at = |percent| percentile(&times, percent).map(|time| time.as_millis());
        assert_eq!((at(50), at(99), at(100)), (Some(100), Some(198), Some(200)));
        assert_eq!(percentile(&[Duration::from_secs(1)], 50), Some(Duration::from_secs(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_report_is_a_table_and_an_object() {
        let mut report = Report::default();
        report.times("one at a time", vec![Duration::from_millis(20)]);
        report.memory("server, idle", 2048);
        assert!(report.table().starts_with("one at a time p50       20.0 ms\n"), "{}", report.table());
        assert_eq!(report.json()["one_at_a_time_p99_ms"], 20.0);
        assert_eq!(report.json()["server_idle_mib"], 2.0);
    }
}
