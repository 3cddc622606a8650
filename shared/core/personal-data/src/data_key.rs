use cqrs::Digest;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom as _, SystemRandom};

/// A key's length: 256 bits.
pub(crate) const KEY_BYTES: usize = 32;
/// The first byte, before the nonce. It tells this form from later forms.
const FORM: u8 = 1;

/// The purposes of the key. A key of its own is derived for each purpose.
const SEALING: &[u8] = b"passbook: personal data";
const FINGERPRINTS: &[u8] = b"passbook: request fingerprints";

/// The ciphertext was not made with this key for this place, or has been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOurs;

/// A stream's key, or a master key. It is never shown and never logged.
pub(crate) struct DataKey {
    derivations: Prk,
}

impl DataKey {
    /// Makes the key from its bytes.
    pub(crate) fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self { derivations: Salt::new(HKDF_SHA256, &[]).extract(bytes) }
    }

    /// New bytes for a key, from the operating system.
    pub(crate) fn generate_bytes() -> [u8; KEY_BYTES] {
        random()
    }

    /// Encrypts with AES-256-GCM. The result is the form, the nonce, the ciphertext and the tag. It can be opened only
    /// for the same place.
    ///
    /// The nonce is random. A stream's key seals a handful of events, and a master key seals one key for each account.
    /// That is far below the 2^32 messages up to which random nonces of 96 bits are safe.
    pub(crate) fn seal(&self, plain: &[u8], place: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut ciphertext = plain.to_vec();
        self.sealing_key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut ciphertext)
            .expect("a text of some hundred bytes is not too long");
        [&[FORM], &nonce[..], &ciphertext].concat()
    }

    /// Decrypts the output of [`seal`](Self::seal) for this place.
    pub(crate) fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (form, behind) = sealed.split_first().ok_or(NotOurs)?;
        let (nonce, ciphertext) = behind.split_at_checked(NONCE_LEN).ok_or(NotOurs)?;
        if *form != FORM {
            return Err(NotOurs);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut buffer = ciphertext.to_vec();
        let plain = self.sealing_key().open_in_place(nonce, Aad::from(place), &mut buffer).map_err(|_| NotOurs)?;
        Ok(plain.to_vec())
    }

    /// HMAC-SHA-256 of a digest. Without the key nobody can try out which text the digest is of.
    pub(crate) fn keyed(&self, digest: &Digest) -> Digest {
        let purpose = [FINGERPRINTS];
        let derived = self.derivations.expand(&purpose, HMAC_SHA256).expect("a key of 32 bytes is not too long");
        let tag = hmac::sign(&hmac::Key::from(derived), digest.as_bytes());
        Digest::from_bytes(tag.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    fn sealing_key(&self) -> LessSafeKey {
        let purpose = [SEALING];
        let derived = self.derivations.expand(&purpose, &AES_256_GCM).expect("a key of 32 bytes is not too long");
        LessSafeKey::new(UnboundKey::from(derived))
    }
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    // Without random bytes nothing can be sealed, and no TLS connection can be made either.
    SystemRandom::new().fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_with_the_same_key_in_the_same_place_alone() {
        let (key, other) = (DataKey::new(&[1; KEY_BYTES]), DataKey::new(&[2; KEY_BYTES]));
        let sealed = key.seal(b"Ann Lee", b"here");
        assert_eq!(key.open(&sealed, b"here"), Ok(b"Ann Lee".to_vec()));
        assert_eq!(key.open(&sealed, b"there"), Err(NotOurs));
        assert_eq!(other.open(&sealed, b"here"), Err(NotOurs));
        assert_ne!(key.seal(b"Ann Lee", b"here"), sealed, "the same text looks another each time");
    }

    #[test]
    fn a_ciphertext_with_any_bit_changed_or_any_byte_missing_does_not_open() {
        let key = DataKey::new(&[1; KEY_BYTES]);
        let sealed = key.seal(b"Ann Lee", b"here");
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert_eq!(key.open(&changed, b"here"), Err(NotOurs), "byte {index}, bit {bit}");
            }
            assert_eq!(key.open(&sealed[..index], b"here"), Err(NotOurs), "the first {index} bytes");
        }
    }

    #[test]
    fn a_keyed_digest_depends_on_the_key_and_on_the_digest() {
        let (key, other) = (DataKey::new(&[1; KEY_BYTES]), DataKey::new(&[2; KEY_BYTES]));
        let (ann, bob) = (Digest::of(b"Ann"), Digest::of(b"Bob"));
        assert_eq!(key.keyed(&ann), key.keyed(&ann));
        assert_ne!(key.keyed(&ann), key.keyed(&bob));
        assert_ne!(key.keyed(&ann), other.keyed(&ann));
        assert_ne!(key.keyed(&ann), ann);
    }
}
