use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A currency that an account can be held in: an active ISO 4217 code with a minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    iso: iso_currency::Currency,
    decimals: u8,
}

/// The text is not such a code. Handling: the client's mistake; name the field and refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an active ISO 4217 currency code in upper case")]
pub struct CurrencyError;

/// `iso_currency` marks VES as superseded by VED. ISO 4217's list one has both. People in Venezuela are paid in VES;
/// amendment 170 (2021-10-01) added VED beside it.
const ACTIVE_ALTHOUGH_MARKED: [iso_currency::Currency; 1] = [iso_currency::Currency::VES];

impl Currency {
    /// The number of decimals of its amounts: EUR 2, JPY 0, KWD 3.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// Its code of three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let iso = iso_currency::Currency::from_code(code).ok_or(CurrencyError)?;
        let is_active = ACTIVE_ALTHOUGH_MARKED.contains(&iso) || iso.is_superseded().is_none();
        // Special codes are metals, accounting units and tests. No account can hold them.
        if iso.code() != code || !is_active || iso.is_special() {
            return Err(CurrencyError);
        }
        let decimals = iso.exponent().and_then(|exponent| u8::try_from(exponent).ok()).ok_or(CurrencyError)?;
        Ok(Self { iso, decimals })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_codes_have_their_decimals() {
        for (code, decimals) in
            [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("CZK", 2), ("VES", 2), ("ZWG", 2)]
        {
            assert_eq!(code.parse::<Currency>().map(Currency::decimals), Ok(decimals), "{code}");
        }
    }

    #[test]
    fn superseded_special_unknown_and_ill_written_codes_are_refused() {
        for code in ["HRK", "BGN", "ZWL", "XXX", "XTS", "XAU", "XDR", "ABC", "eur", "Eur", " EUR", "EURO", "", "978"] {
            assert_eq!(code.parse::<Currency>(), Err(CurrencyError), "{code}");
        }
    }
}
