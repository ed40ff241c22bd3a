"""`holdfast migrate`: logins move with the sessions, from one server into the database that several share, and back."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from server.auth import share_links
from server.auth.login_store import FILE
from server.cli.main import main
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.openid_provider import OpenIdProvider, openid_provider
from tests.support.postgres.elsewhere import SECRET
from tests.unit.server.auth.test_shared_logins import logged_in_by, oauth_at
from tests.unit.server.sessions.nodes.two import two


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with openid_provider() as stand_in:
        yield stand_in


def stored(folder: Path) -> int:
    """The logins in a folder."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        (count,) = db.execute("SELECT count(*) FROM logins").fetchone()
        return int(count)


async def test_a_login_goes_on_at_several_servers_and_back_at_one(
    tmp_path: Path,
    database: str,
    provider: OpenIdProvider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    auth = oauth_at(provider)
    async with listening(settings_for(tmp_path / "a", auth=auth)) as live:
        browser = await logged_in_by(provider, live)
        gone = await logged_in_by(provider, live)
    assert main(["migrate", "--to", database, "--data", str(tmp_path / "a")]) == 0
    async with two(tmp_path, database, auth=auth) as (a, b):
        assert stored(tmp_path / "a") == 0, "they are in the database now"
        assert [(await browser.me(live)).status_code for live in (a, b)] == [200, 200]
        assert await gone.log_out(b) == 204
    async with two(tmp_path, database, auth=auth) as (a, b):
        assert [(await one.me(a)).status_code for one in (browser, gone)] == [200, 401]
    back = ["migrate", "--from", database, "--data", str(tmp_path / "c")]
    monkeypatch.setenv("HOLDFAST_SECRET", "another one than that of the servers")
    assert main(back) == 2
    assert "is not that of the servers" in capsys.readouterr().err and not (tmp_path / "c" / FILE).exists()
    monkeypatch.setenv("HOLDFAST_SECRET", SECRET)
    assert main(back) == 0
    assert "logins that go on: 1\n" in capsys.readouterr().out
    keys = [(tmp_path / name / share_links.FILE).read_bytes() for name in ("a", "c")]
    assert keys[0] == keys[1], "so links go on too"
    async with listening(settings_for(tmp_path / "c", auth={**auth, "secret": SECRET})) as live:
        assert [(await one.me(live)).status_code for one in (browser, gone)] == [200, 401]


async def test_without_the_servers_secret_the_sessions_come_back_alone(
    tmp_path: Path, database: str, provider: OpenIdProvider
) -> None:
    async with two(tmp_path, database, auth=oauth_at(provider)) as (a, _):
        await logged_in_by(provider, a)
    assert main(["migrate", "--from", database, "--no-logins", "--data", str(tmp_path / "c")]) == 0
    assert not (tmp_path / "c" / FILE).exists()
