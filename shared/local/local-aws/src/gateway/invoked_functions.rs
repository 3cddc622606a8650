use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use http_api::{CorrelationId, Problem, ProblemCode, render_problem};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::{Body, Response};
use serde_json::Value;

use crate::{InvokeClient, InvokeError};

/// Functions that are processes of their own. A function is invoked with the event, and its result is the answer, as with API
/// Gateway.
#[derive(Clone)]
pub(crate) struct InvokedFunctions {
    client: InvokeClient,
}

/// The reason why a function's result is not an HTTP answer.
#[derive(Debug, thiserror::Error)]
enum PayloadError {
    #[error("it does not have API Gateway's form")]
    OtherForm(#[from] serde_json::Error),
    #[error("its body is not Base64")]
    Body(#[from] base64::DecodeError),
    #[error("its status or a header is not valid in HTTP")]
    NotHttp(#[from] http::Error),
}

impl InvokedFunctions {
    /// Functions behind this client's Invoke API.
    pub(crate) const fn new(client: InvokeClient) -> Self {
        Self { client }
    }

    /// The function's answer, or a refusal if the function gives none.
    pub(crate) async fn answer(&self, function: &str, event: &Value, correlation_id: &CorrelationId) -> Response<Body> {
        let problem = match self.client.invoke(function, event.to_string().into_bytes()).await {
            Ok(invocation) => match response_of(&invocation.payload) {
                Ok(response) => return response,
                Err(error) => {
                    tracing::error!(function, %error, causes = telemetry::causes(&error), "not an answer");
                    Problem::internal_error()
                }
            },
            Err(error) => {
                tracing::error!(function, %error, causes = telemetry::causes(&error), "no answer");
                problem_of(&error)
            }
        };
        render_problem(problem, correlation_id)
    }
}

fn problem_of(error: &InvokeError) -> Problem {
    match error {
        InvokeError::Function { .. } => Problem::internal_error(),
        // The function may have run nevertheless. A client that sends an idempotency key may try again.
        InvokeError::TimedOut { .. } | InvokeError::Refused { .. } | InvokeError::Unreachable(_) => {
            Problem::new(ProblemCode::UNAVAILABLE, "The function cannot be reached now.")
        }
    }
}

/// The answer in the form that a function returns, payload format version 2.0
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
fn response_of(payload: &[u8]) -> Result<Response<Body>, PayloadError> {
    let returned: ApiGatewayV2httpResponse = serde_json::from_slice(payload)?;
    let status = u16::try_from(returned.status_code).unwrap_or_default();
    let body = match returned.body {
        Some(body) if returned.is_base64_encoded => Body::Binary(STANDARD.decode(body.as_ref())?),
        Some(body) => body,
        None => Body::Empty,
    };
    let mut response =
        Response::builder().status(StatusCode::from_u16(status).map_err(http::Error::from)?).body(body)?;
    *response.headers_mut() = returned.headers;
    for cookie in returned.cookies {
        let value = HeaderValue::try_from(cookie).map_err(http::Error::from)?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(payload: &Value) -> Result<Response<Body>, PayloadError> {
        response_of(payload.to_string().as_bytes())
    }

    #[test]
    fn what_a_function_returns_is_the_answer() {
        let returned = json!({
            "statusCode": 201, "headers": {"location": "/accounts/1"}, "multiValueHeaders": {}, "cookies": ["a=b"],
            "body": "{}", "isBase64Encoded": false,
        });
        let response = response(&returned).expect("an answer");
        assert_eq!((response.status().as_u16(), response.body()), (201, &Body::Text("{}".to_owned())));
        assert_eq!(response.headers()["location"], "/accounts/1");
        assert_eq!(response.headers()["set-cookie"], "a=b");
    }

    #[test]
    fn a_body_may_be_bytes_or_missing() {
        let bytes = json!({"statusCode": 200, "body": "/w==", "isBase64Encoded": true, "cookies": []});
        assert_eq!(response(&bytes).expect("an answer").body(), &Body::Binary(vec![0xff]));
        let none = json!({"statusCode": 304, "headers": {}, "isBase64Encoded": false, "cookies": []});
        assert_eq!(response(&none).expect("an answer").body(), &Body::Empty);
    }

    #[test]
    fn what_is_no_answer_of_http_is_told() {
        for returned in [
            json!({"errorType": "Panic", "errorMessage": "…"}),
            json!({"statusCode": -1, "cookies": []}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true, "cookies": []}),
        ] {
            assert!(response(&returned).is_err(), "{returned}");
        }
    }
}
