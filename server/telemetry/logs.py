"""The body's voice: one line for each thing worth knowing, as text or JSON, on standard error, by the standard library."""

import json
import logging
import sys
import time

import msgspec

from server.config.settings import ServerSettings
from server.telemetry import log_context

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s%(context)s: %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"

OTHERS = {
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpcore2": logging.WARNING,
    "asyncio": logging.WARNING,
    "mcp": logging.CRITICAL,  # a server could fill the log through it; what fails is told by holdfast.mcp
    "opentelemetry": logging.WARNING,
}
"""Libraries that are only heard from this level on."""


class OneLine(logging.Formatter):
    """UTC times; a line break in a message is written as `\\n`: nobody can forge a line. Tracebacks keep theirs."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        """The line, without its traceback."""
        record.message = record.message.translate(_ESCAPES)
        known = msgspec.to_builtins(log_context.current())
        said = " ".join(f"{name}={value}" for name, value in known.items()).translate(_ESCAPES)
        record.context = f" [{said}]" if said else ""
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One JSON object a record: `at`, `level`, `logger`, `message`, what is known of whom it is about, `traceback`."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The line. Everything beyond ASCII is escaped: no text of a record can break the line or its encoding."""
        line: dict[str, object] = {
            "at": f"{self.formatTime(record, TIME_FORMAT)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **msgspec.to_builtins(log_context.current()),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line)


_ESCAPES = {code: f"\\x{code:02x}" for code in range(32)} | {10: "\\n", 13: "\\r", 9: "\t", 127: "\\x7f"}


def set_up(settings: ServerSettings) -> None:
    """Send all logs of the process to standard error. Loggers of the project are called `holdfast` and below."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else OneLine(FORMAT, TIME_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("holdfast").setLevel(level)
    for name, least in OTHERS.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.getLogger("uvicorn.error").setLevel(level if settings.access_log else max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").propagate = settings.access_log
