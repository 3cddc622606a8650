use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use http::Uri;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// The address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// AWS's own address of the service in this region, if it is known.
    pub(crate) fn of_service(service: &str, region: &str) -> Option<Self> {
        let is_region = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let domain = domain(region).filter(|_| is_region)?;
        Some(Self { is_tls: true, host: format!("{service}.{region}.{domain}"), port: 443 })
    }

    /// The address in the URL. Only the scheme and the host are taken from it.
    pub(crate) fn at(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let (is_tls, default_port) = match url.scheme_str()? {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return None,
        };
        Some(Self { is_tls, host: url.host()?.to_owned(), port: url.port_u16().unwrap_or(default_port) })
    }

    /// The address in the form of a request, without a default port.
    pub(crate) fn authority(&self) -> String {
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// The domain of the region's part of AWS. As in AWS's SDKs, a region without a special prefix belongs to the first part.
fn domain(region: &str) -> Option<&'static str> {
    let is_in = |part_of_aws: &str| region.starts_with(part_of_aws);
    match region {
        _ if is_in("cn-") => Some("amazonaws.com.cn"),
        _ if is_in("eusc-") => Some("amazonaws.eu"),
        // These parts are cut off from the others and have domains of their own.
        _ if is_in("us-iso") || is_in("eu-iso") => None,
        _ => Some("amazonaws.com"),
    }
}

/// The authorities that may vouch for the server. They are built in, like those of the databases' drivers, because reading the
/// machine's would cost a starting function milliseconds. For AWS only Amazon's own are trusted where they are enough, and
/// otherwise those that browsers trust.
pub(crate) fn roots(region: &str, endpoint_url: Option<&str>) -> RootCertStore {
    if !suffice_for(region, endpoint_url) {
        return RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(AMAZON_ROOTS_PEM.as_bytes()) {
        roots.add(certificate.expect("they are PEM")).expect("they are certificates of authorities");
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_asked_in_its_region_at_the_domain_of_that_part_of_aws() {
        for (region, authority) in [
            ("eu-central-1", "kms.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "kms.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "kms.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "kms.eusc-de-east-1.amazonaws.eu"),
        ] {
            let place = Place::of_service("kms", region).expect(region);
            assert_eq!((&*place.authority(), place.port, place.is_tls), (authority, 443, true));
        }
    }

    #[test]
    fn what_is_no_region_or_one_of_domains_that_are_not_known_has_no_place() {
        for region in ["", "evil.example/", "eu-central-1@evil", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"] {
            assert_eq!(Place::of_service("kms", region), None, "{region}");
        }
    }

    #[test]
    fn another_address_than_aws_s_own_is_a_url_s() {
        for (url, authority, port, is_tls) in [
            ("http://127.0.0.1:5000", "127.0.0.1:5000", 5_000, false),
            ("https://vpce-1.secretsmanager.example", "vpce-1.secretsmanager.example", 443, true),
            ("http://stand-in/", "stand-in", 80, false),
        ] {
            let place = Place::at(url).expect("a place");
            assert_eq!((&*place.authority(), place.port, place.is_tls), (authority, port, is_tls));
        }
        for other in ["", "ftp://stand-in", "stand-in", "https://"] {
            assert_eq!(Place::at(other), None, "{other}");
        }
    }

    #[test]
    fn for_aws_amazon_s_authorities_vouch_and_for_others_those_of_browsers() {
        assert_eq!(roots("eu-central-1", None).len(), 5);
        for (region, endpoint_url) in [("eu-central-1", Some("https://stand-in.example")), ("cn-north-1", None)] {
            assert!(roots(region, endpoint_url).len() > 50, "{region}");
        }
    }
}
