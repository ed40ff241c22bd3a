"""Logs: lines that cannot be forged, in UTC, on standard error, with the session and the user that they concern."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.util.tasks import TaskOwner
from protocol.submissions import UserInput
from server.config.server import ServerSettings
from server.telemetry import log_context, logs
from server.telemetry.log_context import NO_CONTEXT, LogContext, UserHashes, user_hashes
from tests.support.application import settings_for
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import Call, Finish, ScriptedModel, Text, Usage, calls, stream


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ["holdfast", "uvicorn.error", *logs.LIBRARY_LEVELS]
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])
    log_context.enter(NO_CONTEXT)


def test_a_line_break_in_a_message_makes_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings())
    logging.getLogger("holdfast.x").info("said %s", "a\r\n2026-01-01 ERROR forged \x1b[31m")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.endswith("Z INFO    holdfast.x: said a\\r\\n2026-01-01 ERROR forged \\x1b[31m\n")


def test_a_fault_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(log_level="error"))
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("holdfast.x").exception("it failed")
    err = capsys.readouterr().err
    assert "it failed\nTraceback" in err and err.endswith("RuntimeError: broken\n")


def test_log_levels_apply_to_the_project_and_libraries_stay_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(log_level="debug"))
    logging.getLogger("holdfast.x").debug("shown")
    logging.getLogger("httpx").info("hidden")
    logging.getLogger("uvicorn.error").info("hidden")
    logging.getLogger("some.library").debug("hidden")
    err = capsys.readouterr().err
    assert "shown" in err and "hidden" not in err


def test_the_access_log_can_be_switched_on(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(access_log=True))
    logging.getLogger("uvicorn.error").info("WebSocket /ws [accepted]")
    logging.getLogger("uvicorn.access").info("GET /")
    assert capsys.readouterr().err.count("\n") == 2


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_json_record_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(log_format="json"))
    logging.getLogger("holdfast.x").warning("said %s", 'a\r\n{"level":"error"}\u2028\ud800\x1b')
    try:
        raise RuntimeError("broken\nin two")
    except RuntimeError:
        logging.getLogger("holdfast.x").exception("it failed")
    logged, failed = lines(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", logged.pop("at"))
    assert logged == {
        "level": "warning",
        "logger": "holdfast.x",
        "message": 'said a\r\n{"level":"error"}\u2028\ud800\x1b',
    }
    assert failed["traceback"].startswith("Traceback") and failed["traceback"].endswith("broken\nin two")


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_line_has_its_log_context_and_child_tasks_inherit_it(
    capsys: pytest.CaptureFixture[str], form: Any
) -> None:
    logs.set_up(ServerSettings(log_format=form))
    owner = TaskOwner("test")

    async def speak() -> None:
        log_context.bind(turn="turn-2")
        logging.getLogger("holdfast.x").info("inner")

    log_context.enter(LogContext(session="s1", user="u1"))
    await owner.start(speak(), "inner")
    logging.getLogger("holdfast.x").info("outer")
    err = capsys.readouterr().err
    if form == "text":
        assert "holdfast.x [session=s1 turn=turn-2 user=u1]: inner\n" in err
        assert "holdfast.x [session=s1 user=u1]: outer\n" in err
    else:
        inner, outer = map(json.loads, err.splitlines())
        assert (inner["session"], inner["turn"], inner["user"]) == ("s1", "turn-2", "u1")
        assert (outer["session"], outer["user"], "turn" in outer, "conn" in outer) == ("s1", "u1", False, False)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_of_one_of_several_servers_names_it(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    logs.set_up(ServerSettings(log_format=form), "north-1")
    log_context.enter(LogContext(session="s1"))
    logging.getLogger("holdfast.x").info("said")
    err = capsys.readouterr().err
    assert (
        "holdfast.x [node=north-1 session=s1]: said\n" in err
        if form == "text"
        else json.loads(err)["node"] == "north-1"
    )


def test_a_user_has_one_hashed_name_in_the_log(tmp_path: Path) -> None:
    first = user_hashes(tmp_path, b"a" * 32).of("ann@example.org")
    assert first == user_hashes(tmp_path, b"b" * 32).of("ann@example.org")
    assert first != UserHashes(b"b" * 32).of("ann@example.org") and first != user_hashes(tmp_path, b"").of("bob")
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert (tmp_path / "log.salt").stat().st_mode & 0o077 == 0


async def test_a_conversations_log_lines_have_no_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(log_format="json"))
    script = [
        calls(Call("no_such_tool", {"path": "secret-argument"})),
        stream(Text("secret-answer"), Finish(), Usage(12, 3)),
    ]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        async with client(live) as talker:
            await talker.send(UserInput(text="secret-question"))
            await talker.until_type(*DONE)
            session_id = talker.ready.session_id
        await live.manager.delete_session(session_id)
        user = user_hashes(tmp_path, b"").of("local")
    err = capsys.readouterr().err
    assert "secret-" not in err
    records = [json.loads(line) for line in err.splitlines()]
    by_message = {
        line["message"].partition(":")[0] if "session " not in line["message"] else line["message"]: line
        for line in records
    }
    assert {"started", "draining", "stopping"} <= by_message.keys()
    assert {f"session {session_id}: created", f"session {session_id}: deleted"} <= by_message.keys()
    opened, closed, ended = by_message["opened"], by_message["closed"], by_message["turn ended"]
    assert opened["conn"] == closed["conn"] and opened["session"] == closed["session"] == session_id
    assert opened["user"] == closed["user"] == ended["user"] == user
    assert re.fullmatch(r"closed: 1000 after [\d.]+ s, 1 frames in, \d+ out", closed["message"])
    assert (ended["session"], ended["turn"], "conn" in ended) == (session_id, "turn-2", False)
    assert re.fullmatch(
        r"turn ended: complete after [\d.]+ s, 2 model calls, 1 tool calls, 24 tokens in, 10 out", ended["message"]
    )
