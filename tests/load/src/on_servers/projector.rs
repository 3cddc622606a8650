use std::time::{Duration, Instant};

use anyhow::ensure;

use super::OnServers;
use crate::arguments::Arguments;
use crate::cleanup::remove_read_db;
use crate::figures::Figures;
use crate::program::{Place, Program};
use crate::raw::RawUpserts;
use crate::report::Measurement;
use crate::series::Series;

const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(50);

impl OnServers {
    /// Has the projector bring every event from Kafka into an empty read database, beside a raw client that writes the same rows.
    pub async fn measure_projector(&self, arguments: &Arguments, series: &mut Series) -> anyhow::Result<()> {
        for round in 0..arguments.rounds() {
            let mut upserts = RawUpserts::prepare(&self.services.mysql_url(&self.name)).await?;
            series.add(Measurement::RawUpserts, &self.raw_processes, upserts.write()).await?;
            let place = Place { read_db: format!("{}_{round}", self.name), ..self.place.clone() };
            let program = Program::on_servers(&arguments.passbook, &self.services, &place, &self.oha.folder).await?;
            let processes = self.raw_processes.and("passbook", program.pid()?);
            let expected = i64::try_from(self.program.acknowledged())?;
            series.add(Measurement::Projector, &processes, all_rows(&program, expected)).await?;
            drop(program);
            remove_read_db(&self.services, &place.read_db).await?;
        }
        Ok(())
    }
}

/// Waits until the read database has this number of events. The time counts from its first rows, so that the start of the program and
/// of its consumers is left out.
async fn all_rows(program: &Program, expected: i64) -> anyhow::Result<Figures> {
    let (begun_at, mut first) = (Instant::now(), None);
    loop {
        let versions = program.read_db.sums().await?.versions;
        if versions > 0 {
            let (started_at, before) = *first.get_or_insert((Instant::now(), versions));
            if versions >= expected {
                let (seconds, done) = (started_at.elapsed().as_secs_f64(), u64::try_from(versions - before)?);
                return Ok(Figures { seconds, done, per_s: done as f64 / seconds, ..Figures::default() });
            }
        }
        ensure!(begun_at.elapsed() < PATIENCE, "the read side has {versions} of {expected} events");
        tokio::time::sleep(PAUSE).await;
    }
}
