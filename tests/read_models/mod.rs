//! Further read models, declared for tests alone: a second one of accounts, without lines, and one of two types of aggregate side
//! by side. The contract suite of the read side runs on both.

mod activity; // the last event of every account and of every case
mod balances_by_currency; // one aggregate's second read model, and sums over its rows

pub use activity::ActivityProjection;
pub use balances_by_currency::{BalancesByCurrencyProjection, totals_by_currency};
