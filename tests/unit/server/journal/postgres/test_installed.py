"""PostgreSQL of this machine's packages: an older version than that of the other tests, and one that has TLS."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.journal.base import Unavailable
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres.describe import describe
from server.journal.postgres.journal import open_postgres
from tests.faults.harness.lengths import in_the_long_form
from tests.support.network.ports import free_port
from tests.support.postgres.server import NOBODY, PostgresServer
from tests.unit.server.journal.builders import begin, item, texts

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
pytestmark = [
    in_the_long_form,
    pytest.mark.skipif(
        not INSTALLED or shutil.which("openssl") is None, reason="no PostgreSQL or openssl is installed"
    ),
]


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """A folder with a key and a certificate for 127.0.0.1, and another certificate, which the server's user can read."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tls-"))
    folder.chmod(0o755)
    for name in ("own", "other"):
        key, cert = folder / f"{name}.key", folder / f"{name}.crt"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "2", "-keyout", key, "-out", cert),
                *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
        key.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(key, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=INSTALLED, ids=lambda folder: folder.parent.name)
def server(request: pytest.FixtureRequest, certificates: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(
        programs=request.param,
        fsync="on",
        listen_addresses="127.0.0.1",
        port=str(free_port()),
        ssl="on",
        ssl_cert_file=str(certificates / "own.crt"),
        ssl_key_file=str(certificates / "own.key"),
    )
    yield server
    server.remove()


async def test_a_journal_and_two_servers_work_there_over_tls(server: PostgresServer, certificates: Path) -> None:
    url = server.tcp_url_of("postgres")
    checked = f"{url}?sslmode=verify-full&sslrootcert={certificates / 'own.crt'}"
    several = NodesSettings(several=True)
    a, b = await open_postgres(checked, nodes=several), await open_postgres(f"{url}?sslmode=require", nodes=several)
    lease = await begin(a, "s", "one", "two")
    assert await texts(b) == ["one", "two"]
    await a.release(lease)
    await b.append(item(await b.acquire("s"), 2, "three"))
    assert await texts(a) == ["one", "two", "three"]
    for journal in (a, b):
        await journal.aclose()
    state = describe(checked)
    assert state.encrypted and state.hears and not describe(server.url).encrypted


async def test_another_servers_certificate_is_refused(server: PostgresServer, certificates: Path) -> None:
    url = f"{server.tcp_url_of('postgres')}?sslmode=verify-full&sslrootcert={certificates / 'other.crt'}"
    with pytest.raises(Unavailable, match="certificate verify failed") as refused:
        await open_postgres(url)
    assert "\n" not in str(refused.value) and "s3cret" not in str(refused.value)
