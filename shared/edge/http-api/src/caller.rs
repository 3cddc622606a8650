use std::collections::BTreeSet;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};

use crate::{Problem, ProblemCode};

/// A right that a token may give, named by the word in the token. A domain declares its own scopes beside
/// [`Self::ADMIN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(&'static str);

impl Scope {
    /// Restores, and the details of the health check.
    pub const ADMIN: Self = Self::new("admin");

    /// The scope of this word.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The word in a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// The caller of a request. The authorizer in front has checked its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`. It owns the accounts that it opens.
    pub subject: String,
    scopes: BTreeSet<String>,
}

impl Caller {
    /// Whether the token has this scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(scope.as_str())
    }
}

/// The caller from the claims of API Gateway's JWT authorizer. The claims are in the request's context, and no client
/// can send them.
pub(crate) fn caller_of(request: &Request) -> Option<Caller> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let claims = &context.authorizer.as_ref()?.jwt.as_ref()?.claims;
    let subject = claims.get("sub").filter(|subject| !subject.is_empty())?.clone();
    // RFC 8693 has `scope`, separated by spaces. Some issuers have `scp`, an array, which API Gateway writes as `[a
    // b]`.
    let scopes = claims.get("scope").or_else(|| claims.get("scp")).map_or("", String::as_str);
    let scopes = scopes.trim_matches(['[', ']']).split([' ', ',']).map(ToOwned::to_owned).collect();
    Some(Caller { subject, scopes })
}

pub(crate) fn require(caller: Option<Caller>, scope: Scope) -> Result<Caller, Problem> {
    let caller = caller
        .ok_or_else(|| Problem::new(ProblemCode::UNAUTHENTICATED, "Send a valid token as Authorization: Bearer ..."))?;
    if caller.has(scope) {
        Ok(caller)
    } else {
        Err(Problem::new(ProblemCode::FORBIDDEN, format!("The token lacks the scope {}.", scope.as_str())))
    }
}
