"""Log lines in the documents: they have the form that the server writes."""

import calendar
import json
import logging
import re
import time
from contextvars import copy_context

import pytest

from server.telemetry import log_context
from server.telemetry.logs import TIME_FORMAT, JsonLines, OneLine

TEXT = re.compile(r"(?P<at>\S+) (?P<level>\w+) +(?P<logger>\S+)(?: \[(?P<context>[^]]*)\])?: (?P<message>.*)")


def check_log_lines(text: str) -> None:
    """Write each line again from its parts, as the server does, and compare."""
    for line in text.splitlines():
        if line.startswith("{"):
            fields = json.loads(line)
            known = {name: fields[name] for name in ("node", "session", "turn", "user", "conn") if name in fields}
            written = again(JsonLines(), fields, known)
            assert list(json.loads(written).items()) == list(fields.items())
        else:
            match = TEXT.fullmatch(line)
            assert match, line
            known = dict(part.split("=") for part in (match["context"] or "").split())
            assert again(OneLine(), match.groupdict(), known) == line


def again(formatter: logging.Formatter, fields: dict[str, str], known: dict[str, str]) -> str:
    """The line that the server would write with these fields."""
    record = logging.LogRecord(
        fields["logger"], getattr(logging, fields["level"].upper()), __file__, 1, fields["message"], None, None
    )
    second, _, thousandths = fields["at"].removesuffix("Z").partition(".")
    record.created, record.msecs = calendar.timegm(time.strptime(second, TIME_FORMAT)), int(thousandths)

    def write() -> str:
        log_context.bind(**known)
        return formatter.format(record)

    return copy_context().run(write)


def test_a_line_of_another_form_is_found() -> None:
    check_log_lines("2026-11-24T09:12:03.118Z INFO    holdfast.app [session=ab turn=turn-2]: started\n")
    for line in (
        "2026-11-24 09:12:03.118Z INFO    holdfast.app: started",
        "2026-11-24T09:12:03.118Z INFO holdfast.app: started",
        "2026-11-24T09:12:03.118Z INFO    holdfast.app [turn=turn-2 session=ab]: started",
        '{"level": "info", "at": "2026-11-24T09:12:03.118Z", "logger": "holdfast.app", "message": "started"}',
    ):
        with pytest.raises((AssertionError, ValueError)):
            check_log_lines(line)
