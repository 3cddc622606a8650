use async_trait::async_trait;

use crate::{Answer, ApiRequest, Problem};

/// What a function's library gives: one request in, one answer or refusal out. `main.rs` hands it to the
/// Lambda runtime ([`run`](crate::run)), the local gateway calls it in its own process
/// ([`serve`](crate::serve())); it cannot tell which.
#[async_trait]
pub trait HttpFunction: Send + Sync {
    /// The media type of the answer to this request, if it is not a refusal; a client that would not take it is refused. `None`
    /// asks nothing of the client.
    fn media_type(&self, _request: &ApiRequest) -> Option<&'static str> {
        Some("application/json")
    }

    /// Answers one request.
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem>;
}
