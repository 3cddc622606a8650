use std::num::NonZeroU8;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::gateway::DEVELOPMENT_CALLER;

/// The arguments of `passbook import`. The profile gives the values that are not set.
#[derive(Debug, Clone, Args)]
pub struct ImportArguments {
    /// The file: CSV, or gzipped CSV when its name ends in .gz. Its first line names the columns. An account's
    /// rows must be in the order in which they happened.
    pub file: PathBuf,
    /// A ready-made set of the options below.
    #[arg(long, value_enum, default_value_t = Profile::Plain)]
    pub profile: Profile,
    /// The accounts' currency.
    #[arg(long)]
    pub currency: Option<String>,
    /// The column with the account.
    #[arg(long)]
    pub account_column: Option<String>,
    /// The column with the row's id. It must tell an account's rows apart for ever, because it is their
    /// idempotency key.
    #[arg(long)]
    pub id_column: Option<String>,
    /// The column of the day (1993-01-31) or time (RFC 3339).
    #[arg(long)]
    pub date_column: Option<String>,
    /// The column with the direction of the money.
    #[arg(long)]
    pub type_column: Option<String>,
    /// The words in that column for money that comes in, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub credit_words: Option<Vec<String>>,
    /// The words in that column for money that goes out, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub debit_words: Option<Vec<String>>,
    /// The column of the amount, above zero.
    #[arg(long)]
    pub amount_column: Option<String>,
    /// The column of the balance after the row. The import compares its own balance with it.
    #[arg(long)]
    pub balance_column: Option<String>,
    /// The column of the file's own rounding: the part of the balance's change that is not in the amount.
    #[arg(long)]
    pub residual_column: Option<String>,
    /// The columns whose texts make the reference, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub reference_columns: Option<Vec<String>>,
    /// The character that separates the columns.
    #[arg(long)]
    pub delimiter: Option<char>,
    /// The name of the import. The same name and file again continue where the last run stopped. Another name
    /// imports the file once more, into accounts of its own. The default is the file's name.
    #[arg(long)]
    pub name: Option<String>,
    /// The owner of the accounts.
    #[arg(long, default_value = DEVELOPMENT_CALLER)]
    pub caller: String,
    /// The number of accounts that are played at once.
    #[arg(long, default_value = "8")]
    pub concurrency: NonZeroU8,
}

/// A ready-made set of options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Columns account, id, date, type (credit or debit), amount, balance, reference; EUR.
    Plain,
    /// The transactions of the PKDD'99 Discovery Challenge (a Czech bank, 1993 to 1998), as CSV.
    Pkdd99,
}

/// How to read a file: the profile, with the options replacing its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileFormat {
    pub(crate) currency: String,
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) date: String,
    pub(crate) direction: String,
    pub(crate) credit_words: Vec<String>,
    pub(crate) debit_words: Vec<String>,
    pub(crate) amount: String,
    pub(crate) balance: String,
    pub(crate) residual: Option<String>,
    pub(crate) references: Vec<String>,
    pub(crate) delimiter: char,
}

impl Profile {
    fn format(self) -> FileFormat {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let plain = FileFormat {
            currency: "EUR".to_owned(),
            account: "account".to_owned(),
            id: "id".to_owned(),
            date: "date".to_owned(),
            direction: "type".to_owned(),
            credit_words: words(&["credit"]),
            debit_words: words(&["debit"]),
            amount: "amount".to_owned(),
            balance: "balance".to_owned(),
            residual: None,
            references: words(&["reference"]),
            delimiter: ',',
        };
        match self {
            Self::Plain => plain,
            Self::Pkdd99 => FileFormat {
                currency: "CZK".to_owned(),
                account: "account_id".to_owned(),
                id: "trans_id".to_owned(),
                // PRIJEM is income. VYDAJ is expense. VYBER is a withdrawal, with which some rows are marked
                // directly.
                credit_words: words(&["PRIJEM"]),
                debit_words: words(&["VYDAJ", "VYBER"]),
                residual: Some("residual".to_owned()),
                references: words(&["operation", "k_symbol"]),
                ..plain
            },
        }
    }
}

impl ImportArguments {
    /// The profile, with the options replacing its values.
    pub(crate) fn format(&self) -> FileFormat {
        let profile = self.profile.format();
        let or = |option: &Option<String>, default: String| option.clone().unwrap_or(default);
        FileFormat {
            currency: or(&self.currency, profile.currency),
            account: or(&self.account_column, profile.account),
            id: or(&self.id_column, profile.id),
            date: or(&self.date_column, profile.date),
            direction: or(&self.type_column, profile.direction),
            credit_words: self.credit_words.clone().unwrap_or(profile.credit_words),
            debit_words: self.debit_words.clone().unwrap_or(profile.debit_words),
            amount: or(&self.amount_column, profile.amount),
            balance: or(&self.balance_column, profile.balance),
            residual: self.residual_column.clone().or(profile.residual),
            references: self.reference_columns.clone().unwrap_or(profile.references),
            delimiter: self.delimiter.unwrap_or(profile.delimiter),
        }
    }

    /// The name of the import.
    pub(crate) fn import_name(&self) -> String {
        let file_name = || self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        self.name.clone().or_else(file_name).unwrap_or_default()
    }
}
