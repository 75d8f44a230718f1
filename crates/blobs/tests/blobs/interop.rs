//! The format against pyca/cryptography, and the whole of `docs/formats/blob.md` against a decoder written from it;
//! both are scripts in `tests/interop/`.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use mv_blobs::format::{CHUNK, ChunkOpener, ChunkSealer, HEADER, SALT, SEALED_CHUNK, TAG, sealed_len, span};

use mv_blobs::RootKey;
use mv_core::entropy::SystemEntropy;

use crate::world::{ROOT, World, text};

const KEY: [u8; 32] = [0x17; 32];
const CONTEXT: &[u8] = b"a segment of an owner";

#[expect(clippy::disallowed_methods, reason = "the interpreter is the test's, not the product's")]
fn script(name: &str) -> Command {
    let python = std::env::var_os("MEDIAVAULT_TEST_PYTHON")
        .expect("set MEDIAVAULT_TEST_PYTHON to a python that has `cryptography` 50 or newer (`make test` makes one)");
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop/").to_owned() + name);
    command
}

struct Python(Child);

impl Python {
    fn start() -> Self {
        let child = script("cobblestone.py")
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

#[tokio::test]
async fn the_description_is_enough_to_decode_a_blob() {
    let world = World::new();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for len in [0, 5, CHUNK, 3 * CHUNK + 9] {
        let bytes = text(len, 8);
        let stored = world.put(&bytes, 10_000).await.unwrap();
        let wrapped_user = RootKey::from_bytes(ROOT).wrap_user_key(&world.key, &SystemEntropy).unwrap();
        let checksum = world.key.seal_checksum(stored.blob, &stored.sha256, &SystemEntropy).unwrap();
        let (user, blob, segment) = (world.key.owner().uuid(), stored.blob.uuid(), stored.segment.id.uuid());
        let output = script("decode_blob.py")
            .args([hex(&ROOT), hex(user.as_bytes()), hex(&wrapped_user), hex(blob.as_bytes()), hex(segment.as_bytes())])
            .args([hex(&stored.segment.wrapped_key), hex(&stored.manifest_mac), hex(&checksum)])
            .arg(world.object_path(&stored))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == bytes, "{len} bytes");
    }
}
