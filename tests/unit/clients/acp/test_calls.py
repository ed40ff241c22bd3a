"""Calls, servers and images: places are absolute, with lines; diffs are there after a load; what an editor gives is read."""

import pytest

from clients.acp.dialects.v1 import V1, Offers
from clients.acp.dialects.v2 import V2
from clients.acp.mapping.images import read_images
from clients.acp.mapping.servers import given_servers
from clients.acp.rpc import Failure
from protocol import events as ev
from protocol.content import AssistantMessage, FileChange, ToolCall, ToolMessage
from protocol.view import View
from tests.unit.clients.acp.script import Script

CWD = "/home/user/p"
DONE = {"success": True, "truncated": False, "duration_ms": 1}


def test_the_places_of_a_call_have_absolute_paths_and_lines() -> None:
    script = Script(cwd=CWD).opened()
    for name, (tool, arguments) in {
        "c1": ("read", {"path": "a.py", "offset": 7}),
        "c2": ("list", {}),
        "c3": ("grep", {"pattern": "x", "path": "src"}),
        "c4": ("bash", {"command": "ls"}),
    }.items():
        script.event(ev.ToolCallEvent, tool_call_id=name, tool=tool, arguments=arguments)
    places = [one.get("locations") for one in script.updates if one["sessionUpdate"] == "tool_call"]
    assert places == [[{"path": f"{CWD}/a.py", "line": 7}], [{"path": CWD}], [{"path": f"{CWD}/src"}], None]


def test_what_a_search_found_is_told_by_its_places() -> None:
    found = "src/a.py:12:x = 1\nsrc/b: odd\nc.py:3:x: 2\n"
    for cwd, places in ((CWD, [(f"{CWD}/src/a.py", 12), (f"{CWD}/c.py", 3)]), (None, [])):
        script = Script(cwd=cwd).opened()
        script.event(ev.ToolCallEvent, tool_call_id="c1", tool="grep", arguments={"pattern": "x"})
        script.event(ev.ToolOutput, tool_call_id="c1", tool="grep", output=found, **DONE)
        told = script.updates[-1].get("locations", [])
        assert [(one["path"], one["line"]) for one in told] == places


def test_a_load_shows_diffs_each_time() -> None:
    change = FileChange(f"{CWD}/a.py", "modify", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n", 1)
    call = ToolCall(tool_call_id="c1", tool="edit", arguments={"path": "a.py"})
    for dialect in (V1(Offers()), V2(Offers())):
        script = Script(dialect, cwd=CWD)
        script.keep(script.mapping.open("open", "load"))
        script.event(ev.ToolOutput, tool_call_id="c1", tool="edit", output="edited", changes=[change], **DONE)
        script.reset(
            View(
                seq=9,
                model="small",
                messages=[
                    AssistantMessage("a1", "one", "", [call], "tool_calls", False),
                    ToolMessage("c1", "edit", "edited", True, False, 1, "completed"),
                ],
            )
        )
        script.keep(script.mapping.open("again", "load"))
        shown = [one["content"] for one in script.updates if isinstance(one.get("content"), list)]
        assert [part["type"] for content in shown for part in content].count("diff") == 2


def test_the_servers_of_an_editor_are_those_of_a_session() -> None:
    variables = [{"name": "KEY", "value": "x"}]
    stdio = {"name": "shop", "command": "/bin/shop", "args": ["-v"], "env": variables}
    http = {"type": "http", "name": "web", "url": "https://x/mcp", "headers": variables}
    assert given_servers([stdio, http, {"type": "sse", "name": "old", "url": "https://x"}]) == {
        "shop": {"command": "/bin/shop", "args": ["-v"], "env": {"KEY": "x"}},
        "web": {"url": "https://x/mcp", "headers": {"KEY": "x"}},
        "old": {"type": "sse"},
    }
    assert given_servers(None) == given_servers([]) == {}


def test_images_of_a_prompt_get_paths_of_their_own() -> None:
    blocks = [{"type": "image", "mimeType": kind, "data": "AAEC"} for kind in ("image/png", "image/jpeg")]
    assert read_images([{"type": "text", "text": "x"}, *blocks], "s1") == {
        "images/s1-1.png": b"\0\1\2",
        "images/s1-2.jpg": b"\0\1\2",
    }


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "image", "mimeType": "image/png", "data": ""}],
        [{"type": "image", "mimeType": "image/gif", "data": "AAEC"}],
        [{"type": "image", "mimeType": "image/png", "data": "not base64"}],
        [{"type": "image", "mimeType": "image/png", "data": "AAEC"}] * 9,
    ],
)
def test_an_image_that_cannot_be_shown_is_refused(blocks: list[dict[str, str]]) -> None:
    with pytest.raises(Failure):
        read_images(blocks, "s1")
