use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest holder, reference or reason, in Unicode characters. A name in ISO 20022 (`Max140Text`) has the
/// same limit.
const MAX_CHARS: usize = 140;

/// The reason why a text is refused. Handling: the client's mistake; name the field and refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is empty after the white space around it is removed.
    #[error("must not be blank")]
    Blank,
    /// The text has more than 140 Unicode characters.
    #[error("must be at most {MAX_CHARS} characters")]
    TooLong,
    /// The text has a control character (Unicode category Cc).
    #[error("must not contain control characters")]
    ControlCharacters,
}

fn check(text: &str) -> Result<(), TextError> {
    if text.chars().any(char::is_control) {
        Err(TextError::ControlCharacters)
    } else if text.chars().nth(MAX_CHARS).is_some() {
        Err(TextError::TooLong)
    } else {
        Ok(())
    }
}

/// The name of an account's holder: 1 to 140 characters, trimmed, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Holder(String);

impl Holder {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Holder {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TextError::Blank);
        }
        check(trimmed)?;
        Ok(Self(trimmed.to_owned()))
    }
}

impl TryFrom<String> for Holder {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Holder> for String {
    fn from(holder: Holder) -> Self {
        holder.0
    }
}

/// An account's holder in an event or a row. The name is personal data, and may have been erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<Holder>", into = "Option<Holder>")]
pub enum HolderName {
    /// The name is known.
    Known(Holder),
    /// The name has been erased for good.
    Erased,
}

impl HolderName {
    /// The text in place of an erased name.
    pub const ERASED: &str = "[erased]";

    /// The name, or [`ERASED`](Self::ERASED).
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(holder) => holder.as_str(),
            Self::Erased => Self::ERASED,
        }
    }
}

impl From<Holder> for HolderName {
    fn from(holder: Holder) -> Self {
        Self::Known(holder)
    }
}

impl From<Option<Holder>> for HolderName {
    fn from(holder: Option<Holder>) -> Self {
        holder.map_or(Self::Erased, Self::Known)
    }
}

impl From<HolderName> for Option<Holder> {
    fn from(name: HolderName) -> Self {
        match name {
            HolderName::Known(holder) => Some(holder),
            HolderName::Erased => None,
        }
    }
}

impl FromStr for HolderName {
    type Err = TextError;

    /// Reads a known name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Known)
    }
}

/// The purpose of a payment, or the reason for closing an account: up to 140 characters, without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

impl Reference {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Reference {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}

/// The kind of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// An account for payments.
    Checking,
    /// An account for savings.
    Savings,
}

/// The text names no kind of account. Handling: the client's mistake; name the field and refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"checking\" or \"savings\"")]
pub struct AccountKindError;

impl AccountKind {
    /// The name in the HTTP contract and in the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Savings => "savings",
        }
    }
}

impl FromStr for AccountKind {
    type Err = AccountKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "checking" => Ok(Self::Checking),
            "savings" => Ok(Self::Savings),
            _ => Err(AccountKindError),
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_trimmed_and_counted_in_unicode_characters() {
        assert_eq!("  Ann Lee\u{a0}".parse::<Holder>().map(String::from), Ok("Ann Lee".to_owned()));
        assert!("é".repeat(140).parse::<Holder>().is_ok());
        assert_eq!("é".repeat(141).parse::<Holder>(), Err(TextError::TooLong));
        for blank in ["", "   ", "\t\n", "\u{2003}"] {
            assert_eq!(blank.parse::<Holder>(), Err(TextError::Blank));
        }
        for text in ["Ann\u{0}Lee", "Ann\nLee", "Ann\u{7f}Lee", "Ann\u{85}Lee"] {
            assert_eq!(text.parse::<Holder>(), Err(TextError::ControlCharacters), "{text:?}");
        }
    }

    #[test]
    fn a_reference_may_be_empty_and_is_kept_as_it_is() {
        assert_eq!(" rent ".parse::<Reference>().map(String::from), Ok(" rent ".to_owned()));
        assert!("".parse::<Reference>().is_ok());
        assert_eq!("x".repeat(141).parse::<Reference>(), Err(TextError::TooLong));
        assert_eq!("a\tb".parse::<Reference>(), Err(TextError::ControlCharacters));
    }
}
