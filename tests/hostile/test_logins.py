"""Hostile logins: what a program of this machine makes up or finds, without pause, lets it in nowhere and locks nobody out."""

import time
from pathlib import Path

import pytest

from server.auth.login_codes import new_code
from tests.faults.process.process import Zygote
from tests.hostile.attacks.logins import credentials_made_up
from tests.hostile.harness import under_attack
from tests.support.browser_login import headers_of
from tests.support.network.http_client import http_client

pytestmark = pytest.mark.timeout(120)


async def test_credentials_that_are_made_up_delay_nobody_and_lock_nobody_out(zygote: Zygote, tmp_path: Path) -> None:
    async with under_attack(zygote, tmp_path, auth={"mode": "local", "local_token": True}) as beside:
        await beside.check(f"{credentials_made_up.__module__}:credentials_made_up")
        async with http_client(beside.target.http) as http:
            code = new_code(beside.quiet, time.time())
            login = await http.post("/auth/local", json={"token": code})
            assert login.status_code == 200
            assert (await http.get("/api/sessions", headers=headers_of(login))).status_code == 200
            assert (await http.post("/auth/local", json={"token": code})).status_code in {401, 429}, "once"
