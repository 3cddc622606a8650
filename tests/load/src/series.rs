use std::collections::BTreeMap;
use std::future::Future;

use anyhow::{Context as _, ensure};

use crate::cpu::Processes;
use crate::figures::{Figures, Spread};
use crate::report::Measurement;

/// The figures of each measurement, one for each round.
#[derive(Default)]
pub struct Series {
    pub measurements: BTreeMap<Measurement, Vec<Figures>>,
    /// Whether this round is counted. The first round is not.
    pub is_counted: bool,
    done: BTreeMap<Measurement, u64>,
}

impl Series {
    /// Measures once, with the processor's time of these processes.
    pub async fn add(
        &mut self,
        measurement: Measurement,
        processes: &Processes,
        measuring: impl Future<Output = anyhow::Result<Figures>>,
    ) -> anyhow::Result<()> {
        let before = processes.cpu_ms()?;
        let mut figures = measuring.await.with_context(|| measurement.what())?;
        ensure!(figures.done > 0, "{}: nothing was done: {figures:?}", measurement.what());
        for (process, after_ms) in processes.cpu_ms()? {
            let used_ms = after_ms - before.get(process).copied().unwrap_or(0.0);
            figures.cpu_ms.insert(process.to_owned(), used_ms / figures.done as f64);
        }
        self.push(measurement, figures);
        Ok(())
    }

    /// Adds figures without the processor's time.
    pub fn push(&mut self, measurement: Measurement, figures: Figures) {
        eprintln!(
            "  {:<52} {:>8.0}/s  p50 {:>7.2} ms  p99 {:>8.2} ms  refused {}",
            measurement.what(),
            figures.per_s,
            figures.p50_ms,
            figures.p99_ms,
            figures.refusals()
        );
        self.note_done(measurement, figures.done);
        if self.is_counted {
            self.measurements.entry(measurement).or_default().push(figures);
        }
    }

    /// Notes operations without their figures.
    pub fn note_done(&mut self, measurement: Measurement, done: u64) {
        *self.done.entry(measurement).or_default() += done;
    }

    /// The operations of these measurements in all rounds, counted or not.
    pub fn done(&self, measurements: &[Measurement]) -> u64 {
        measurements.iter().map(|measurement| self.done.get(measurement).copied().unwrap_or(0)).sum()
    }

    /// The median rate of a measurement so far.
    pub fn per_s(&self, measurement: Measurement) -> Option<f64> {
        let rounds = self.measurements.get(&measurement)?;
        Some(Spread::of(rounds.iter().map(|figures| figures.per_s)).median)
    }
}
