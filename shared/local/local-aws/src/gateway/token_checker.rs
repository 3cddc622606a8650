use std::collections::{BTreeMap, HashSet};

use http::{HeaderMap, header};
use http_api::{Problem, ProblemCode};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

/// A token's claims as API Gateway hands them on: each claim is a text.
pub type Claims = BTreeMap<String, String>;

/// A replacement for API Gateway's JWT authorizer. It checks a bearer token against a key set.
pub struct TokenChecker(TokenPolicy);

enum TokenPolicy {
    /// No token is checked: every request has these claims.
    Unchecked(Claims),
    KeySet {
        keys: JwkSet,
        issuer: Option<String>,
        audience: Option<String>,
    },
}

/// The reason why a key set was refused. Handling: give a correct key set and start again.
#[derive(Debug, thiserror::Error)]
pub enum TokenCheckerError {
    /// The file cannot be read.
    #[error("cannot read the file {path}")]
    File {
        /// The path of the file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The text is not a JSON Web Key Set.
    #[error("not a JSON Web Key Set (RFC 7517)")]
    Malformed(#[source] serde_json::Error),
    /// The key set has no key that could accept a token.
    #[error("the key set has no key that a signature can be checked with")]
    NoUsableKey,
}

impl TokenChecker {
    /// A checker that checks no token. Every request is from this caller with these scopes, for development on one
    /// machine.
    #[must_use]
    pub fn for_development(caller: &str, scopes: &[&str]) -> Self {
        let claims = [("sub".to_owned(), caller.to_owned()), ("scope".to_owned(), scopes.join(" "))];
        Self(TokenPolicy::Unchecked(Claims::from(claims)))
    }

    /// A checker against this key set: a path, or the JSON itself. A token must name `issuer` and `audience`, if they
    /// are given.
    ///
    /// # Errors
    /// See [`TokenCheckerError`].
    pub fn against_key_set(
        jwks: &str,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<Self, TokenCheckerError> {
        let (issuer, audience) = (issuer.map(str::to_owned), audience.map(str::to_owned));
        Ok(Self(TokenPolicy::KeySet { keys: read_keys(jwks)?, issuer, audience }))
    }

    /// The claims of the request's token; `None` when there is no token.
    ///
    /// # Errors
    /// `unauthenticated` for a token that is not valid. The reason is logged, and the client is not told it.
    pub fn claims_of(&self, headers: &HeaderMap) -> Result<Option<Claims>, Problem> {
        let (keys, issuer, audience) = match &self.0 {
            TokenPolicy::Unchecked(claims) => return Ok(Some(claims.clone())),
            TokenPolicy::KeySet { keys, issuer, audience } => (keys, issuer.as_deref(), audience.as_deref()),
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(None);
        };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
        });
        let checked =
            token.ok_or("not a bearer token".to_owned()).and_then(|token| check(token, keys, issuer, audience));
        checked.map(Some).map_err(|reason| {
            tracing::info!(reason, "token refused");
            Problem::new(ProblemCode::UNAUTHENTICATED, "The token is not valid here, or has expired.")
        })
    }
}

fn check(token: &str, keys: &JwkSet, issuer: Option<&str>, audience: Option<&str>) -> Result<Claims, String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let key = match &header.kid {
        Some(kid) => keys.find(kid).ok_or("the key set has no key with this kid")?,
        None if keys.keys.len() == 1 => &keys.keys[0],
        None => return Err("the token has no kid, and the key set has more than one key".to_owned()),
    };
    // The key decides which algorithms are right for it. The token alone may not choose an algorithm.
    if !allowed_algorithms(key).contains(&header.alg) {
        return Err(format!("the algorithm {:?} is not this key's", header.alg));
    }
    let mut validation = Validation::new(header.alg);
    validation.validate_nbf = true;
    validation.validate_aud = audience.is_some();
    validation.aud = audience.map(|audience| HashSet::from([audience.to_owned()]));
    validation.iss = issuer.map(|issuer| HashSet::from([issuer.to_owned()]));
    let mut required = vec!["exp", "sub"];
    required.extend(issuer.map(|_| "iss"));
    required.extend(audience.map(|_| "aud"));
    validation.set_required_spec_claims(&required);
    let decoding_key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let data =
        decode::<BTreeMap<String, Value>>(token, &decoding_key, &validation).map_err(|error| error.to_string())?;
    Ok(data.claims.into_iter().map(|(name, value)| (name, claim_text(&value))).collect())
}

fn allowed_algorithms(key: &Jwk) -> Vec<Algorithm> {
    let by_key_type = match &key.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(_) => vec![Algorithm::ES256, Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
        AlgorithmParameters::OctetKey(_) => vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512],
        _ => vec![],
    };
    match key.common.key_algorithm {
        None => by_key_type,
        // Both names come from RFC 7518. The algorithm of an encryption key is never an algorithm for signatures.
        Some(named) => by_key_type.into_iter().filter(|allowed| named.to_string().parse() == Ok(*allowed)).collect(),
    }
}

/// A claim as API Gateway writes it: lists as `[a b]`, every other value as its text.
fn claim_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(claim_text).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

fn read_keys(jwks: &str) -> Result<JwkSet, TokenCheckerError> {
    let json = if jwks.trim_start().starts_with('{') {
        jwks.to_owned()
    } else {
        std::fs::read_to_string(jwks).map_err(|source| TokenCheckerError::File { path: jwks.to_owned(), source })?
    };
    let mut keys: JwkSet = serde_json::from_str(&json).map_err(TokenCheckerError::Malformed)?;
    // A set may hold keys for other uses, and of unknown kinds (RFC 7517, section 5). They are left out.
    keys.keys.retain(checks_signatures);
    if keys.keys.is_empty() { Err(TokenCheckerError::NoUsableKey) } else { Ok(keys) }
}

fn checks_signatures(key: &Jwk) -> bool {
    key.common.public_key_use != Some(PublicKeyUse::Encryption)
        && !allowed_algorithms(key).is_empty()
        && DecodingKey::from_jwk(key).is_ok()
}
