"""Errors: the exceptions that a user of the session client meets."""

from clients.session.reconnect import Action


class SubmissionRefused(Exception):
    """A submission did nothing, and sending it again as it is would not help. `code` is one of `protocol.codes.REFUSALS`."""

    def __init__(self, submission_id: str, code: str, message: str, retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.submission_id = submission_id
        self.code = code
        self.message = message
        self.retryable = retryable


class OutboxFull(Exception):
    """As many submissions wait for their answer as the outbox holds; this one was not taken."""


class CannotConnect(ConnectionError):
    """The first connection failed: nobody there, no websocket server, no answer in time."""


class Denied(Exception):
    """The server refused the upgrade, as HTTP. `code` is one of `protocol.codes.DENIALS`, or `http_STATUS` where it said none."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code} (HTTP {status}): {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class SessionEnded(Exception):
    """The client does not come back by itself. `action` says what is left to do, `close_code` how the socket ended, if it did."""

    def __init__(self, action: Action, message: str, close_code: int | None = None) -> None:
        super().__init__(message)
        self.action = action
        self.message = message
        self.close_code = close_code


class ConsumerStalled(Exception):
    """What was waited for cannot come: the feed is full, nobody reads it, and so the socket is not read either."""
