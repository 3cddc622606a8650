use std::time::Instant;

use super::OnServers;
use crate::figures::Figures;
use crate::raw::{RawUpserts, raw_scan};
use crate::report::Measurement;
use crate::series::Series;

/// A restore reads all events, so it is measured a few times only.
const ROUNDS: usize = 3;

impl OnServers {
    /// Restores the read database while the program runs, beside a raw scan of the commits and raw inserts of the same rows.
    pub async fn measure_restore(&self, series: &mut Series) -> anyhow::Result<()> {
        let url = self.services.mysql_url(&self.name);
        let mongodb_url = self.services.mongodb_url(&self.name);
        for _ in 0..ROUNDS {
            let scan = raw_scan(&mongodb_url, &self.name);
            series.add(Measurement::RawScan, &self.raw_processes, scan).await?;
            let mut inserts = RawUpserts::prepare(&url).await?;
            series.add(Measurement::RawInserts, &self.raw_processes, inserts.insert()).await?;
            series.add(Measurement::Restore, &self.raw_processes, self.restore()).await?;
            self.program.run(&["restore", "--drop-old"]).await?;
        }
        Ok(())
    }

    async fn restore(&self) -> anyhow::Result<Figures> {
        let (started_at, done) = (Instant::now(), self.program.acknowledged());
        self.program.run(&["restore"]).await?;
        let seconds = started_at.elapsed().as_secs_f64();
        Ok(Figures { seconds, done, per_s: done as f64 / seconds, ..Figures::default() })
    }
}
