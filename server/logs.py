"""The body's voice: one line of text for each thing worth knowing, on standard error, through the standard library."""

import logging
import sys
import time

from server.settings import ServerSettings

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"

OTHERS = {"httpx": logging.WARNING, "httpcore": logging.WARNING, "asyncio": logging.WARNING}
"""Libraries that are only heard from this level on."""


class OneLine(logging.Formatter):
    """UTC times; a line break in a message is written as `\\n`: nobody can forge a line. Tracebacks keep theirs."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        """The line, without its traceback."""
        record.message = record.message.translate(_ESCAPES)
        return super().formatMessage(record)


_ESCAPES = {code: f"\\x{code:02x}" for code in range(32)} | {10: "\\n", 13: "\\r", 9: "\t", 127: "\\x7f"}


def set_up(settings: ServerSettings) -> None:
    """Send all logs of the process to standard error. Loggers of the project are called `holdfast` and below."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT, TIME_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("holdfast").setLevel(level)
    for name, least in OTHERS.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.getLogger("uvicorn.error").setLevel(level if settings.access_log else max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").propagate = settings.access_log
