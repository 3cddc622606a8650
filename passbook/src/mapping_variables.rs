use std::str::FromStr;
use std::time::Duration;

use local_aws::MappingSettings;
use settings::{Settings, SettingsError};

const GROUP: &str = "PASSBOOK_MAPPING_GROUP";
const BATCH_SIZE: &str = "PASSBOOK_MAPPING_BATCH_SIZE";
const BATCHING_WINDOW_MS: &str = "PASSBOOK_MAPPING_BATCHING_WINDOW_MS";
const POLLERS: &str = "PASSBOOK_MAPPING_POLLERS";
const MAX_RETRIES: &str = "PASSBOOK_MAPPING_MAX_RETRIES";
const MAX_RECORD_RETRIES: &str = "PASSBOOK_MAPPING_MAX_RECORD_RETRIES";
const MAX_RECORD_AGE_S: &str = "PASSBOOK_MAPPING_MAX_RECORD_AGE_S";
const BISECT: &str = "PASSBOOK_MAPPING_BISECT";

/// These settings with the changes of the environment: `PASSBOOK_MAPPING_` with `GROUP`, `BATCH_SIZE`, `BATCHING_WINDOW_MS`,
/// `POLLERS`, `MAX_RETRIES`, `MAX_RECORD_RETRIES`, `MAX_RECORD_AGE_S` and `BISECT` (`true` or `false`).
///
/// # Errors
/// [`SettingsError`] for a value that is not understood.
pub(crate) fn apply(settings: &Settings, defaults: MappingSettings) -> Result<MappingSettings, SettingsError> {
    let variable = |name| settings.optional(name);
    let number = |name, reason| parsed::<u32>(variable(name)?, name, reason);
    let from_1 = |name, most: usize, reason| match parsed::<usize>(variable(name)?, name, reason)? {
        Some(number) if !(1..=most).contains(&number) => Err(SettingsError::Invalid { variable: name, reason }),
        number => Ok(number),
    };
    let batching_window = number(BATCHING_WINDOW_MS, "it must be a number of milliseconds")?;
    let max_record_age = number(MAX_RECORD_AGE_S, "it must be a number of seconds")?;
    Ok(MappingSettings {
        group_id: variable(GROUP)?.unwrap_or(defaults.group_id),
        batch_size: from_1(BATCH_SIZE, 10_000, "it must be a number from 1 to 10000")?.unwrap_or(defaults.batch_size),
        batching_window: batching_window
            .map_or(defaults.batching_window, |milliseconds| Duration::from_millis(milliseconds.into())),
        pollers: from_1(POLLERS, 100, "it must be a number from 1 to 100")?.unwrap_or(defaults.pollers),
        max_retries: number(MAX_RETRIES, "it must be a number")?.or(defaults.max_retries),
        max_record_retries: number(MAX_RECORD_RETRIES, "it must be a number")?.unwrap_or(defaults.max_record_retries),
        max_record_age: max_record_age.map(|seconds| Duration::from_secs(seconds.into())),
        bisect_batch_on_function_error: parsed(variable(BISECT)?, BISECT, "it must be true or false")?
            .unwrap_or(defaults.bisect_batch_on_function_error),
        ..defaults
    })
}

fn parsed<T: FromStr>(
    text: Option<String>,
    variable: &'static str,
    reason: &'static str,
) -> Result<Option<T>, SettingsError> {
    text.map(|text| text.parse().map_err(|_| SettingsError::Invalid { variable, reason })).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> MappingSettings {
        MappingSettings::new("function", "group")
    }

    fn given(variables: &[(&'static str, &str)]) -> Result<MappingSettings, SettingsError> {
        apply(&Settings::from_variables(variables.iter().copied()), defaults())
    }

    #[test]
    fn what_is_not_set_is_the_default() {
        assert_eq!(given(&[]), Ok(defaults()));
    }

    #[test]
    fn what_is_set_is_taken() {
        let all = [
            (GROUP, "g"),
            (BATCH_SIZE, "10000"),
            (BATCHING_WINDOW_MS, "0"),
            (POLLERS, "3"),
            (MAX_RETRIES, "0"),
            (MAX_RECORD_RETRIES, "7"),
            (MAX_RECORD_AGE_S, "60"),
            (BISECT, "false"),
        ];
        let expected = MappingSettings {
            group_id: "g".to_owned(),
            batch_size: 10_000,
            batching_window: Duration::ZERO,
            pollers: 3,
            max_retries: Some(0),
            max_record_retries: 7,
            max_record_age: Some(Duration::from_secs(60)),
            bisect_batch_on_function_error: false,
            ..defaults()
        };
        assert_eq!(given(&all), Ok(expected));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (variable, value) in [
            (BATCH_SIZE, "0"),
            (BATCH_SIZE, "10001"),
            (BATCHING_WINDOW_MS, "1.5"),
            (POLLERS, "two"),
            (MAX_RETRIES, "-1"),
            (MAX_RECORD_RETRIES, "many"),
            (MAX_RECORD_AGE_S, "1h"),
            (BISECT, "yes"),
        ] {
            let refused = given(&[(variable, value)]);
            assert!(
                matches!(refused, Err(SettingsError::Invalid { variable: named, .. }) if named == variable),
                "{value}"
            );
        }
    }
}
