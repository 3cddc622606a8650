use std::time::Duration;

use crate::arguments::Arguments;
use crate::embedded::{self, Embedded};
use crate::http_load::{Oha, empty_folder};
use crate::old_account::{self, OldAccount};
use crate::on_servers::{self, OnServers};
use crate::report::Report;
use crate::series::Series;

/// A measurement's time in the round before the first. It makes the program, the servers and the connections warm, and is not
/// counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Measures everything that the arguments ask for.
pub async fn measure(arguments: &Arguments) -> anyhow::Result<Report> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = empty_folder(&std::path::absolute(target)?.join("load"))?;
    let oha = Oha { program: arguments.oha.clone(), folder };
    let on_servers = match arguments.wants(&on_servers::ROWS) {
        true => Some(OnServers::prepare(arguments, &oha).await?),
        false => None,
    };
    let embedded = match arguments.wants(&embedded::ROWS) {
        true => Some(Embedded::prepare(arguments, &oha).await?),
        false => None,
    };
    let old_account = match arguments.wants_in_full(&old_account::ROWS) {
        true => Some(OldAccount::prepare(arguments, &oha).await?),
        false => None,
    };
    let mut series = Series::default();
    for round in 0..=arguments.rounds() {
        series.is_counted = round > 0;
        let time = if series.is_counted { arguments.time() } else { WARM_UP };
        eprintln!("round {round} of {}, {:.1} s each", arguments.rounds(), time.as_secs_f64());
        if let Some(on_servers) = &on_servers {
            on_servers.round(arguments, &mut series, time).await?;
        }
        if let Some(embedded) = &embedded {
            embedded.round(&mut series, time).await?;
        }
        if let Some(old_account) = &old_account {
            old_account.round(arguments, &mut series, time).await?;
        }
    }
    let mut checks = Vec::new();
    if let Some(on_servers) = on_servers {
        on_servers.after_rounds(arguments, &mut series).await?;
        checks.extend(on_servers.finish(&series).await?);
    }
    if let Some(embedded) = embedded {
        checks.extend(embedded.finish(&series).await?);
    }
    if let Some(old_account) = old_account {
        old_account.finish().await?;
    }
    Ok(Report::new(arguments, series.measurements, checks))
}
