use crate::{EVENT_STORE_URL, KAFKA_PASSWORD, KAFKA_USERNAME, KEY_STORE_URL, READ_DB_URL};

/// The variable that names the secret whose text is `EVENT_STORE_URL`.
pub const EVENT_STORE_URL_SECRET_ARN: &str = "EVENT_STORE_URL_SECRET_ARN";
/// The variable that names the secret whose text is `KEY_STORE_URL`.
pub const KEY_STORE_URL_SECRET_ARN: &str = "KEY_STORE_URL_SECRET_ARN";
/// The variable that names the secret whose text is `READ_DB_URL`.
pub const READ_DB_URL_SECRET_ARN: &str = "READ_DB_URL_SECRET_ARN";
/// The variable that names the secret with `KAFKA_USERNAME` and `KAFKA_PASSWORD`, in JSON as MSK keeps them.
pub const KAFKA_CREDENTIALS_SECRET_ARN: &str = "KAFKA_CREDENTIALS_SECRET_ARN";

/// The variable that names the secret for the given variable, if there is one.
pub(crate) fn standing_for(variable: &str) -> Option<&'static str> {
    match variable {
        EVENT_STORE_URL => Some(EVENT_STORE_URL_SECRET_ARN),
        KEY_STORE_URL => Some(KEY_STORE_URL_SECRET_ARN),
        READ_DB_URL => Some(READ_DB_URL_SECRET_ARN),
        KAFKA_USERNAME | KAFKA_PASSWORD => Some(KAFKA_CREDENTIALS_SECRET_ARN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KAFKA_BOOTSTRAP_SERVERS, KAFKA_SIGN_IN, KeyStoreLocation, SecretUrl, Settings, SettingsError};

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook-AbCdEf";

    fn not_read<T>(variable: &'static str, secret_arn: &'static str) -> Result<T, SettingsError> {
        Err(SettingsError::SecretNotRead { variable, secret_arn })
    }

    #[test]
    fn a_secret_that_was_not_read_is_no_setting_that_was_left_out() {
        let settings = Settings::from_variables([
            (EVENT_STORE_URL_SECRET_ARN, ARN),
            (READ_DB_URL_SECRET_ARN, ARN),
            (KAFKA_BOOTSTRAP_SERVERS, "one:9096"),
            (KAFKA_SIGN_IN, "scram"),
            (KAFKA_CREDENTIALS_SECRET_ARN, ARN),
        ]);
        assert_eq!(settings.event_store_url_if_set(), not_read(EVENT_STORE_URL, EVENT_STORE_URL_SECRET_ARN));
        assert_eq!(settings.read_db_url(), not_read(READ_DB_URL, READ_DB_URL_SECRET_ARN));
        assert_eq!(settings.kafka(), not_read(KAFKA_USERNAME, KAFKA_CREDENTIALS_SECRET_ARN));
    }

    #[test]
    fn keys_are_not_looked_for_beside_the_event_store_where_a_secret_says_where_they_are() {
        let settings = Settings::from_variables([(EVENT_STORE_URL, "mongodb://db"), (KEY_STORE_URL_SECRET_ARN, ARN)]);
        assert_eq!(settings.key_store(), not_read(KEY_STORE_URL, KEY_STORE_URL_SECRET_ARN));
        let settings = settings.with(KEY_STORE_URL, "mongodb://keys".to_owned());
        let location = settings.key_store().expect("it is read now").location;
        assert_eq!(location, KeyStoreLocation::At(SecretUrl::new("mongodb://keys".to_owned())));
    }
}
