"""The log: lines that nobody can forge, in UTC, on standard error."""

import logging
from collections.abc import Iterator

import pytest

from server import logs
from server.settings import ServerSettings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ["holdfast", "uvicorn.error", *logs.OTHERS]
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])


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


def test_levels_are_for_the_project_and_libraries_stay_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(log_level="debug"))
    logging.getLogger("holdfast.x").debug("shown")
    logging.getLogger("httpx").info("hidden")
    logging.getLogger("uvicorn.error").info("hidden")
    logging.getLogger("some.library").debug("hidden")
    err = capsys.readouterr().err
    assert "shown" in err and "hidden" not in err


def test_the_access_log_is_there_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(ServerSettings(access_log=True))
    logging.getLogger("uvicorn.error").info("WebSocket /ws [accepted]")
    logging.getLogger("uvicorn.access").info("GET /")
    assert capsys.readouterr().err.count("\n") == 2
