"""MCP files: large files of a result do not go through the library; each is there once, for who has its reference."""

import gc
import json
from typing import Any

import pytest

from agent.tools.mcp.incoming import files
from agent.tools.mcp.incoming.files import CHARS_MAX, KEPT_S, KeptFiles, new_secret, reference, take
from agent.tools.mcp.incoming.messages import BLOCKS_MAX
from agent.tools.mcp.incoming.process import FILE_CHARS, take_files
from agent.tools.mcp.incoming.reading import SMALL_BYTES, MessageReader

DATA = "QUJD" * (SMALL_BYTES // 4)
BLOCKS = [
    {"type": "image", "data": DATA, "mimeType": "image/png"},
    {"type": "image", "data": "QUJD", "mimeType": "image/png"},
    {"type": "resource", "resource": {"uri": "a:b", "blob": DATA + "QUJD"}},
    {"type": "resource", "resource": {"uri": "a:c", "text": "ä" * FILE_CHARS}},
]


async def test_large_files_are_taken_out_of_their_message_and_found_by_their_references() -> None:
    reader = MessageReader()
    message = {"jsonrpc": "2.0", "id": 1, "result": {"content": BLOCKS}}
    bounded = await reader.read(json.dumps(message).encode())
    assert bounded is not None
    assert len(bounded) < 1_000
    image, small, blob, text = json.loads(bounded)["result"]["content"]
    assert small["data"] == "QUJD"
    assert take(image["data"]) == DATA
    assert take(blob["resource"]["blob"]) == DATA + "QUJD"
    assert take(text["resource"]["text"]) == "ä" * FILE_CHARS
    assert take(image["data"]) == image["data"]  # once


@pytest.mark.parametrize("result", [{"content": {}}, {"content": "", "messages": 1}, {"contents": None}, {"tools": []}])
def test_a_result_of_another_form_has_no_files(result: dict[str, Any]) -> None:
    assert take_files({"result": result}, "secret") == []


def test_an_error_has_no_files() -> None:
    assert take_files({"error": {"code": 1, "message": "no"}}, "secret") == []


def test_what_a_server_writes_is_no_reference_of_another() -> None:
    kept = KeptFiles()
    kept.keep(new_secret(), ["a file"])
    assert take("holdfast-file:0:0") == "holdfast-file:0:0"
    assert take("a text") == "a text"


def test_the_oldest_files_that_nobody_took_go_first() -> None:
    kept, secrets = KeptFiles(), [new_secret() for _ in range(3)]
    for secret in secrets:
        kept.keep(secret, ["x" * (CHARS_MAX // 2)])
    first, *rest = [take(reference(secret, 0)) for secret in secrets]
    assert first == reference(secrets[0], 0)
    assert [len(one) for one in rest] == [CHARS_MAX // 2] * 2


def test_the_files_of_a_connection_go_with_it() -> None:
    kept, secret = KeptFiles(), new_secret()
    kept.keep(secret, ["a file"])
    assert reference(secret, 0) in files._kept
    del kept
    gc.collect()
    assert reference(secret, 0) not in files._kept


def test_all_files_of_the_largest_result_are_kept() -> None:
    kept, secret = KeptFiles(), new_secret()
    kept.keep(secret, [str(number) for number in range(BLOCKS_MAX)])
    assert [take(reference(secret, number)) for number in range(BLOCKS_MAX)] == [
        str(number) for number in range(BLOCKS_MAX)
    ]


def test_a_file_that_nobody_takes_is_dropped_after_a_time() -> None:
    kept, early, late = KeptFiles(), new_secret(), new_secret()
    kept.keep(early, ["a file"], now=0.0)
    kept.keep(late, ["another"], now=KEPT_S)
    kept.drop_old(now=KEPT_S + 1)
    assert take(reference(early, 0)) == reference(early, 0)
    assert take(reference(late, 0)) == "another"
