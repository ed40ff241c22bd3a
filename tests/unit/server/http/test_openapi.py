"""OpenAPI document: it has every route, and schemathesis finds no answer that it does not declare."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from server.app import build_app
from server.config.compatible import CompatibleSettings
from server.http import table
from server.http.table import ENDPOINTS, openapi_document
from server.util.private_files import write_private
from tests.faults.harness.lengths import in_the_long_form, length
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.network.http_client import http_client

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TOKEN = "t" * 43
# Requests reach sessions that others of them made. Which names of files are good is the workspace's own subject.
FILES = """
[[operations]]
include-path-regex = "/files"
[operations.checks]
positive_data_acceptance.enabled = false
negative_data_rejection.enabled = false
"""
RUN_S = 50


async def test_the_app_serves_exactly_the_endpoints_of_the_table(tmp_path: Path) -> None:
    app: Starlette = build_app(settings_for(tmp_path), environ={})
    async with app.router.lifespan_context(app):
        served = {
            (method, route.path)
            for route in app.routes
            if isinstance(route, Route)
            for method in route.methods or ()
            if method != "HEAD"
        }
    only_oauth = {("GET", "/auth/login"), ("GET", "/auth/callback")}
    assert served | only_oauth == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    assert not served & only_oauth


def test_methods_of_one_path_that_need_different_things_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    other = msgspec.structs.replace(ENDPOINTS[0], method="PUT", needs="admin")
    monkeypatch.setattr(table, "ENDPOINTS", (*ENDPOINTS, other))
    with pytest.raises(ValueError, match="PUT / needs something else"):
        table.access_rules()


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    operations = [operation for path in openapi_document()["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


async def test_the_document_is_served(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, http_client(live.http) as http:
        assert (await http.get("/openapi.json")).json() == msgspec.json.decode(msgspec.json.encode(openapi_document()))


@contextlib.asynccontextmanager
async def guarded(tmp_path: Path, *, others: bool = False) -> AsyncIterator[tuple[Live, Path]]:
    """A server that lets in who has `TOKEN`, and a folder for schemathesis."""
    data, folder = tmp_path / "data", tmp_path / "schemathesis"
    data.mkdir()
    folder.mkdir()
    write_private(data / "token", TOKEN.encode())
    patient = {"local_token": True, "failures_per_minute": 1_000_000}
    settings = msgspec.structs.replace(
        settings_for(data, auth=patient), compatible=CompatibleSettings(ag_ui=others, openai=others)
    )
    async with listening(settings) as live:
        yield live, folder


async def schemathesis(live: Live, folder: Path, config: str = "", *options: str) -> tuple[int, str]:
    """Its exit code and output, run against a live server."""
    (folder / "schemathesis.toml").write_text(f"continue-on-failure = true\n{config}")
    process = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        "run",
        f"{live.http}/openapi.json",
        *("--header", f"Authorization:Bearer {TOKEN}"),
        *(
            "--max-examples",
            str(length(1, 12)),
            "--seed",
            "1",
            "--generation-database",
            "none",
            "--suppress-health-check",
            "all",
        ),
        *("--phases", "examples,coverage,fuzzing", "--warnings", "off", "--no-color"),
        *options,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), RUN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.timeout(120)
async def test_every_answer_is_documented(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (live, folder):
        code, output = await schemathesis(live, folder, FILES)
        assert code == 0, output
        named = [endpoint for endpoint in ENDPOINTS if endpoint.name]
        # It leaves out the route that it has the document from.
        assert re.search(rf"Tested: {len(named) - 1}\b", output), output


@in_the_long_form
@pytest.mark.timeout(240)
async def test_every_answer_to_clients_of_other_protocols_is_documented(tmp_path: Path) -> None:
    async with guarded(tmp_path, others=True) as (live, folder):
        # What a turn comes to is its own subject: the demo model answers anything.
        left_out = ("--exclude-checks", "positive_data_acceptance,negative_data_rejection")
        code, output = await schemathesis(live, folder, "", "--include-path-regex", "^/(ag-ui|v1/)", *left_out)
        assert code == 0, output


@in_the_long_form
@pytest.mark.timeout(120)
async def test_every_answer_about_an_existing_session_is_documented(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (live, folder):
        session_id = await live.manager.create_session("local")
        await live.manager.submit_user_input(session_id, "hello")
        # Which names of files are good is the workspace's own subject, and the session must stay for the next request.
        left_out = (
            "--exclude-checks",
            "positive_data_acceptance,negative_data_rejection",
            "--exclude-method",
            "DELETE",
        )
        place = f'[parameters]\n"path.session_id" = "{session_id}"\n'
        code, output = await schemathesis(live, folder, place, "--include-path-regex", "session_id", *left_out)
        assert code == 0, output
        links = await live.manager.links(session_id)
        assert links, "no request reached the session"


async def test_a_wrong_method_gets_the_allowed_methods(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, http_client(live.http) as http:
        refused = await http.put(f"/api/sessions/{'0' * 32}")
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")
