"""Logs: one line for each record, as text or JSON, on standard error, with secrets redacted."""

import json
import logging
import sys
import threading
import time
from types import TracebackType

import msgspec

from server.config.server import ServerSettings
from server.telemetry import log_context
from server.telemetry.secrets import KnownSecrets

log = logging.getLogger("holdfast.server")

UVICORN = ("uvicorn.access", "uvicorn.error")


def redact(secrets: KnownSecrets) -> None:
    """Redact what every handler of the root logger writes from now on, uncaught exceptions included."""
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
        """The line. A record that cannot be formatted becomes a line that says so: the library would print its raw arguments."""
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


FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s%(context)s: %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"

LIBRARY_LEVELS = {
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpcore2": logging.WARNING,
    "asyncio": logging.WARNING,
    "mcp": logging.CRITICAL,  # a server could fill the log through it; failures are logged by holdfast.mcp
    "opentelemetry": logging.WARNING,
}
"""The least level at which these libraries are logged."""


class OneLine(logging.Formatter):
    """UTC times. `node`: the name of this server, where there are several. A line break in a message is written as `\\n`, so that no message can forge a line. Tracebacks keep theirs."""

    converter = staticmethod(time.gmtime)

    def __init__(self, node: str = "") -> None:
        super().__init__(FORMAT, TIME_FORMAT)
        self._node = {"node": node} if node else {}

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        """The line, without its traceback."""
        record.message = record.message.translate(_ESCAPES)
        known = self._node | msgspec.to_builtins(log_context.current())
        context = " ".join(f"{name}={value}" for name, value in known.items()).translate(_ESCAPES)
        record.context = f" [{context}]" if context else ""
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One JSON object a record: `at`, `level`, `logger`, `message`, `node` where there are several, the log context, `traceback`."""

    converter = staticmethod(time.gmtime)

    def __init__(self, node: str = "") -> None:
        super().__init__()
        self._node = {"node": node} if node else {}

    def format(self, record: logging.LogRecord) -> str:
        """The line. Everything beyond ASCII is escaped: no text of a record can break the line or its encoding."""
        line: dict[str, object] = {
            "at": f"{self.formatTime(record, TIME_FORMAT)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._node,
            **msgspec.to_builtins(log_context.current()),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line)


_ESCAPES = {code: f"\\x{code:02x}" for code in range(32)} | {10: "\\n", 13: "\\r", 9: "\t", 127: "\\x7f"}


def set_up(settings: ServerSettings, node: str = "") -> None:
    """Send all logs of the process to standard error. Loggers of the project are called `holdfast` and below.

    `node`: the name of this server, which each line carries; empty: there is one server.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(node) if settings.log_format == "json" else OneLine(node))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("holdfast").setLevel(level)
    for name, least in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.getLogger("uvicorn.error").setLevel(level if settings.access_log else max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").propagate = settings.access_log
