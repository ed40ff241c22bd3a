"""Hub call: bounds one call in a thread by time, silence and size, and lets its caller stop it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from agent.hub.errors import AnswerTooLarge, CallStopped, NotReached

T = TypeVar("T")


class HubCall:
    """One call, run by a thread for a caller; `stop` is for the caller, all else for the thread.

    `timeout_s`: for the whole call, from now on. `silence_s`: for one read, write or connect. `bytes_max`: of one answer.
    `token`: the only token that may be sent, or None. `retries`: whether a GET that got no answer may be sent again, as
    huggingface_hub 2 does with the first page of a list: five times, with pauses.
    """

    def __init__(
        self, timeout_s: float, silence_s: float, bytes_max: int, token: str | None = None, *, retries: bool = False
    ) -> None:
        self.token = token
        self._retries = retries
        self._asked: tuple[str, str] | None = None
        self._unanswered: tuple[str, str] | None = None
        self._deadline = time.monotonic() + timeout_s
        self._silence_s = silence_s
        self._bytes_max = bytes_max
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.broken = 0
        """The number of answers that broke off; the library does not tell the end of a followed log from a break."""

    def do(self, work: Callable[[], T]) -> T:
        """Run `work` in this thread as this call. Raises what it raises, CallStopped and AnswerTooLarge."""
        reset = CURRENT_CALL.set(self)
        try:
            self.check()
            return work()
        finally:
            CURRENT_CALL.reset(reset)
            self.release()

    def stop(self) -> None:
        """End the call: its open read fails now, and it sends no further request. For any thread."""
        self._stopped.set()
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    @property
    def left_s(self) -> float:
        """Seconds that are left of its time; negative after it."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Raises CallStopped if it was stopped or its time is over."""
        if self.stopped or self.left_s <= 0:
            raise CallStopped

    def pause(self, seconds: float) -> None:
        """Sleep for so many seconds; ends earlier when the call is stopped. Raises CallStopped."""
        self._stopped.wait(max(0.0, min(seconds, self.left_s)))
        self.check()

    def bounded(self, timeouts: dict[str, Any]) -> dict[str, float]:
        """The timeouts of a request (connect, read, write, pool; seconds) within those of the call. Raises CallStopped."""
        self.check()
        limit_s = max(0.001, min(self._silence_s, self.left_s))
        return {kind: min(timeouts.get(kind) or limit_s, limit_s) for kind in ("connect", "read", "write", "pool")}

    def admit(self, authorization: str | None) -> None:
        """Raises RuntimeError if a request would carry a token that is not the owner's."""
        if authorization is not None and (self.token is None or authorization != f"Bearer {self.token}"):
            raise RuntimeError("a request to the Hub would have carried a token that is not the owner's")

    def attempt(self, method: str, url: str) -> None:
        """A request is sent. Raises NotReached for a GET that was sent before and got no whole answer, unless it may be
        repeated."""
        if (method, url) == self._unanswered and method == "GET" and not self._retries:
            raise NotReached
        self._asked = self._unanswered = (method, url)

    def answered(self) -> None:
        """A request got its answer."""
        self._unanswered = None

    def hold(self, connection: Any) -> None:
        """Note the connection (httpcore's `network_stream`) that an answer is read from, so that `stop` can shut it down."""
        with self._lock:
            self._socket = None if connection is None else connection.get_extra_info("socket")
        self.check()

    def release(self) -> None:
        """Forget the connection: the answer was read, and the connection may serve other calls."""
        with self._lock:
            self._socket = None

    def pieces(self, answer: Any) -> Iterator[bytes]:
        """Yield the answer's bytes as they come. Raises CallStopped and AnswerTooLarge."""
        size = 0
        try:
            for piece in answer:
                self.check()
                size += len(piece)
                if size > self._bytes_max:
                    raise AnswerTooLarge
                yield piece
        except Exception:
            self.broken += 1
            self._unanswered = self._asked
            raise


CURRENT_CALL: ContextVar[HubCall | None] = ContextVar("hub call", default=None)
"""The call that this thread runs; None in threads that run none."""


def current_call() -> HubCall:
    """The call that this thread runs. Only for code that runs in a call."""
    call = CURRENT_CALL.get()
    assert call is not None, "this thread runs no call"
    return call
