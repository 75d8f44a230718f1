"""Seals and opens Cobblestone-256 messages with pyca/cryptography (50 or newer), for comparison with ours.

Reads requests from standard input until it ends and answers each on standard output.
Request: one byte `s` (seal) or `o` (open), the 32-byte key, length of the context (4 bytes, big-endian), length of
the data (8 bytes, big-endian), the context, the data. Answer: one byte 1 (done) or 0 (refused), length of the data
(8 bytes, big-endian), the data.
"""

import struct
import sys

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor

FRONT = struct.Struct(">c32sIQ")


def read_exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise SystemExit("a request ended in the middle")
    return data


def answer(operation, key, context, data):
    machine = (Cobblestone256Encryptor if operation == b"s" else Cobblestone256Decryptor)(key, context)
    return machine.update(data) + machine.finalize()


def main():
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while front := requests.read(FRONT.size):
        if len(front) != FRONT.size:
            raise SystemExit("a request ended in the middle")
        operation, key, context_length, data_length = FRONT.unpack(front)
        context = read_exactly(requests, context_length)
        data = read_exactly(requests, data_length)
        try:
            done, result = 1, answer(operation, key, context, data)
        except Exception as refused:  # what it raises is not documented as one class
            print(type(refused).__name__, refused, file=sys.stderr)
            done, result = 0, b""
        answers.write(struct.pack(">BQ", done, len(result)) + result)
        answers.flush()


if __name__ == "__main__":
    main()
