use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The result of one measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    pub seconds: f64,
    /// The operations that were done, for example the answers 200.
    pub done: u64,
    /// The answers of other kinds, by status or by error.
    pub refused: BTreeMap<String, u64>,
    pub per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The processor's time of each process for one operation that was done, in ms.
    pub cpu_ms: BTreeMap<String, f64>,
    /// How long the read side needed after the last answer until it had all rows.
    pub caught_up_after_s: Option<f64>,
}

impl Figures {
    /// The figures of operations that took so long, in microseconds.
    pub fn of_latencies(seconds: f64, mut latencies_us: Vec<u32>) -> Self {
        latencies_us.sort_unstable();
        let at = |percent: usize| {
            let index = (latencies_us.len() * percent / 100).min(latencies_us.len().saturating_sub(1));
            latencies_us.get(index).map_or(0.0, |us| f64::from(*us) / 1_000.0)
        };
        let done = latencies_us.len() as u64;
        Self { seconds, done, per_s: done as f64 / seconds, p50_ms: at(50), p99_ms: at(99), ..Self::default() }
    }

    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// The least, the median and the greatest value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    /// The spread of these values, of which there must be at least one.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        Self { least: values[0], median: values[values.len() / 2], most: values[values.len() - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times_and_in_ms() {
        let latencies_us = (1..=200).rev().map(|ms| ms * 1_000).collect();
        let figures = Figures::of_latencies(2.0, latencies_us);
        assert_eq!((figures.done, figures.per_s), (200, 100.0));
        assert_eq!((figures.p50_ms, figures.p99_ms), (101.0, 199.0));
    }

    #[test]
    fn a_measurement_in_which_nothing_was_done_has_no_times() {
        let figures = Figures::of_latencies(1.0, Vec::new());
        assert_eq!((figures.done, figures.p50_ms, figures.p99_ms), (0, 0.0, 0.0));
    }

    #[test]
    fn the_spread_of_rounds_is_the_least_the_median_and_the_most() {
        let spread = Spread::of([3.0, 1.0, 2.0, 5.0, 4.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 3.0, 5.0));
    }
}
