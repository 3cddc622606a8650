use http::Method;

/// The function that answers a method and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces, as API Gateway and OpenAPI write them.
    pub path: String,
    /// The name of the function.
    pub function: String,
    /// Whether callers without a token are let through.
    pub is_public: bool,
}
