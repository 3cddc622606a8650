use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// A key for these tests only.
const RSA_KEY: &[u8] = include_bytes!("rsa_key_for_tests.der");
/// The bytes before the 32 bytes of a private key in PKCS #8 (RFC 8410 for Ed25519, RFC 5915 for P-256).
const ED25519_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const P256_PREFIX: &[u8] = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20";

/// One key of an identity provider, and the tokens that it signs.
pub struct TokenIssuer {
    key_id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl TokenIssuer {
    /// A key of this kind. Each `seed` gives another key.
    pub fn ed25519(key_id: &'static str, seed: u8) -> Self {
        let key = EncodingKey::from_ed_der(&[ED25519_PREFIX, &[seed; 32]].concat());
        Self { key_id, algorithm: Algorithm::EdDSA, key }
    }

    /// A key of this kind. Each `seed` gives another key.
    pub fn p256(key_id: &'static str, seed: u8) -> Self {
        let key = EncodingKey::from_ec_der(&[P256_PREFIX, &[seed; 32]].concat());
        Self { key_id, algorithm: Algorithm::ES256, key }
    }

    pub fn rsa(key_id: &'static str, algorithm: Algorithm) -> Self {
        Self { key_id, algorithm, key: EncodingKey::from_rsa_der(RSA_KEY) }
    }

    /// The public key in the form in which the provider publishes it.
    pub fn public_key(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        jwk.common.key_id = Some(self.key_id.to_owned());
        serde_json::to_value(jwk).expect("JSON")
    }

    /// A token that is valid for an hour.
    pub fn token(&self, subject: &str, scopes: &str) -> String {
        self.sign(&claims(subject, scopes))
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_under(Some(self.key_id), claims)
    }

    /// A token that names the given key id, whichever key signs it.
    pub fn sign_under(&self, key_id: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: key_id.map(str::to_owned), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).expect("a token")
    }
}

/// The value of `PASSBOOK_JWKS`.
pub fn key_set(issuers: &[&TokenIssuer]) -> String {
    let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.public_key()).collect();
    json!({ "keys": keys }).to_string()
}

/// The claims of a token that is valid for an hour.
pub fn claims(subject: &str, scopes: &str) -> Value {
    json!({ "sub": subject, "scope": scopes, "exp": seconds_from_now(3_600) })
}

/// A time in the form of a token.
pub fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("a time") + seconds
}
