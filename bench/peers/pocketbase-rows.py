"""Puts rows straight into PocketBase's table `rows`, for the list scenario.

usage: pocketbase-rows.py DATABASE ROWS
Rows are added until there are that many; 20 of them answer with about 9 KB.
"""

import random
import sqlite3
import string
import sys
from datetime import datetime, timedelta, timezone

ALPHABET = string.ascii_lowercase + string.digits


def main() -> None:
    path, wanted = sys.argv[1], int(sys.argv[2])
    database = sqlite3.connect(path, timeout=30)
    (present,) = database.execute("SELECT count(*) FROM rows").fetchone()
    start = datetime(2025, 1, 1, tzinfo=timezone.utc)
    source = random.Random(7)

    def row(number: int) -> tuple[str, str, str, str]:
        created = start + timedelta(seconds=number)
        return (
            "".join(source.choices(ALPHABET, k=15)),
            f"Item number {number}",
            "".join(source.choices(ALPHABET + "     ", k=280)),
            created.strftime("%Y-%m-%d %H:%M:%S.000Z"),
        )

    with database:
        database.executemany(
            "INSERT INTO rows (id, title, description, created) VALUES (?, ?, ?, ?)",
            (row(number) for number in range(present, wanted)),
        )


if __name__ == "__main__":
    main()
