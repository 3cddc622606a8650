use cqrs::{Timestamp, TimestampError};
use http::{HeaderMap, Method, header};
use lambda_http::{Body, Request, RequestExt as _};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::{caller_of, require};
use crate::command_headers::{expected_version, idempotency};
use crate::entity_tag::matches_version;
use crate::{Caller, CorrelationId, Problem, QueryParameters, Scope, json_body};

/// A request for a function. Each method parses one part, or refuses it.
#[derive(Debug)]
pub struct ApiRequest {
    request: Request,
    correlation_id: CorrelationId,
}

impl ApiRequest {
    pub(crate) const fn new(request: Request, correlation_id: CorrelationId) -> Self {
        Self { request, correlation_id }
    }

    /// The request's correlation id.
    #[must_use]
    pub const fn correlation_id(&self) -> &CorrelationId {
        &self.correlation_id
    }

    /// The caller, if its token has this scope.
    ///
    /// # Errors
    /// `unauthenticated` without a token, `forbidden` without the scope.
    pub fn caller(&self, scope: Scope) -> Result<Caller, Problem> {
        require(caller_of(&self.request), scope)
    }

    /// The caller, if the request has a token. It is for routes that are open to everyone.
    #[must_use]
    pub fn caller_if_any(&self) -> Option<Caller> {
        caller_of(&self.request)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The whole path, as the client sent it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.raw_http_path()
    }

    /// The `id` in the path. Only the function knows its kind.
    #[must_use]
    pub fn path_id(&self) -> Option<String> {
        self.request.path_parameters_ref()?.first("id").map(ToOwned::to_owned)
    }

    /// The time in the path, under the name that the route gives it.
    ///
    /// # Errors
    /// `malformed_request` for a text that is not an RFC 3339 time.
    pub fn time_in_path(&self, name: &'static str) -> Result<Timestamp, Problem> {
        let text = self.request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default();
        // The text may be decoded already. No time has a percent sign, so a second decoding changes nothing.
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map_err(|_| TimestampError)
            .and_then(|text| text.parse())
            .map_err(|error| Problem::malformed(format!("The {name} in the path {error}.")))
    }

    /// The query parameters.
    ///
    /// # Errors
    /// `malformed_request` for a parameter that is not in `known`, comes twice or is not UTF-8.
    pub fn query(&self, known: &[&'static str]) -> Result<QueryParameters, Problem> {
        QueryParameters::parse(self.request.uri().query().unwrap_or(""), known)
    }

    /// A header's text.
    ///
    /// # Errors
    /// `malformed_request` when it comes twice or is not visible ASCII.
    pub fn header(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        header_of(self.request.headers(), name)
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    pub(crate) fn body(&self) -> &[u8] {
        match self.request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            _ => &[],
        }
    }

    /// The body, a JSON object that must be there.
    ///
    /// # Errors
    /// `unsupported_media_type`, or `malformed_request` for a body that is not such an object.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json_body::parse(self.header(header::CONTENT_TYPE.as_str())?, self.body())
    }

    /// The body, a JSON object that may be left out.
    ///
    /// # Errors
    /// As for [`Self::json`].
    pub fn json_if_any<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body().is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// The context of a command: the caller, the idempotency key, and the expected version. `command`, in its
    /// serialized form, decides whether two requests are the same.
    ///
    /// # Errors
    /// `malformed_request` for a bad `Idempotency-Key` or `If-Match`.
    pub fn command_context<C: Serialize>(&self, caller: &Caller, command: &C) -> Result<cqrs::CommandContext, Problem> {
        let correlation_id = self.correlation_id.as_str().to_owned();
        Ok(cqrs::CommandContext {
            caller: caller.subject.clone(),
            causation_id: correlation_id.clone(),
            correlation_id,
            idempotency: self
                .idempotency_key()?
                .map(|key| idempotency(caller, self.request.raw_http_path(), key, command)),
            expected_version: self.header(header::IF_MATCH.as_str())?.map(expected_version).transpose()?.flatten(),
            issued_at: Timestamp::now(),
        })
    }

    /// The client's idempotency key.
    ///
    /// # Errors
    /// `malformed_request` unless it is 1 to 255 printable ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        self.header("idempotency-key")?.map(crate::command_headers::idempotency_key).transpose()
    }

    /// The context of a query.
    #[must_use]
    pub fn query_context(&self, caller: &Caller) -> cqrs::QueryContext {
        cqrs::QueryContext { caller: caller.subject.clone(), correlation_id: self.correlation_id.as_str().to_owned() }
    }

    /// The version that the read side must have reached.
    ///
    /// # Errors
    /// `malformed_request` unless it is a whole number from 1.
    pub fn min_version(&self) -> Result<Option<u64>, Problem> {
        self.header("passbook-min-version")?
            .map(|text| {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse()
                    .ok()
                    .filter(|version| is_plain && *version >= 1)
                    .ok_or_else(|| Problem::malformed("Passbook-Min-Version must be a whole number from 1."))
            })
            .transpose()
    }

    /// Whether the client already has this version, according to `If-None-Match`.
    ///
    /// # Errors
    /// `malformed_request` when the header is not a list of entity tags.
    pub fn has_version(&self, version: u64) -> Result<bool, Problem> {
        let if_none_match = self.header(header::IF_NONE_MATCH.as_str())?;
        if_none_match.map_or(Ok(false), |header| matches_version(header, version))
    }
}

fn header_of<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::malformed(format!("The header {name} comes more than once.")));
    }
    value.to_str().map(Some).map_err(|_| Problem::malformed(format!("The header {name} is not visible ASCII.")))
}
