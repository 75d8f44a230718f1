"""Decodes one stored blob from the description in docs/formats/blob.md alone, without our code.

Arguments, all but the last hexadecimal: root key, user id, wrapped user key, blob id, segment id, wrapped segment
key, manifest HMAC, sealed checksum; then the path of the segment's file. Writes the plaintext to standard output.
Every check that the description names is made; a failed one ends with an error.
"""

import hashlib
import hmac
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = struct.pack(">I", 1)
FORMAT = b"\x01"
CHUNK, TAG, SALT, HEADER = 16384, 16, 24, 56


def expand(key, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha512).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def subkey(key, label):
    return expand(key, b"mediavault/v1/" + label, 32)


def open_secret(key, place, sealed):
    assert sealed[:1] == b"\x01"
    bound = b"\x01" + struct.pack(">I", len(place)) + place
    return AESGCM(key).decrypt(sealed[1:13], sealed[13:], bound)


def open_segment(key, context, stored):
    salt, commitment = stored[:SALT], stored[SALT:HEADER]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    material = expand(key, info, 76)
    assert hmac.compare_digest(material[44:], commitment), "commitment"
    cipher, base = AESGCM(material[:32]), int.from_bytes(material[32:44], "big")
    plain, index, at = b"", 0, HEADER
    while True:
        sealed = stored[at + index * (CHUNK + TAG) : at + (index + 1) * (CHUNK + TAG)]
        plain += cipher.decrypt((base ^ index).to_bytes(12, "big"), sealed, None)
        if len(sealed) < CHUNK + TAG:
            return plain
        index += 1


def main():
    root, user, wrapped_user, blob, segment, wrapped_segment, mac, checksum = map(bytes.fromhex, sys.argv[1:9])
    with open(sys.argv[9], "rb") as file:
        stored = file.read()
    user_key = open_secret(subkey(root, b"user-keys"), b"user-key" + user + VERSION, wrapped_user)
    place = b"segment-key" + segment + user + VERSION + FORMAT
    segment_key = open_secret(subkey(user_key, b"segment-keys"), place, wrapped_segment)
    plain = open_segment(segment_key, segment + user + FORMAT, stored)
    covered = blob + struct.pack(">Q", 1) + segment + FORMAT + struct.pack(">QQ", len(plain), len(stored))
    assert hmac.compare_digest(hmac.new(subkey(user_key, b"manifests"), covered, hashlib.sha256).digest(), mac)
    sha256 = open_secret(subkey(user_key, b"checksums"), b"checksum" + blob + user, checksum)
    assert hmac.compare_digest(hashlib.sha256(plain).digest(), sha256), "checksum"
    sys.stdout.buffer.write(plain)


if __name__ == "__main__":
    main()
