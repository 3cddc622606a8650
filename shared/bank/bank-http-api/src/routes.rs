use http::Method;

/// One line of the HTTP contract.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces, as API Gateway and OpenAPI write them.
    pub path: &'static str,
    /// The function's name, which is also its folder's name.
    pub function: &'static str,
    /// Whether callers without a token may use the route.
    pub is_public: bool,
}

const fn route(method: Method, path: &'static str, function: &'static str) -> Route {
    Route { method, path, function, is_public: false }
}

const fn public(path: &'static str, function: &'static str) -> Route {
    Route { method: Method::GET, path, function, is_public: true }
}

/// Every route. Tests compare `openapi.yaml`, `template.yaml` and the router of `cargo lambda watch` with this list.
pub const ROUTES: &[Route] = &[
    route(Method::POST, "/accounts", "open-account"),
    route(Method::POST, "/accounts/{id}/deposits", "deposit-funds"),
    route(Method::POST, "/accounts/{id}/withdrawals", "withdraw-funds"),
    route(Method::POST, "/accounts/{id}/close", "close-account"),
    route(Method::POST, "/admin/accounts/{id}/erase", "erase-holder"),
    route(Method::POST, "/transfers", "transfer-funds"),
    route(Method::POST, "/transfers/{id}/reversal", "reverse-transfer"),
    route(Method::GET, "/accounts/{id}", "get-account"),
    route(Method::GET, "/accounts", "list-accounts"),
    route(Method::GET, "/accounts/{id}/transactions", "list-transactions"),
    route(Method::GET, "/accounts/{id}/events", "list-account-events"),
    route(Method::GET, "/accounts/{id}/as-of/{time}", "get-account-as-of"),
    route(Method::GET, "/transfers/{id}", "get-transfer"),
    route(Method::GET, "/transfers", "list-transfers"),
    route(Method::POST, "/admin/read-db/restore", "restore-read-db"),
    route(Method::GET, "/admin/read-db/restore/{id}", "get-restore"),
    public("/health", "health"),
    public(OPENAPI_PATH, "api-description"),
];

/// The path of the contract as a document for programs.
pub const OPENAPI_PATH: &str = "/openapi.yaml";

/// The methods of the routes that match a request's path. The list is empty if no route matches.
#[must_use]
pub fn methods_of(path: &str) -> Vec<&'static Method> {
    ROUTES.iter().filter(|route| matches_pattern(route.path, path)).map(|route| &route.method).collect()
}

/// Whether the path matches the pattern. A parameter stands for one segment, which is not empty.
fn matches_pattern(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if pattern == segment => {}
            (Some(pattern), Some(segment)) if pattern.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_routes() {
        for (path, methods) in [
            ("/accounts", vec![&Method::POST, &Method::GET]),
            ("/accounts/1", vec![&Method::GET]),
            ("/accounts/1/as-of/2026-01-01", vec![&Method::GET]),
            ("/openapi.yaml", vec![&Method::GET]),
            ("/admin/read-db/restore", vec![&Method::POST]),
        ] {
            assert_eq!(methods_of(path), methods, "{path}");
        }
    }

    #[test]
    fn a_path_that_is_nobodys_has_none() {
        for path in
            ["", "/", "/account", "/accounts/", "/accounts//events", "/accounts/1/2", "/accounts/1/events/2", "//"]
        {
            assert!(methods_of(path).is_empty(), "{path}");
        }
    }
}
