#!/usr/bin/env bash
# SQLite 3.50.4 (apsw==3.50.4.0, PyPI): inside a transaction, one INSERT of a hundred rows makes SQLite write each page that it changes once more, as it was
# before, into a temporary file (a "statement journal"), in WAL mode too: it must be able to undo that statement alone. A hundred INSERTs of one row each
# need none, so to put the rows together doubles what is written. With INSERT OR ROLLBACK, which undoes the whole transaction, nothing more is written.
# Output seen (200 transactions, each with a row of 150 bytes for each of 100 keys):
#   100 times one row:            log 130 MiB, statement journal 0 MiB
#   once 100 rows:                log 130 MiB, statement journal 126 MiB
#   once 100 rows, OR ROLLBACK:   log 130 MiB, statement journal 0 MiB
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet 'apsw==3.50.4.0' 2>/dev/null
cat >count.py <<'PY'
import apsw

written = {}


class File(apsw.VFSFile):
    def __init__(self, name, flags):
        self.kind = flags[0]
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        written[self.kind] = written.get(self.kind, 0) + len(data)
        super().xWrite(data, offset)


class Counting(apsw.VFS):
    def xOpen(self, name, flags):
        return File(name, flags)


def mib(kind):
    return sum(size for flags, size in written.items() if flags & kind) >> 20


vfs = Counting("counting", "")
for title, insert, rows in (
    ("100 times one row:         ", "INSERT", 1),
    ("once 100 rows:             ", "INSERT", 100),
    ("once 100 rows, OR ROLLBACK:", "INSERT OR ROLLBACK", 100),
):
    db = apsw.Connection(f"{insert} {rows}.db", vfs="counting")
    db.pragma("journal_mode", "wal")
    db.execute("CREATE TABLE events (key INTEGER, seq INTEGER, data BLOB, PRIMARY KEY (key, seq)) WITHOUT ROWID")
    written.clear()
    for seq in range(200):
        values = [value for key in range(100) for value in (key, seq, bytes(150))]
        statement = f"{insert} INTO events VALUES {','.join(['(?,?,?)'] * rows)}"
        db.execute("BEGIN")
        for at in range(0, len(values), rows * 3):
            db.execute(statement, values[at : at + rows * 3])
        db.execute("COMMIT")
    print(f"{title}   log {mib(apsw.SQLITE_OPEN_WAL)} MiB, statement journal {mib(apsw.SQLITE_OPEN_SUBJOURNAL)} MiB")
    db.close()
PY
env/bin/python count.py | tee output
[ "$(cat output)" = '100 times one row:            log 130 MiB, statement journal 0 MiB
once 100 rows:                log 130 MiB, statement journal 126 MiB
once 100 rows, OR ROLLBACK:   log 130 MiB, statement journal 0 MiB' ]
