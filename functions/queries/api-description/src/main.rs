//! `GET /openapi.yaml`, and whatever no route is for: API Gateway -> **this function** -> nothing, it has all it needs.

use api_description::ApiDescriptionFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    http_api::run(ApiDescriptionFunction).await
}
