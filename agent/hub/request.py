"""One call to the Hub in a thread: until when it may go on, what it may take, and how it is ended from outside."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from agent.hub.errors import AnswerTooLarge, CallStopped

T = TypeVar("T")


class HubCall:
    """What a thread does for one caller; `stop` is for the caller, all else for the thread.

    `timeout_s`: how long the whole may take, from now on. `silence_s`: how long the Hub may say nothing in it.
    `bytes_max`: how much one answer may hold. `token`: the only one that may be sent, or None.
    """

    def __init__(self, timeout_s: float, silence_s: float, bytes_max: int, token: str | None = None) -> None:
        self.token = token
        self._deadline = time.monotonic() + timeout_s
        self._silence_s = silence_s
        self._bytes_max = bytes_max
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.broken = 0
        """Answers that broke off so far: of a followed log the library tells a break from an end to nobody."""

    def do(self, work: Callable[[], T]) -> T:
        """Run `work` in this thread as this call. Raises what it raises, `CallStopped` and `AnswerTooLarge`."""
        reset = CURRENT_CALL.set(self)
        try:
            self.check()
            return work()
        finally:
            CURRENT_CALL.reset(reset)
            self.release()

    def stop(self) -> None:
        """Nobody waits for it any more: what it reads ends now, and it asks for nothing more."""
        self._stopped.set()
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    @property
    def stopped(self) -> bool:
        """Whether nobody waits any more."""
        return self._stopped.is_set()

    @property
    def left_s(self) -> float:
        """How much of its time is left."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Raises Stopped if it must not go on."""
        if self.stopped or self.left_s <= 0:
            raise CallStopped

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it must not go on. Raises Stopped."""
        self._stopped.wait(max(0.0, min(seconds, self.left_s)))
        self.check()

    def bounded(self, wanted: dict[str, Any]) -> dict[str, float]:
        """The timeouts of a request (connect, read, write, pool; seconds) within those of the call. Raises Stopped."""
        self.check()
        most = max(0.001, min(self._silence_s, self.left_s))
        return {kind: min(wanted.get(kind) or most, most) for kind in ("connect", "read", "write", "pool")}

    def admit(self, authorization: str | None) -> None:
        """Raises RuntimeError if a request would carry a token that is not the owner's: better no answer than that."""
        if authorization is not None and (self.token is None or authorization != f"Bearer {self.token}"):
            raise RuntimeError("a request to the Hub would have carried a token that is not the owner's")

    def hold(self, connection: Any) -> None:
        """An answer is being read from this connection (httpcore's `network_stream`), until `release`."""
        with self._lock:
            self._socket = None if connection is None else connection.get_extra_info("socket")
        self.check()

    def release(self) -> None:
        """It was read: the connection may serve others from now on."""
        with self._lock:
            self._socket = None

    def pieces(self, answer: Any) -> Iterator[bytes]:
        """The answer's bytes as they come. Raises Stopped and TooMuch."""
        taken = 0
        try:
            for piece in answer:
                self.check()
                taken += len(piece)
                if taken > self._bytes_max:
                    raise AnswerTooLarge
                yield piece
        except Exception:
            self.broken += 1
            raise


CURRENT_CALL: ContextVar[HubCall | None] = ContextVar("hub call", default=None)
"""The call that this thread is about; none in threads that are not ours."""


def current_call() -> HubCall:
    """The call that this thread is about; only such threads may ask."""
    call = CURRENT_CALL.get()
    assert call is not None, "this thread is about no call"
    return call
