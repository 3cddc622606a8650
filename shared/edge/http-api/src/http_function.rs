use async_trait::async_trait;

use crate::{Answer, ApiRequest, Problem};

/// The interface of a function's library: one request in, one answer or refusal out. `main.rs` hands it to the Lambda
/// runtime ([`run`](crate::run)). The local gateway calls it in its own process ([`serve`](crate::serve())). The
/// function cannot tell the difference.
#[async_trait]
pub trait HttpFunction: Send + Sync {
    /// The media type of the answer to this request, if it is not a refusal. A client that does not take the type is
    /// refused. With `None`, every client is accepted.
    fn media_type(&self, _request: &ApiRequest) -> Option<&'static str> {
        Some("application/json")
    }

    /// Answers one request.
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem>;
}
