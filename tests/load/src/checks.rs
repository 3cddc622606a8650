use serde::{Deserialize, Serialize};

use crate::accounts::OPENING_MINOR;
use crate::program::Program;

/// A check that the work was really done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    pub what: String,
    pub is_passed: bool,
}

/// Compares what a raw client was told with what is stored.
pub fn check_raw(what: &str, done: u64, stored: u64) -> Check {
    Check { what: format!("{what}: {done} acknowledged, {stored} stored"), is_passed: done == stored }
}

/// Compares the read database's sums with the acknowledged commands, and has the program verify its databases.
pub async fn check_program(program: &Program, stack: &str) -> anyhow::Result<Vec<Check>> {
    let (sums, acknowledged) = (program.read_db.sums().await?, i64::try_from(program.acknowledged())?);
    let expected_minor = sums.accounts * OPENING_MINOR + acknowledged - sums.accounts;
    let verified = program.run(&["verify"]).await;
    let said = match &verified {
        Ok(printed) => printed.trim().lines().last().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(vec![
        Check {
            what: format!("{stack}: {acknowledged} commands acknowledged, {} events in the rows", sums.versions),
            is_passed: sums.versions == acknowledged,
        },
        Check {
            what: format!("{stack}: balances of {} minor units, {expected_minor} expected", sums.balances_minor),
            is_passed: sums.balances_minor == expected_minor,
        },
        Check { what: format!("{stack}: passbook verify: {said}"), is_passed: verified.is_ok() },
    ])
}
