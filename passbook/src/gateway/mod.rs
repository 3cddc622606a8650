//! The parts of the local gateway: the routes, the functions behind them, and the console.

mod console; // the console's files
mod functions; // every function, on this stack's adapters

use std::sync::Arc;

use bank_http_api::{ROUTES, scopes};
use http_api::Scope;
use local_aws::{Functions, Gateway, Route, TokenChecker, TokenCheckerError};
use restore::RestoreTrigger;

use crate::stack::Stack;

/// The caller that every request has when tokens are not checked.
pub const DEVELOPMENT_CALLER: &str = "developer";

/// The gateway before the functions. Their handlers run on this stack's databases, or in processes of their own if the
/// settings say so. `restore_trigger` tells the process that does restores.
pub(crate) fn gateway(stack: &Stack, restore_trigger: Arc<dyn RestoreTrigger>, tokens: TokenChecker) -> Gateway {
    Gateway::new(routes(), functions_of(stack, restore_trigger), console::FILES.to_vec(), tokens)
}

/// Checks tokens against this key set. Without a key set every request is the development caller, with every scope.
pub(crate) fn token_checker(
    jwks: Option<&str>,
    issuer: Option<&str>,
    audience: Option<&str>,
) -> Result<TokenChecker, TokenCheckerError> {
    match jwks {
        Some(jwks) => TokenChecker::against_key_set(jwks, issuer, audience),
        None => Ok(TokenChecker::for_development(DEVELOPMENT_CALLER, &scopes::ALL.map(Scope::as_str))),
    }
}

fn routes() -> Vec<Route> {
    let routes = ROUTES.iter().map(|route| Route {
        method: route.method.clone(),
        path: route.path.to_owned(),
        function: route.function.to_owned(),
        is_public: route.is_public,
    });
    routes.collect()
}

fn functions_of(stack: &Stack, restore_trigger: Arc<dyn RestoreTrigger>) -> Functions {
    #[cfg(feature = "servers")]
    if let Some(client) = stack.invoke_client() {
        return Functions::invoked(client);
    }
    Functions::here(functions::functions(stack, restore_trigger))
}
