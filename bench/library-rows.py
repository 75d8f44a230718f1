"""Makes one user's library larger by copying the rows of items that were really uploaded.

usage: library-rows.py DATA_DIR EMAIL ITEMS

The server must not run meanwhile: this writes its SQLite file directly. The newest TEMPLATES items of the user are the
templates; each is copied equally often, as items uploaded before all others, so that every kept number (usage, facets,
references to blobs) grows by the same exact factor. The runs by which pages are found are cut anew. No events are
written: what follows changes does not see the copies.
"""

import random
import sqlite3
import sys
from pathlib import Path

TEMPLATES = 20
# As crates/store/src/usage.rs cuts them; the first run begins below every id.
RUN_ITEMS = 1000
NIL = bytes(16)


def main() -> None:
    folder, email, wanted = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    database = sqlite3.connect(f"file:{folder / 'mediavault.sqlite'}?mode=rw", uri=True)
    database.row_factory = sqlite3.Row
    # Nobody else has the file open, and a copy that fails is thrown away with its folder.
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -524288")
    with database:
        user = database.execute("SELECT id FROM users WHERE email_folded = ?", (email,)).fetchone()
        if user is None:
            sys.exit(f"no user {email}")
        grow(database, user["id"], wanted)
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def grow(database: sqlite3.Connection, owner: bytes, wanted: int) -> None:
    (present,) = database.execute("SELECT count(*) FROM media WHERE owner_id = ?", (owner,)).fetchone()
    if present % TEMPLATES or wanted % TEMPLATES or wanted < present or present == 0:
        sys.exit(f"{present} items cannot grow to {wanted} in whole copies of {TEMPLATES}")
    if wanted == present:
        return
    templates = database.execute(
        "SELECT * FROM media WHERE owner_id = ? ORDER BY id DESC LIMIT ?", (owner, TEMPLATES)
    ).fetchall()
    tags = {row["id"]: tags_of(database, row["id"]) for row in templates}
    columns = templates[0].keys()
    places = ", ".join("?" * len(columns))
    into_media = f"INSERT INTO media ({', '.join(columns)}) VALUES ({places})"
    into_tags = "INSERT INTO media_tags (owner_id, folded, trashed, media_id) VALUES (?, ?, ?, ?)"
    for identifier, template, changes in numbered(database, owner, templates, wanted - present):
        database.execute(into_media, tuple(changes.get(column, template[column]) for column in columns))
        database.executemany(into_tags, [(owner, *tag, identifier) for tag in tags[template["id"]]])
    scale = (wanted, present, owner)
    database.execute("UPDATE usage SET items = items * ?1 / ?2, bytes = bytes * ?1 / ?2 WHERE owner_id = ?3", scale)
    database.execute("UPDATE media_facets SET items = items * ?1 / ?2 WHERE owner_id = ?3", scale)
    database.execute("UPDATE blobs SET refs = refs * ?1 / ?2 WHERE owner_id = ?3", scale)
    cut_runs(database, owner)


def tags_of(database: sqlite3.Connection, identifier: bytes) -> list[tuple[str, int]]:
    rows = database.execute("SELECT folded, trashed FROM media_tags WHERE media_id = ?", (identifier,))
    return [tuple(row) for row in rows]


def numbered(database: sqlite3.Connection, owner: bytes, templates: list[sqlite3.Row], count: int):
    """Yields id, template and changed columns of each copy, oldest first, one a millisecond before all that is there."""
    (oldest,) = database.execute("SELECT min(id) FROM media WHERE owner_id = ?", (owner,)).fetchone()
    first_millisecond = int.from_bytes(oldest[:6], "big") - count
    source = random.Random(count)
    for number in range(count):
        template = templates[number % len(templates)]
        millisecond = first_millisecond + number
        # UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits.
        bits = millisecond << 80 | 7 << 76 | source.getrandbits(12) << 64 | 2 << 62 | source.getrandbits(62)
        identifier = bits.to_bytes(16, "big")
        name = f"copy-{number}-{template['filename']}"
        created = millisecond * 1000
        changes = {
            "id": identifier,
            "filename": name,
            "filename_folded": name.lower(),
            "created_at": created,
            "updated_at": created,
            "external_id": None,
        }
        if template["taken_at"] is None:
            changes["taken_sort"] = created
        yield identifier, template, changes


def cut_runs(database: sqlite3.Connection, owner: bytes) -> None:
    database.execute("DELETE FROM media_runs WHERE owner_id = ?", (owner,))
    identifiers = database.execute(
        "SELECT id FROM media WHERE owner_id = ? AND NOT trashed ORDER BY id", (owner,)
    ).fetchall()
    for start in range(0, len(identifiers), RUN_ITEMS):
        first = identifiers[start]["id"] if start else NIL
        items = len(identifiers[start : start + RUN_ITEMS])
        database.execute("INSERT INTO media_runs (owner_id, first_id, items) VALUES (?, ?, ?)", (owner, first, items))


if __name__ == "__main__":
    main()
