//! Limits without a disk: loopback TCP, SHA-256 and AES-256-GCM, Argon2id.
//! Promise: the parameters are the product's (16 KiB sealed chunks, m=19456 t=2 p=1). Not here: HTTP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use crate::content::Pool;
use crate::error::{Doing, Error, Result};

const BLOCK: usize = 256 * 1024;
/// The product seals in chunks of this size.
const SEALED_CHUNK: usize = 16 * 1024;

/// One stream over loopback in writes of 256 KiB: MB/s, counted by the reader.
pub(crate) fn loopback(span: Duration) -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "listening on loopback".to_owned())?;
    let address = listener.local_addr().doing(|| "listening on loopback".to_owned())?;
    let writer = std::thread::spawn(move || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        let block = vec![0x5a_u8; BLOCK];
        let began = Instant::now();
        while began.elapsed() < span {
            stream.write_all(&block)?;
        }
        Ok(())
    });
    let (mut stream, _) = listener.accept().doing(|| "accepting on loopback".to_owned())?;
    let began = Instant::now();
    let mut buffer = vec![0; BLOCK];
    let mut total = 0_u64;
    loop {
        match stream.read(&mut buffer).doing(|| "reading from loopback".to_owned())? {
            0 => break,
            read => total += read as u64,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    writer
        .join()
        .map_err(|_| Error::Wrong("the loopback writer stopped".to_owned()))?
        .doing(|| "writing to loopback".to_owned())?;
    Ok(total as f64 / 1e6 / seconds)
}

/// Hash a block, then seal it in place, as an upload does; bytes a second on one core.
pub(crate) fn hash_and_seal(span: Duration, pool: &Pool) -> Result<f64> {
    let failed = |_| Error::Wrong("the cipher refused".to_owned());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(failed)?);
    let mut block = pool.draw(BLOCK).parts().concat();
    let mut hash = Sha256::new();
    let mut number = 0_u64;
    let began = Instant::now();
    while began.elapsed() < span {
        hash.update(&block);
        for chunk in block.chunks_mut(SEALED_CHUNK) {
            let mut nonce = [0; NONCE_LEN];
            nonce[..8].copy_from_slice(&number.to_le_bytes());
            number += 1;
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk).map_err(failed)?;
            let _ = std::hint::black_box(tag);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    std::hint::black_box(hash.finalize());
    Ok(number as f64 * SEALED_CHUNK as f64 / seconds)
}

/// Time of each Argon2id hash (19 456 KiB, 2 passes, 1 lane: OWASP's password storage advice), one after the other.
pub(crate) fn argon2(span: Duration) -> Result<Vec<Duration>> {
    let failed = |error: argon2::Error| Error::Wrong(format!("Argon2id: {error}"));
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).map_err(failed)?);
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < span {
        let one = Instant::now();
        let mut out = [0; 32];
        hasher.hash_password_into(b"bench-password-1", &[9; 16], &mut out).map_err(failed)?;
        std::hint::black_box(out);
        took.push(one.elapsed());
    }
    Ok(took)
}
