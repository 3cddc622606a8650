use std::collections::BTreeMap;
use std::sync::Arc;

use api_description::ApiDescriptionFunction;
use bank::AccountAggregate;
use bank_read_model::PROJECTIONS;
use close_account::CloseAccountFunction;
use cqrs::EventSourcingHandler;
use deposit_funds::DepositFundsFunction;
use erase_holder::EraseHolderFunction;
use get_account::GetAccountFunction;
use get_account_as_of::GetAccountAsOfFunction;
use get_restore::GetRestoreFunction;
use get_transfer::GetTransferFunction;
use health::{DependencyCheck, EventStoreCheck, HealthFunction, KeyStoreCheck, ReadDbCheck};
use http_api::HttpFunction;
use list_account_events::ListAccountEventsFunction;
use list_accounts::ListAccountsFunction;
use list_transactions::ListTransactionsFunction;
use list_transfers::ListTransfersFunction;
use open_account::OpenAccountFunction;
use restore::RestoreTrigger;
use restore_read_db::RestoreReadDbFunction;
use reverse_transfer::ReverseTransferFunction;
use transfer_funds::TransferFundsFunction;
use withdraw_funds::WithdrawFundsFunction;

use crate::stack::Stack;

type Function = Arc<dyn HttpFunction>;

/// Every function, by its name.
pub(crate) fn functions(stack: &Stack, restore_trigger: Arc<dyn RestoreTrigger>) -> BTreeMap<String, Function> {
    let Stack {
        event_store_repository,
        publisher,
        keys,
        personal_data,
        account_repository,
        transfer_repository,
        register,
        bus_check,
        restore_store,
        ..
    } = stack;
    // One handler for all commands on accounts, so that they share the lanes.
    let accounts: EventSourcingHandler<AccountAggregate> =
        EventSourcingHandler::new(event_store_repository.clone(), publisher.clone());
    let open_account = OpenAccountFunction::new(accounts.clone(), personal_data.clone());
    let checks: Vec<Arc<dyn DependencyCheck>> = vec![
        Arc::new(EventStoreCheck { event_store_repository: event_store_repository.clone() }),
        Arc::new(KeyStoreCheck { keys: keys.clone() }),
        bus_check.clone(),
        Arc::new(ReadDbCheck { register: register.clone(), projections: PROJECTIONS }),
    ];
    let functions = [
        ("open-account", Arc::new(open_account) as Function),
        ("deposit-funds", Arc::new(DepositFundsFunction::new(accounts.clone()))),
        ("withdraw-funds", Arc::new(WithdrawFundsFunction::new(accounts.clone()))),
        ("close-account", Arc::new(CloseAccountFunction::new(accounts.clone()))),
        ("erase-holder", Arc::new(EraseHolderFunction::new(accounts.clone(), keys.clone()))),
        ("transfer-funds", Arc::new(TransferFundsFunction::new(accounts.clone()))),
        ("reverse-transfer", Arc::new(ReverseTransferFunction::new(accounts))),
        ("get-account", Arc::new(GetAccountFunction::new(account_repository.clone()))),
        ("list-accounts", Arc::new(ListAccountsFunction::new(account_repository.clone()))),
        ("list-transactions", Arc::new(ListTransactionsFunction::new(account_repository.clone()))),
        (
            "list-account-events",
            Arc::new(ListAccountEventsFunction::new(event_store_repository.clone(), personal_data.clone())),
        ),
        (
            "get-account-as-of",
            Arc::new(GetAccountAsOfFunction::new(event_store_repository.clone(), personal_data.clone())),
        ),
        ("get-transfer", Arc::new(GetTransferFunction::new(transfer_repository.clone()))),
        (
            "list-transfers",
            Arc::new(ListTransfersFunction::new(account_repository.clone(), transfer_repository.clone())),
        ),
        ("restore-read-db", Arc::new(RestoreReadDbFunction::new(restore_store.clone(), restore_trigger))),
        ("get-restore", Arc::new(GetRestoreFunction::new(restore_store.clone()))),
        ("api-description", Arc::new(ApiDescriptionFunction)),
        ("health", Arc::new(HealthFunction::new(checks))),
    ];
    functions.into_iter().map(|(name, function)| (name.to_owned(), function)).collect()
}
