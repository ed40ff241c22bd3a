"""`GET /api/config`: it answers with exactly the fields that the OpenAPI document declares."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent.tools.mcp.settings import McpServer
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.network.http_client import http_client


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for(tmp_path, auth={"local_token": True})
    settings = msgspec.structs.replace(settings, mcp_servers={"quiet": McpServer(command="false")})
    async with (
        listening(settings) as live,
        http_client(live.http) as client,
    ):
        yield client


def differences(answer: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str = "config") -> Iterator[str]:
    """Every field that the answer has and the schema check_need, or the other way round."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        (schema,) = [one for one in schema["anyOf"] if (one == {"type": "null"}) == (answer is None)]
        yield from differences(answer, schema, schemas, at)
    elif isinstance(answer, list):
        for item in answer:
            yield from differences(item, schema["items"], schemas, f"{at}[]")
    elif isinstance(answer, dict):
        yield from (f"{at}.{name} is not in the schema" for name in answer.keys() - schema["properties"].keys())
        yield from (f"{at}.{name} is never sent" for name in schema["properties"].keys() - answer.keys())
        for name in answer.keys() & schema["properties"].keys():
            yield from differences(answer[name], schema["properties"][name], schemas, f"{at}.{name}")


async def test_the_answer_has_exactly_the_fields_of_its_schema(http: httpx.AsyncClient, tmp_path: Path) -> None:
    schemas = (await http.get("/openapi.json")).json()["components"]["schemas"]
    token = (tmp_path / "token").read_text().strip()
    config = (await http.get("/api/config", headers={"authorization": f"Bearer {token}"})).json()
    assert config["models"] and config["mcp"], "both lists hold something to compare"
    assert not list(differences(config, schemas["Config"], schemas))


async def test_without_credentials_the_answer_has_only_the_required_fields(http: httpx.AsyncClient) -> None:
    schemas = (await http.get("/openapi.json")).json()["components"]["schemas"]
    config = (await http.get("/api/config")).json()
    assert sorted(config) == sorted(schemas["Config"]["required"]) == ["auth", "name", "version"]
