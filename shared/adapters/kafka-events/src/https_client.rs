use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The HTTPS client that AWS's SDK is given: TLS by rustls and ring, and only the authorities that it needs. It is for AWS's
/// own addresses in this region, or for the address that is given. Nothing is connected here.
///
/// # Panics
/// Never: a context is refused for what it says of server names, and this one says nothing of them.
pub(crate) fn https_client(region: &str, endpoint_url: Option<&str>) -> SharedHttpClient {
    let trust_store = if suffice_for(region, endpoint_url) {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS_PEM)
    } else {
        // The machine's.
        TrustStore::default()
    };
    let context = TlsContext::builder().with_trust_store(trust_store).build().expect("no server names");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}
