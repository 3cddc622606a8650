//! Any request -> **this function** -> `200`: the least that a function of `lambda_http` can be. `make cold-start` holds the
//! others against it; it is built as they are and never deployed.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(|_request: Request| async { Ok::<_, Error>(Response::new(Body::Empty)) })).await
}
