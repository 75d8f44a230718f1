//! The format against an independent implementation in both directions, and against an attacker with an editor.

use cobblestone::Key256;
use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [0x42; 32];
const CONTEXT: &[u8] = b"segment|owner|1";

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn seal_all(key: &[u8; 32], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let (mut sealer, header) = ChunkSealer::new(key, context, [7; SALT]).unwrap();
    let mut sealed = header.to_vec();
    let chunks = plain.chunks_exact(CHUNK);
    let rest = chunks.remainder();
    for chunk in chunks {
        let from = sealed.len();
        sealed.extend_from_slice(chunk);
        sealed.extend_from_slice(&[0; TAG]);
        sealer.seal_full(&mut sealed[from..]).unwrap();
    }
    let from = sealed.len();
    sealed.extend_from_slice(rest);
    sealer.seal_final(&mut sealed, from).unwrap();
    sealed
}

fn open_range(key: &[u8; 32], sealed: &[u8], total: u64, at: u64, len: u64) -> Result<Vec<u8>, Broken> {
    let header = sealed.first_chunk::<HEADER>().ok_or(Broken::Shape)?;
    let opener = ChunkOpener::new(key, CONTEXT, header)?;
    let span = span(total, at, len)?;
    let from = span.sealed_at as usize;
    let mut plain = vec![0; span.plain_len];
    opener.open_span(&span, sealed.get(from..from + span.sealed_len).ok_or(Broken::Shape)?, &mut plain)?;
    Ok(plain[span.skip..span.skip + len as usize].to_vec())
}

/// Opens sealed bytes as what their length makes them, as a reader would who believes the file.
fn open_believing(sealed: &[u8]) -> Result<Vec<u8>, Broken> {
    let body = (sealed.len() as u64).checked_sub(HEADER as u64).ok_or(Broken::Shape)?;
    let chunks = body / SEALED_CHUNK as u64 + 1;
    let total = body.checked_sub(chunks * TAG as u64).ok_or(Broken::Shape)?;
    if sealed_len(total) != Some(sealed.len() as u64) {
        return Err(Broken::Shape);
    }
    open_range(&KEY, sealed, total, 0, total)
}

fn agrees_in_both_directions(len: usize) {
    let plain = text(len);
    let theirs = Key256::from_bytes(&KEY);
    let ours = seal_all(&KEY, CONTEXT, &plain);
    assert_eq!(Some(ours.len() as u64), sealed_len(len as u64));
    assert!(cobblestone::decrypt(&theirs, CONTEXT, &ours).unwrap() == plain, "they cannot open our {len} bytes");
    let sealed = cobblestone::encrypt(&theirs, CONTEXT, &plain).unwrap();
    assert!(open_believing(&sealed).unwrap() == plain, "we cannot open their {len} bytes");
}

#[test]
fn agrees_at_every_boundary() {
    for chunks in [0usize, 1, 2, 3, 16, 17] {
        for by in -2i64..=2 {
            if let Ok(len) = usize::try_from((chunks * CHUNK) as i64 + by) {
                agrees_in_both_directions(len);
            }
        }
    }
    // More than 256 chunks, so that the counter carries into its second byte.
    agrees_in_both_directions(258 * CHUNK + 3);
}

#[test]
fn the_counter_is_the_last_five_bytes_big_endian() {
    let (mut cipher, _) = commitment::derive(&KEY, &[0; SALT], b"").unwrap();
    cipher.base_nonce = [0xff; 12];
    let nonce = cipher.nonce(0x12_3456_789a).unwrap();
    let mut expected = [0xff; 12];
    expected[7..].copy_from_slice(&[0xed, 0xcb, 0xa9, 0x87, 0x65]);
    assert_eq!(nonce.as_ref(), &expected);
    assert_eq!(cipher.nonce(MAX_CHUNKS).err(), Some(Broken::Shape));
}

#[test]
fn another_key_or_context_is_refused_before_any_chunk() {
    let sealed = seal_all(&KEY, CONTEXT, b"text");
    let header = sealed.first_chunk::<HEADER>().unwrap();
    assert_eq!(ChunkOpener::new(&[0; 32], CONTEXT, header).err(), Some(Broken::Commitment));
    assert_eq!(ChunkOpener::new(&KEY, b"segment|other|1", header).err(), Some(Broken::Commitment));
    for at in 0..HEADER {
        let mut bad = *header;
        bad[at] ^= 1;
        assert_eq!(ChunkOpener::new(&KEY, CONTEXT, &bad).err(), Some(Broken::Commitment), "byte {at}");
    }
}

#[test]
fn a_sealer_takes_only_whole_chunks_and_a_short_last_one() {
    let (mut sealer, _) = ChunkSealer::new(&KEY, CONTEXT, [7; SALT]).unwrap();
    assert_eq!(sealer.seal_full(&mut [0; CHUNK]), Err(Broken::Shape));
    assert_eq!(sealer.seal_full(&mut [0; SEALED_CHUNK + 1]), Err(Broken::Shape));
    assert_eq!(sealer.seal_final(&mut vec![0; CHUNK], 0), Err(Broken::Shape));
}

#[test]
fn cutting_adding_and_moving_are_noticed() {
    let plain = text(3 * CHUNK + 100);
    let sealed = seal_all(&KEY, CONTEXT, &plain);
    let chunk = |number: usize| HEADER + number * SEALED_CHUNK..HEADER + (number + 1) * SEALED_CHUNK;
    for cut in (0..sealed.len()).step_by(97).chain((0..=3).map(|number| HEADER + number * SEALED_CHUNK)) {
        assert!(open_believing(&sealed[..cut]).is_err(), "cut at {cut}");
    }
    for more in [1, 15, 16, 17, TAG + 1000, SEALED_CHUNK] {
        assert!(open_believing(&[&sealed[..], &vec![0; more]].concat()).is_err(), "{more} more");
    }
    // The final chunk cut away and the one before shortened to pass for final.
    assert!(open_believing(&sealed[..chunk(2).end - 1]).is_err());
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let mut swapped = sealed.clone();
        swapped[chunk(one)].copy_from_slice(&sealed[chunk(other)]);
        swapped[chunk(other)].copy_from_slice(&sealed[chunk(one)]);
        assert_eq!(open_believing(&swapped), Err(Broken::Chunk(one as u64)));
        let mut doubled = sealed.clone();
        doubled[chunk(other)].copy_from_slice(&sealed[chunk(one)]);
        assert_eq!(open_believing(&doubled), Err(Broken::Chunk(other as u64)));
    }
    let without = [&sealed[..chunk(1).start], &sealed[chunk(1).end..]].concat();
    assert_eq!(open_believing(&without), Err(Broken::Chunk(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn agrees_at_random_lengths(len in 0usize..140_000) {
        agrees_in_both_directions(len);
    }

    #[test]
    fn a_range_is_the_slice(len in 0usize..100_000, from: prop::sample::Index, to: prop::sample::Index) {
        let plain = text(len);
        let (from, to) = (from.index(len + 1), to.index(len + 1));
        let (at, end) = (from.min(to), from.max(to));
        let sealed = seal_all(&KEY, CONTEXT, &plain);
        let got = open_range(&KEY, &sealed, len as u64, at as u64, (end - at) as u64).unwrap();
        prop_assert!(got == plain[at..end]);
    }

    #[test]
    fn a_flipped_bit_is_noticed(len in 0usize..60_000, place: prop::sample::Index, bit in 0u8..8) {
        let mut sealed = seal_all(&KEY, CONTEXT, &text(len));
        let place = place.index(sealed.len());
        sealed[place] ^= 1 << bit;
        prop_assert!(open_believing(&sealed).is_err());
    }
}
