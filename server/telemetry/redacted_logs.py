"""The body's discretion: nothing is written to a log, and no traceback to standard error, that holds a secret.

The finished line is redacted, whatever its format: message, arguments, traceback and all that a formatter adds.
"""

import logging
import sys
import threading
from types import TracebackType

from server.telemetry.secrets import KnownSecrets

log = logging.getLogger("holdfast.server")

UVICORN = ("uvicorn.access", "uvicorn.error")


def install(secrets: KnownSecrets) -> None:
    """Redact what every handler of the root logger writes from now on, and what ends the process or a thread."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), secrets))
    for name in UVICORN:
        logger = logging.getLogger(name)
        if not any(isinstance(known, WithoutQuery) for known in logger.filters):
            logger.filters.insert(0, WithoutQuery())  # before those of LiteLLM, which make one text of a record
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


class RedactingFormatter(logging.Formatter):
    """Another formatter's lines without their secrets."""

    def __init__(self, formatter: logging.Formatter, secrets: KnownSecrets) -> None:
        super().__init__()
        self._formatter = formatter
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line. One that cannot be formatted is said to be so: the library would print its raw arguments."""
        try:
            return self._secrets.for_logs.redact(self._formatter.format(record))
        except Exception as error:  # noqa: BLE001  # whatever a record's arguments raise must not lose the rest
            where = f"{record.name} ({record.pathname}:{record.lineno})"
            return f"a log line of {where} could not be written: {type(error).__name__}"


class WithoutQuery(logging.Filter):
    """Cuts query strings out of what uvicorn logs: its arguments hold the request's target."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record's arguments are changed."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) and arg.startswith("/") else arg for arg in record.args
            )
        return True


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the process ends: %s", kind.__name__, exc_info=(kind, error, trace))


def _thread_crashed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread is not None else "unknown"
        log.error("thread %s failed", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
