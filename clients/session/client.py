"""Session client: drives a `SessionCore` over sockets, reconnects by itself and answers waiting callers."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType

import msgspec
from msgspec import UNSET, UnsetType

from clients.session.address import base_address
from clients.session.connection import Connection, ConnectionEnd, ConnectOptions, open_socket
from clients.session.core import OUTBOX_MAX, Encoding, Position, SessionCore, Verdict
from clients.session.errors import CannotConnect, ConsumerStalled, Denied, SessionEnded
from clients.session.feed import Feed
from clients.session.outcomes import Acked, CaughtUp, Connected, Ended, FeedItem, Outcome, Reconnecting, Rejected
from clients.session.reconnect import DEFAULT_BACKOFF, Action, Backoff
from clients.session.tasks import owned_tasks
from clients.session.waiters import Predicate, Waiters
from protocol import codes
from protocol import submissions as sub
from protocol.content import Scope, When
from protocol.events import Accepted
from protocol.view import View

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one websocket message: twice the largest by default. A server with larger ones says so."""

FEED_MAX = 1024
"""Events that may wait for a consumer; then the socket is not read until it takes one."""

CONSUMER_STALL_S = 10.0
"""Seconds of a full feed after which callers that wait for an answer get `ConsumerStalled`."""


class Place(msgspec.Struct, frozen=True):
    """Where a server is, and the token for it."""

    url: str
    token: str | None


class SessionClient:
    """One session, held fast over as many sockets as it takes.

        async with SessionClient("http://127.0.0.1:7860") as client:
            await client.say("hello")
            async for event in client: ...

    Entering waits until the view is up to date (or the feed is full) and raises `Denied`, `CannotConnect` or `SessionEnded`
    if the first socket fails; afterwards the client comes back by itself, with its position, and sends again what has no
    answer. `async for` (one consumer) gives the session's events and the states of
    the connection, ending with `Ended`. A consumer that does not read holds back reading the socket; with `feed_max=0`
    there is no feed, for those who look at the `view` alone.

    `locate` is asked before each socket where the server is, in place of `url` and `token`, for a server that may come back elsewhere.
    It raises `CannotConnect` where it is not known now.
    """

    def __init__(
        self,
        url: str,
        session_id: str | None = None,
        *,
        encoding: Encoding = "json",
        token: str | None = None,
        locate: Callable[[], Awaitable[Place]] | None = None,
        position: Position | None = None,
        view: View | None = None,
        max_size: int = MAX_SIZE,
        feed_max: int = FEED_MAX,
        outbox_max: int = OUTBOX_MAX,
        open_timeout_s: float = 10.0,
        close_timeout_s: float = 2.0,
        consumer_stall_s: float = CONSUMER_STALL_S,
        backoff: Backoff = DEFAULT_BACKOFF,
        rng: random.Random | None = None,
    ) -> None:
        self.core = SessionCore(
            session_id, encoding=encoding, position=position, view=view, outbox_max=outbox_max, backoff=backoff, rng=rng
        )
        self._base = base_address(url)
        self._locate = locate
        self._options = ConnectOptions(
            encoding=encoding,
            token=token,
            max_size=max_size,
            open_timeout_s=open_timeout_s,
            close_timeout_s=close_timeout_s,
        )
        self._feed: Feed[FeedItem] = Feed(feed_max, consumer_stall_s, self._consumer_stalled)
        self._waiters = Waiters()
        self._connection: Connection | None = None
        self._first: asyncio.Future[Exception | None] | None = None
        self._ended: Ended | None = None
        self._context: contextlib.AbstractAsyncContextManager[None] | None = None

    @property
    def session_id(self) -> str:
        """The session's id; known once connected."""
        return self.core.session_id or ""

    @property
    def view(self) -> View:
        """The session as far as it was received; it is ahead of what the consumer has read."""
        return self.core.view

    @property
    def position(self) -> Position | None:
        """The last committed position; with the view of the same seq, another client can go on from it."""
        return self.core.position

    async def __aenter__(self) -> "SessionClient":
        self._context = self._lifetime()
        await self._context.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._context is not None:
            await self._context.__aexit__(None, None, None)

    def __aiter__(self) -> "SessionClient":
        return self

    async def __anext__(self) -> FeedItem:
        item = await self._feed.next()
        if item is None:
            raise StopAsyncIteration
        return item

    def send(self, submission: sub.Submission) -> str:
        """Submit without waiting; gives the submission's id. The feed tells what becomes of it.

        Raises `SubmissionRefused` for what the server would refuse unread, `OutboxFull`, `SessionEnded`.
        """
        self._check_open()
        submission_id = self.core.submit(submission)
        if self._connection is not None:
            self._connection.wake()
        return submission_id

    async def submit(self, submission: sub.Submission) -> Accepted:
        """Submit and wait for the answer, over reconnects.

        Raises `SubmissionRefused`, `OutboxFull`, `SessionEnded`, `ConsumerStalled`. Cancelled, it may still be done.
        """
        return await self._waiters.answer(self.send(submission))

    async def say(self, text: str, when: When = "queue") -> Accepted:
        """Say something as the user."""
        return await self.submit(sub.UserInput(text=text, when=when))

    async def approve(
        self,
        tool_call_id: str,
        approved: bool = True,
        *,
        feedback: str = "",
        arguments: dict[str, object] | UnsetType = UNSET,
        scope: Scope = "once",
    ) -> Accepted:
        """Answer one waiting call; `arguments` replace the model's.

        `scope` `session`: what the call's `grant` names runs without asking from now on; or, not approved, is refused.
        """
        answer = sub.Approval(
            tool_call_id=tool_call_id, approved=approved, feedback=feedback, arguments=arguments, scope=scope
        )
        return await self.submit(sub.ExecApproval(approvals=[answer]))

    async def interrupt(self) -> Accepted:
        """Stop the running turn."""
        return await self.submit(sub.Interrupt())

    async def wait_until(self, predicate: Predicate) -> None:
        """Until the predicate holds for the view; it is looked at after every event. Raises `SessionEnded`, `ConsumerStalled`."""
        if not predicate(self.view):
            self._check_open()
            await self._waiters.until(predicate)

    @contextlib.asynccontextmanager
    async def _lifetime(self) -> AsyncIterator[None]:
        first = self._first = asyncio.get_running_loop().create_future()
        async with owned_tasks() as start:
            start(self._run(), "holdfast client")
            failure = await first
            if failure is None:
                yield
                await self._close_connection()
        if failure is not None:
            raise failure

    async def _run(self) -> None:
        """Socket after socket, until one ends for good."""
        ended = Ended(Action.STAY_AWAY, "the client was closed")
        try:
            while True:
                verdict, failure = await self._one_socket()
                if failure is not None and self._enter(failure):
                    return
                if verdict.action is not Action.COME_BACK:
                    ended = Ended(verdict.action, verdict.why, verdict.close_code)
                    return
                await self._put(Reconnecting(verdict.delay_s, verdict.why))
                await asyncio.sleep(verdict.delay_s)
        finally:
            self._end(ended)

    async def _one_socket(self) -> tuple[Verdict, Exception | None]:
        """What to do after the next socket, and the error for a caller that never had one."""
        try:
            await self._find()
            socket = await open_socket(self.core.address(self._base), self._options)
        except Denied as denied:
            return self.core.denied(denied.status, str(denied), denied.retry_after_s), denied
        except CannotConnect as error:
            return self.core.unreachable(str(error)), error
        allowed = self._options.max_size
        self._connection = Connection(self.core, socket, text=self._options.encoding == "json", deliver=self._deliver)
        try:
            end = await self._connection.run()
        finally:
            self._connection = None
        if end.code == codes.CLOSE_TOO_LARGE and self._options.max_size > allowed:
            end = ConnectionEnd(
                None, "the server's messages are larger than was expected"
            )  # it came with `ready` in one read
        verdict = self.core.lost(end.code, end.why)
        if verdict.action is Action.COME_BACK:
            return verdict, None
        return verdict, SessionEnded(verdict.action, verdict.why, verdict.close_code)

    async def _find(self) -> None:
        if self._locate is not None:
            place = await self._locate()
            self._base = base_address(place.url)
            self._options = msgspec.structs.replace(self._options, token=place.token)

    async def _deliver(self, outcome: Outcome) -> None:
        self._waiters.view_changed(self.view)
        if isinstance(outcome, (Acked, Rejected)) and self._waiters.resolve(outcome):
            return
        if isinstance(outcome, Connected):
            self._allow(self.core.limits.outbound_frame_bytes)
        if not isinstance(outcome, Acked):
            await self._put(outcome)
        if isinstance(outcome, CaughtUp):
            self._enter(None)

    def _allow(self, most: int) -> None:
        """Take messages of the server's size, on this socket and the next. `ready` says it before anything large comes."""
        if most > self._options.max_size:
            self._options = msgspec.structs.replace(self._options, max_size=most)
            if self._connection is not None:
                self._connection.allow(most)

    async def _put(self, item: FeedItem) -> None:
        if self._feed.full:
            # Nobody can read the feed before the client is entered.
            self._enter(None)
        await self._feed.put(item)

    def _enter(self, failure: Exception | None) -> bool:
        """Let who enters the client go on, or fail; False if that was decided before."""
        if self._first is None or self._first.done():
            return False
        self._first.set_result(failure)
        return True

    async def _close_connection(self) -> None:
        """At most `close_timeout_s`."""
        self._feed.discard()
        if self._connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.close_timeout_s):
                    await self._connection.send_and_close()

    def _check_open(self) -> None:
        if self._ended is not None:
            raise SessionEnded(self._ended.action, self._ended.why, self._ended.close_code)

    def _end(self, ended: Ended) -> None:
        self._ended = ended
        self._feed.end(ended)
        self._waiters.fail(SessionEnded(ended.action, ended.why, ended.close_code))

    def _consumer_stalled(self) -> None:
        self._waiters.fail(
            ConsumerStalled(
                f"the feed is full ({len(self._feed)} events) and nobody reads it: iterate over the client, "
                "or make it with feed_max=0"
            )
        )
