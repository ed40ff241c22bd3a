"""Login codes: the printed link logs a browser in once, for minutes, and only at the server that ran when it was made."""

from pathlib import Path

import pytest

from server.auth import login_codes
from server.auth.login_codes import LASTS_S, LoginCodes, new_code
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.network.http_client import http_client
from tests.support.users import users

TOKEN = "t" * 43
START = 1_000_000.0


def test_a_code_works_once() -> None:
    codes, code = LoginCodes(START), new_code(TOKEN, START)
    assert codes.use(code, TOKEN, START)
    assert not codes.use(code, TOKEN, START)
    assert codes.use(new_code(TOKEN, START), TOKEN, START), "another code of the same time"


@pytest.mark.parametrize(
    ("made_at", "now", "good"),
    [
        (START, START + LASTS_S, True),
        (START, START + LASTS_S + 0.001, False),
        (START - 0.001, START, False),
        (START + 0.001, START, False),
    ],
    ids=["in time", "too late", "made before the start", "made in the future"],
)
def test_a_code_works_for_ten_minutes_from_the_start_on(made_at: float, now: float, good: bool) -> None:
    assert LoginCodes(START).use(new_code(TOKEN, made_at), TOKEN, now) is good


def test_a_code_of_another_token_or_with_one_character_changed_is_refused() -> None:
    codes, code = LoginCodes(START), new_code(TOKEN, START)
    assert not codes.use(code, "u" * 43, START)
    for at in range(len(code)):
        changed = code[:at] + ("1" if code[at] != "1" else "2") + code[at + 1 :]
        assert not codes.use(changed, TOKEN, START + 1), changed
    for text in ("", "hfc_", code + "0", code[:-1], code.replace("_", "-"), "hfc_\u0663_" + code.partition("_")[2]):
        assert not codes.use(text, TOKEN, START)
    assert codes.use(code, TOKEN, START)


def test_a_clock_that_steps_makes_no_used_code_good_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_codes, "USED_MAX", 3)
    codes = LoginCodes(START)
    used = [new_code(TOKEN, START + n) for n in range(5)]
    for n, code in enumerate(used):
        assert codes.use(code, TOKEN, START + n)
    assert codes.use(new_code(TOKEN, START + 5_000), TOKEN, START + 5_000)
    assert not any(codes.use(code, TOKEN, START + 5) for code in used), "those that were forgotten, too"
    assert not codes.use(new_code(TOKEN, START), TOKEN, START + 5), "one that is as old as a forgotten one"


async def test_a_code_logs_a_browser_in_once_and_then_says_how_to_get_another(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        code = live.server._app.state.running.authenticator.backend.new_code()
        assert (tmp_path / "token").read_text().strip() not in code
        async with http_client(live.http) as http:
            assert (await http.get("/api/me", headers={"Authorization": f"Bearer {code}"})).status_code == 401
            first = await http.post("/auth/local", json={"token": code})
            assert (first.status_code, first.json()["user_id"]) == (200, "local")
            own = {"Holdfast-Key": first.json()["key"]}
            assert (await http.get("/api/me", headers=own)).status_code == 200
            again = await http.post("/auth/local", json={"token": code})
            assert (again.status_code, again.json()["code"]) == (401, "unauthorized")
            assert "was used already" in again.json()["message"] and "`holdfast login-link`" in again.json()["message"]
            assert code not in again.text


async def test_wrong_codes_are_counted_like_wrong_tokens(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, auth={"local_token": True, "failures_per_minute": 2})) as live:
        wrong = new_code(TOKEN, START)
        async with http_client(live.http) as http:
            tried = [(await http.post("/auth/local", json={"token": wrong})).status_code for _ in range(3)]
    assert tried == [401, 401, 429]


async def test_a_new_token_ends_the_codes_of_the_old_one(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        code = live.server._app.state.running.authenticator.backend.new_code()
        (tmp_path / "token").write_text(TOKEN)
        async with http_client(live.http) as http:
            assert (await http.post("/auth/local", json={"token": code})).status_code == 401


async def test_other_modes_know_no_codes(tmp_path: Path) -> None:
    async with users(tmp_path) as found, http_client(found.live.http) as http:
        for path, status in (("/auth/token", 401), ("/auth/local", 404)):
            assert (await http.post(path, json={"token": new_code(TOKEN, START)})).status_code == status
