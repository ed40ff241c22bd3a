"""Hostile storage: idle uploads and uploads without an end delay nobody, and stay within the bounds."""

from pathlib import Path

import pytest

from tests.faults.process.process import Zygote
from tests.hostile.attacks.storage import idle_uploads
from tests.hostile.harness import under_attack
from tests.support.network.http_client import http_client

pytestmark = pytest.mark.timeout(120)


async def test_uploads_delay_nobody(zygote: Zygote, tmp_path: Path) -> None:
    async with under_attack(zygote, tmp_path, workspace={"total_bytes_max": 4_000_000}) as beside:
        await beside.check(f"{idle_uploads.__module__}:idle_uploads")
        await beside.check(f"{idle_uploads.__module__}:uploads_without_pause")
        target = beside.target
        async with http_client(target.http) as http:
            url = f"/api/sessions/{target.session_id}/files"
            listed = (await http.get(url, headers=target.headers("user"))).json()["files"]
            assert sum(one["size"] for one in listed) <= 4_000_000
            # The quiet user's session: uploads of others never take its places.
            url = f"/api/sessions/{target.shared_id}/files/mine"
            mine = await http.put(url, content=bytes(200_000), headers=target.headers("drive"))
            assert mine.status_code == 201
