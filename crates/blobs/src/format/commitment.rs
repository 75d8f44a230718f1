//! From a segment's key, salt and context to its chunk cipher and its 32-byte key commitment.
//! Promise: one HKDF-Expand with SHA-512 gives all three parts, as c2sp.org/chunked-encryption prescribes.
//! Not here: comparing the commitment (`open`), choosing the salt (`seal`).

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use zeroize::Zeroizing;

use super::{Broken, COMMITMENT, ChunkCipher, SALT};

/// The specification's label: its name and version, the AEAD's name, and a zero byte.
const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00";
const KEY: usize = 32;

/// Asks HKDF for key, nonce and commitment at once.
struct All;

impl KeyType for All {
    fn len(&self) -> usize {
        KEY + NONCE_LEN + COMMITMENT
    }
}

/// The cipher of a segment, and the commitment that its header must hold.
///
/// # Errors
/// `Shape` only if the library refuses the lengths, which are fixed.
pub(super) fn derive(
    key: &[u8; KEY],
    salt: &[u8; SALT],
    context: &[u8],
) -> Result<(ChunkCipher, [u8; COMMITMENT]), Broken> {
    let secret = Prk::new_less_safe(HKDF_SHA512, key);
    let info = [LABEL, salt.as_slice(), context];
    let mut material = Zeroizing::new([0u8; KEY + NONCE_LEN + COMMITMENT]);
    secret.expand(&info, All).and_then(|stream| stream.fill(material.as_mut())).map_err(|_| Broken::Shape)?;

    let (chunk_key, rest) = material.split_at(KEY);
    let (nonce, promised) = rest.split_at(NONCE_LEN);
    let mut base_nonce = [0u8; NONCE_LEN];
    base_nonce.copy_from_slice(nonce);
    let mut commitment = [0u8; COMMITMENT];
    commitment.copy_from_slice(promised);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, chunk_key).map_err(|_| Broken::Shape)?);
    Ok((ChunkCipher { key, base_nonce }, commitment))
}
