//! `GET /openapi.yaml`, and all requests that match no route: API Gateway -> **this function**, which needs nothing
//! else.

use api_description::ApiDescriptionFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    http_api::run(ApiDescriptionFunction).await
}
