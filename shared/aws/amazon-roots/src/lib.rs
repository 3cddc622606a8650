//! The authorities that issue AWS's own certificates. A program that speaks only to AWS need not read the machine's hundred and
//! more certificates, which costs a starting function milliseconds.

/// The five authorities that Amazon Trust Services recommends for a trust store of one's own
/// (<https://www.amazontrust.com/repository/>), as PEM.
pub const AMAZON_ROOTS_PEM: &str = include_str!("amazon-roots.pem");

/// Whether these authorities are enough for an AWS service in this region, at AWS's own address or at the given one. They are
/// not enough in the parts of AWS that have their own authorities, or for a server that is not AWS's.
#[must_use]
pub fn suffice_for(region: &str, endpoint_url: Option<&str>) -> bool {
    let is_somebody_elses = endpoint_url.is_some_and(|url| url.starts_with("https:"));
    let has_its_own = ["cn-", "us-iso", "eu-iso"].iter().any(|part_of_aws| region.starts_with(part_of_aws));
    !is_somebody_elses && !has_its_own
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The fingerprints that Amazon Trust Services publishes: the hashes of the keys (SubjectPublicKeyInfo) of the
    /// certificates.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn they_are_the_five_that_are_published() {
        let certificates = AMAZON_ROOTS_PEM.split("-----BEGIN CERTIFICATE-----").skip(1).map(|behind| {
            let (base64, _) = behind.split_once("-----END CERTIFICATE-----").expect("an end");
            STANDARD.decode(base64.split_whitespace().collect::<String>()).expect("base64")
        });
        let fingerprints: Vec<String> = certificates
            .map(|certificate| {
                Sha256::digest(&certificate).iter().fold(String::new(), |mut hex, byte| {
                    write!(hex, "{byte:02x}").expect("a text takes everything");
                    hex
                })
            })
            .collect();
        assert_eq!(fingerprints, FINGERPRINTS);
    }

    #[test]
    fn they_are_not_taken_for_whom_they_do_not_vouch() {
        for region in ["eu-central-1", "us-gov-west-1", "us-east-1"] {
            assert!(suffice_for(region, None), "{region}");
        }
        for region in ["cn-north-1", "us-iso-east-1", "us-isob-east-1"] {
            assert!(!suffice_for(region, None), "{region}");
        }
        assert!(!suffice_for("eu-central-1", Some("https://stand-in.example")));
        // Without TLS there is no certificate to check.
        assert!(suffice_for("eu-central-1", Some("http://127.0.0.1:5000")));
    }
}
