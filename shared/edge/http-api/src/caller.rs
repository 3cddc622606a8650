use std::collections::BTreeSet;

use bank::Actor;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};

use crate::{Problem, ProblemCode};

/// What a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Commands on one's own accounts.
    AccountsWrite,
    /// Queries on one's own accounts.
    AccountsRead,
    /// Any caller's accounts, within the two above.
    Teller,
    /// Restores, and the details of the health check.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::AccountsWrite, Self::AccountsRead, Self::Teller, Self::Admin];

    /// The scope as it stands in a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountsWrite => "accounts:write",
            Self::AccountsRead => "accounts:read",
            Self::Teller => "teller",
            Self::Admin => "admin",
        }
    }
}

/// Who asks, by a token that the authorizer in front has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`, which owns what it opens.
    pub subject: String,
    scopes: BTreeSet<Scope>,
}

impl Caller {
    /// Whether the token has this scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The caller as the domain knows it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { caller: self.subject.clone(), is_teller: self.has(Scope::Teller) }
    }
}

/// From the claims of API Gateway's JWT authorizer, which are in the request's context and cannot be sent
/// by a client.
pub(crate) fn caller_of(request: &Request) -> Option<Caller> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let claims = &context.authorizer.as_ref()?.jwt.as_ref()?.claims;
    let subject = claims.get("sub").filter(|subject| !subject.is_empty())?.clone();
    // RFC 8693 has `scope`, separated by spaces; some issuers have `scp`, an array, which API Gateway writes
    // as `[a b]`.
    let scopes = claims.get("scope").or_else(|| claims.get("scp")).map_or("", String::as_str);
    let words: Vec<&str> = scopes.trim_matches(['[', ']']).split([' ', ',']).collect();
    let scopes = Scope::ALL.into_iter().filter(|scope| words.contains(&scope.as_str())).collect();
    Some(Caller { subject, scopes })
}

pub(crate) fn require(caller: Option<Caller>, scope: Scope) -> Result<Caller, Problem> {
    let caller = caller
        .ok_or_else(|| Problem::new(ProblemCode::Unauthenticated, "Send a valid token as Authorization: Bearer ..."))?;
    if caller.has(scope) {
        Ok(caller)
    } else {
        Err(Problem::new(ProblemCode::Forbidden, format!("The token lacks the scope {}.", scope.as_str())))
    }
}
