use std::collections::{BTreeMap, HashSet};

use bank_http_api::scopes;
use http::{HeaderMap, header};
use http_api::{Problem, ProblemCode};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

/// The caller that everyone is when tokens are not checked.
pub const DEVELOPMENT_CALLER: &str = "developer";

/// A token's claims as API Gateway hands them on: all of them texts.
pub type Claims = BTreeMap<String, String>;

/// API Gateway's JWT authorizer on a laptop: checks a bearer token against a key set.
pub struct TokenChecker {
    keys: Option<JwkSet>,
    issuer: Option<String>,
    audience: Option<String>,
}

/// Why a key set was not taken. Handling: set `PASSBOOK_JWKS` right and start again.
#[derive(Debug, thiserror::Error)]
pub enum TokenCheckerError {
    /// The file cannot be read.
    #[error("cannot read the file {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON Web Key Set.
    #[error("not a JSON Web Key Set (RFC 7517)")]
    Malformed(#[source] serde_json::Error),
    /// No token could ever pass.
    #[error("the key set has no key that a signature can be checked with")]
    NoUsableKey,
}

impl TokenChecker {
    /// Checks against this key set: a path, or the JSON itself. Without one, every request is the
    /// development caller with every scope.
    ///
    /// # Errors
    /// See [`TokenCheckerError`].
    pub fn new(jwks: Option<&str>, issuer: Option<&str>, audience: Option<&str>) -> Result<Self, TokenCheckerError> {
        let keys = jwks.map(read_keys).transpose()?;
        Ok(Self { keys, issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned) })
    }

    /// The claims of the request's token; none when there is no token.
    ///
    /// # Errors
    /// `unauthenticated` when there is one that does not count. Why not is for the log, not for whoever sent it.
    pub fn claims_of(&self, headers: &HeaderMap) -> Result<Option<Claims>, Problem> {
        let Some(keys) = &self.keys else {
            return Ok(Some(development_claims()));
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(None);
        };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
        });
        let checked = token.ok_or("not a bearer token".to_owned()).and_then(|token| self.check(keys, token));
        checked.map(Some).map_err(|reason| {
            tracing::info!(reason, "token refused");
            Problem::new(ProblemCode::UNAUTHENTICATED, "The token is not valid here, or not any more.")
        })
    }

    fn check(&self, keys: &JwkSet, token: &str) -> Result<Claims, String> {
        let header = decode_header(token).map_err(|error| error.to_string())?;
        let key = match &header.kid {
            Some(kid) => keys.find(kid).ok_or("no key of this kid")?,
            None if keys.keys.len() == 1 => &keys.keys[0],
            None => return Err("no kid, and more than one key".to_owned()),
        };
        // The key says which algorithms are right for it, never the token alone.
        if !allowed_algorithms(key).contains(&header.alg) {
            return Err(format!("the algorithm {:?} is not this key's", header.alg));
        }
        let mut validation = Validation::new(header.alg);
        validation.validate_nbf = true;
        validation.validate_aud = self.audience.is_some();
        validation.aud = self.audience.clone().map(|audience| HashSet::from([audience]));
        validation.iss = self.issuer.clone().map(|issuer| HashSet::from([issuer]));
        let mut required = vec!["exp", "sub"];
        required.extend(self.issuer.as_ref().map(|_| "iss"));
        required.extend(self.audience.as_ref().map(|_| "aud"));
        validation.set_required_spec_claims(&required);
        let decoding_key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
        let data =
            decode::<BTreeMap<String, Value>>(token, &decoding_key, &validation).map_err(|error| error.to_string())?;
        Ok(data.claims.into_iter().map(|(name, value)| (name, claim_text(&value))).collect())
    }
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
        // Both names are those of RFC 7518; a key for encryption has one that no signature has.
        Some(named) => by_key_type.into_iter().filter(|allowed| named.to_string().parse() == Ok(*allowed)).collect(),
    }
}

/// As API Gateway writes them: lists as `[a b]`, everything else as its text.
fn claim_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(claim_text).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

fn development_claims() -> Claims {
    let scopes: Vec<&str> = scopes::ALL.iter().map(|scope| scope.as_str()).collect();
    Claims::from([("sub".to_owned(), DEVELOPMENT_CALLER.to_owned()), ("scope".to_owned(), scopes.join(" "))])
}

fn read_keys(jwks: &str) -> Result<JwkSet, TokenCheckerError> {
    let json = if jwks.trim_start().starts_with('{') {
        jwks.to_owned()
    } else {
        std::fs::read_to_string(jwks).map_err(|source| TokenCheckerError::File { path: jwks.to_owned(), source })?
    };
    let mut keys: JwkSet = serde_json::from_str(&json).map_err(TokenCheckerError::Malformed)?;
    // A set may hold keys for other ends, and of kinds that are not known here (RFC 7517, section 5).
    keys.keys.retain(checks_signatures);
    if keys.keys.is_empty() { Err(TokenCheckerError::NoUsableKey) } else { Ok(keys) }
}

fn checks_signatures(key: &Jwk) -> bool {
    key.common.public_key_use != Some(PublicKeyUse::Encryption)
        && !allowed_algorithms(key).is_empty()
        && DecodingKey::from_jwk(key).is_ok()
}
