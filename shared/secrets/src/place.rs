use http::Uri;
use http::uri::Scheme;

/// Where the Secrets Manager of a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What the signature is for.
    pub(crate) region: String,
}

impl Place {
    /// In the region that the secret's ARN names, at this address or else at AWS's own.
    pub(crate) fn of_secret(arn: &str, endpoint_url: Option<&Uri>) -> Option<Self> {
        // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let ["arn", partition, "secretsmanager", region, _account, "secret", _name] = parts[..] else {
            return None;
        };
        let is_region = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_region {
            return None;
        }
        let region = region.to_owned();
        match endpoint_url {
            Some(url) => Self::at(url, region),
            None => {
                let host = format!("secretsmanager.{region}.{}", domain(partition)?);
                Some(Self { is_tls: true, host, port: 443, region })
            }
        }
    }

    fn at(url: &Uri, region: String) -> Option<Self> {
        let is_tls = *url.scheme()? == Scheme::HTTPS;
        let host = url.host()?.to_owned();
        Some(Self { is_tls, host, port: url.port_u16().unwrap_or(if is_tls { 443 } else { 80 }), region })
    }

    /// As the request names it, without a port that goes without saying.
    pub(crate) fn authority(&self) -> String {
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// The domain of a part of AWS.
fn domain(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" | "aws-us-gov" => Some("amazonaws.com"),
        "aws-cn" => Some("amazonaws.com.cn"),
        "aws-eusc" => Some("amazonaws.eu"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_asked_for_in_the_region_of_its_arn() {
        let place = |arn| Place::of_secret(arn, None).map(|place| (place.authority(), place.region, place.is_tls));
        assert_eq!(
            place("arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook/url-AbCdEf"),
            Some(("secretsmanager.eu-central-1.amazonaws.com".to_owned(), "eu-central-1".to_owned(), true))
        );
        assert_eq!(
            place("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:url-AbCdEf").map(|place| place.0),
            Some("secretsmanager.cn-north-1.amazonaws.com.cn".to_owned())
        );
    }

    #[test]
    fn what_is_no_secret_s_arn_has_no_place() {
        for other in [
            "",
            "passbook/url",
            "arn:aws:secretsmanager::123456789012:secret:url",
            "arn:aws:secretsmanager:evil.example/:123456789012:secret:url",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret",
            "arn:aws:ssm:eu-central-1:123456789012:secret:url",
            "arn:aws-elsewhere:secretsmanager:eu-central-1:123456789012:secret:url",
        ] {
            assert_eq!(Place::of_secret(other, None), None, "{other}");
        }
    }

    #[test]
    fn another_address_than_aws_s_own_keeps_the_region() {
        let arn = "arn:aws-elsewhere:secretsmanager:eu-central-1:123456789012:secret:url";
        for (url, authority, port, is_tls) in [
            ("http://127.0.0.1:5000", "127.0.0.1:5000", 5_000, false),
            ("https://vpce-1.secretsmanager.example", "vpce-1.secretsmanager.example", 443, true),
            ("http://stand-in", "stand-in", 80, false),
        ] {
            let place = Place::of_secret(arn, Some(&url.parse().expect("a URL"))).expect("a place");
            assert_eq!(
                (&*place.authority(), place.port, place.is_tls, &*place.region),
                (authority, port, is_tls, "eu-central-1")
            );
        }
    }
}
