//! The format against pyca/cryptography, through `tests/interop/cobblestone.py`.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use mv_blobs::format::{CHUNK, ChunkOpener, ChunkSealer, HEADER, SALT, SEALED_CHUNK, TAG, sealed_len, span};

use crate::world::text;

const KEY: [u8; 32] = [0x17; 32];
const CONTEXT: &[u8] = b"a segment of an owner";

struct Python(Child);

impl Python {
    #[expect(clippy::disallowed_methods, reason = "the interpreter is the test's, not the product's")]
    fn start() -> Self {
        let python = std::env::var_os("MEDIAVAULT_TEST_PYTHON").expect(
            "set MEDIAVAULT_TEST_PYTHON to a python that has `cryptography` 50 or newer (`make test` makes one)",
        );
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop/cobblestone.py");
        let child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("MEDIAVAULT_TEST_PYTHON runs");
        Self(child)
    }

    fn ask(&mut self, operation: u8, data: &[u8]) -> Option<Vec<u8>> {
        let mut request = vec![operation];
        request.extend_from_slice(&KEY);
        request.extend_from_slice(&(CONTEXT.len() as u32).to_be_bytes());
        request.extend_from_slice(&(data.len() as u64).to_be_bytes());
        request.extend_from_slice(CONTEXT);
        request.extend_from_slice(data);
        self.0.stdin.as_mut().unwrap().write_all(&request).unwrap();
        let answers = self.0.stdout.as_mut().unwrap();
        let mut front = [0; 9];
        answers.read_exact(&mut front).expect("python with `cryptography` 50 or newer answers");
        let mut result = vec![0; u64::from_be_bytes(front[1..].try_into().unwrap()) as usize];
        answers.read_exact(&mut result).unwrap();
        (front[0] == 1).then_some(result)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn seal(plain: &[u8]) -> Vec<u8> {
    let (mut sealer, header) = ChunkSealer::new(&KEY, CONTEXT, [3; SALT]).unwrap();
    let mut sealed = header.to_vec();
    let chunks = plain.chunks_exact(CHUNK);
    let rest = chunks.remainder();
    for chunk in chunks {
        let mut slot = [0; SEALED_CHUNK];
        slot[..CHUNK].copy_from_slice(chunk);
        sealer.seal_full(&mut slot).unwrap();
        sealed.extend_from_slice(&slot);
    }
    let from = sealed.len();
    sealed.extend_from_slice(rest);
    sealer.seal_final(&mut sealed, from).unwrap();
    sealed
}

fn open(sealed: &[u8], total: u64) -> Vec<u8> {
    let opener = ChunkOpener::new(&KEY, CONTEXT, sealed.first_chunk::<HEADER>().unwrap()).unwrap();
    let mut plain = vec![0; total as usize];
    opener.open_span(&span(total, 0, total).unwrap(), &sealed[HEADER..], &mut plain).unwrap();
    plain
}

#[test]
fn python_and_we_agree() {
    let mut python = Python::start();
    let boundaries = [0, 1, 2].into_iter().flat_map(|chunks| {
        [-1i64, 0, 1].into_iter().filter_map(move |by| usize::try_from(chunks * CHUNK as i64 + by).ok())
    });
    let others = (0..40).map(|number| (number * 7919 + 13) * 11 % 150_000);
    for len in boundaries.chain(others).chain([258 * CHUNK + 5]) {
        let plain = text(len, len as u64);
        let ours = seal(&plain);
        assert!(python.ask(b'o', &ours).unwrap() == plain, "python cannot open our {len} bytes");
        let theirs = python.ask(b's', &plain).unwrap();
        assert_eq!(Some(theirs.len() as u64), sealed_len(len as u64));
        assert!(open(&theirs, len as u64) == plain, "we cannot open python's {len} bytes");

        let mut bad = ours.clone();
        let last = bad.len() - 1 - (len % TAG);
        bad[last] ^= 1;
        assert_eq!(python.ask(b'o', &bad), None, "python takes {len} damaged bytes");
    }
}
