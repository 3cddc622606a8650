use async_trait::async_trait;

use crate::{Answer, ApiRequest, Problem};

/// What a function's library gives: one request in, one answer or refusal out. `main.rs` hands it to the
/// Lambda runtime ([`run`](crate::run)), the local gateway calls it in its own process
/// ([`serve`](crate::serve())); it cannot tell which.
#[async_trait]
pub trait HttpFunction: Send + Sync {
    /// Answers one request.
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem>;
}
