"""Log redaction: no secret reaches a log, in a message, its arguments, a traceback, a library's logger or a query string."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from server.config.server import ServerSettings
from server.config.settings import Settings
from server.telemetry import logs
from server.telemetry.secrets import KnownSecrets

TOKEN = "hf_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1W"
PASSWORD = 'corr"ect-horse\nbattery'


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    names = ["holdfast", "uvicorn.error", "uvicorn.access", *logs.LIBRARY_LEVELS]
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    for name, (was, propagated) in before.items():
        logger = logging.getLogger(name)
        logger.setLevel(was)
        logger.propagate = propagated
        logger.filters = [known for known in logger.filters if not isinstance(known, logs.WithoutQuery)]


def set_up() -> KnownSecrets:
    """Logs as the server sets them up."""
    secrets = KnownSecrets(Settings(), {"DB_PASSWORD": PASSWORD})
    logs.set_up(ServerSettings(log_level="debug", access_log=True))
    logs.redact(secrets)
    return secrets


def nested() -> None:
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError as error:
        raise RuntimeError(f"cannot connect with {PASSWORD}") from error


def test_messages_arguments_and_tracebacks_lose_their_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    log = logging.getLogger("some.library")
    log.warning("the token is %s, %r", TOKEN, {"password": PASSWORD})
    log.warning("escaped\nhf_%s", TOKEN[3:])
    try:
        nested()
    except RuntimeError:
        log.exception("failed")
    err = capsys.readouterr().err
    assert err.count("[redacted: Hugging Face token]") == 3
    assert err.count("[redacted: DB_PASSWORD]") == 2
    assert "Traceback" in err
    assert TOKEN[:15] not in err
    assert "horse" not in err


def test_a_line_that_cannot_be_formatted_does_not_print_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    logging.getLogger("some.library").warning("%d of them", TOKEN)
    err = capsys.readouterr().err
    assert "could not be written: TypeError" in err
    assert TOKEN not in err


def test_a_crash_of_the_process_or_of_a_thread_is_logged_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    thread = threading.Thread(target=nested, name="worker")
    thread.start()
    thread.join()
    try:
        nested()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    err = capsys.readouterr().err
    assert err.count("Traceback (most recent call last)") == 4
    assert "thread worker failed" in err
    assert TOKEN not in err
    assert "horse" not in err


def test_a_secret_that_is_learned_later_is_redacted_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up().learn("login token", "odd-secret-1234")
    logging.getLogger("holdfast.x").info("it is odd-secret-1234")
    assert "it is [redacted: login token]" in capsys.readouterr().err


def test_the_access_log_shows_no_query_string(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    access = logging.getLogger("uvicorn.access")
    access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/api/sessions?token=s3cret", "1.1", 200)
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/ws?after=1&key=s3cret")
    err = capsys.readouterr().err
    assert '"GET /api/sessions HTTP/1.1" 200' in err
    assert '"WebSocket /ws" [accepted]' in err
    assert "s3cret" not in err
