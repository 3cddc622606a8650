use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cqrs::Timestamp;
use http::request::Parts;
use http::{HeaderMap, header};
use http_api::CorrelationId;
use serde_json::{Value, json};

use super::{Claims, Route};

/// The name of this API in every event. The name that the client used is not handed on.
const DOMAIN_NAME: &str = "localhost";

/// The event that API Gateway's HTTP API makes of a request, payload format version 2.0
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
#[must_use]
pub fn api_gateway_event(
    route: &Route,
    parts: &Parts,
    path_parameters: &[(String, String)],
    claims: Option<&Claims>,
    body: &[u8],
    correlation_id: &CorrelationId,
) -> Value {
    let now = Timestamp::now();
    let headers = joined_headers(&parts.headers);
    let path_parameters: BTreeMap<&str, &str> =
        path_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // API Gateway hands on text unchanged, and any other body in base64.
    let (body, is_base64_encoded) = match std::str::from_utf8(body) {
        Ok("") => (None, false),
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(STANDARD.encode(body)), true),
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{} {}", route.method, route.path),
        "rawPath": parts.uri.path(),
        "rawQueryString": parts.uri.query().unwrap_or(""),
        "headers": headers,
        "pathParameters": path_parameters,
        "requestContext": {
            "accountId": "local",
            "apiId": "local",
            "domainName": DOMAIN_NAME,
            "domainPrefix": DOMAIN_NAME,
            "http": {
                "method": parts.method.as_str(),
                "path": parts.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").map_or("", String::as_str),
            },
            "requestId": correlation_id.as_str(),
            "routeKey": format!("{} {}", route.method, route.path),
            "stage": "$default",
            "time": now.to_string(),
            "timeEpoch": now.unix_millis(),
        },
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    });
    if let Some(claims) = claims {
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    event
}

/// The headers as API Gateway joins them, with commas between a header's values. The token is for the authorizer alone,
/// so no function gets it. `Host` and `X-Forwarded-Proto` are API Gateway's own and never the client's. `lambda_http`
/// makes a URL of the two, and panics if they do not give a URL.
fn joined_headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut joined = BTreeMap::new();
    for name in headers.keys() {
        let values: Vec<String> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        joined.insert(name.as_str(), values.join(","));
    }
    joined.remove(header::AUTHORIZATION.as_str());
    joined.insert(header::HOST.as_str(), DOMAIN_NAME.to_owned());
    joined.insert("x-forwarded-proto", "http".to_owned());
    joined
}
