"""Hub client of one session: calls the Hub with the owner's token or none, in threads, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypeVar

from agent.hub.errors import LOGIN_NEEDED, AnswerTooLarge, CallStopped, HubRefusal
from agent.hub.http import call_api
from agent.hub.identity import HubUnreachable, TokenRejected, whoami
from agent.hub.pools import HubThreads
from agent.hub.request import HubCall
from agent.hub.settings import HubSettings
from agent.hub.thread_pipe import ThreadPipe
from agent.util.places import Holder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")
Token = str | bool
"""What each call of `HfApi` gets as `token`: the owner's, or False. Never None, which means the server's own token."""
FollowEnd = Literal["end", "time", "size"]

_GRACE_S = 1.0


ASK_TIMEOUT_S = 30.0
"""How long one question to the Hub may take: far more than it needs, and a turn waits no longer for one that hangs."""

RESPONSE_BYTES_MAX = 16_777_216
"""Largest response of the Hub that is read: far above every listing, far below what would hurt the process."""

LOG_BYTES_MAX = 4_194_304
"""Logs of one job that one call streams; then it stops following. They are stored in the session."""


class HubClient:
    """One owner's access to the Hub. `token`: the owner's, or None; the process's own login and `HF_TOKEN` are never used.

    `holder`: whose places among the threads its calls take.
    """

    __slots__ = ("_holder", "_owner", "_threads", "_token", "settings")

    def __init__(self, settings: HubSettings, threads: HubThreads, token: str | None, holder: Holder) -> None:
        self.settings = settings
        self._holder = holder
        self._threads = threads
        self._token = token or None
        self._owner = ""

    def require_token(self) -> str:
        """The owner's token. Without one raises HubRefusal, which says that the owner has to log in."""
        if self._token is None:
            raise HubRefusal(LOGIN_NEEDED)
        return self._token

    async def ask(self, work: "Callable[[HfApi, Token], T]", timeout_s: float | None = None) -> T:
        """Run `work(api, token)` in a thread; its result. `timeout_s`: default `ASK_TIMEOUT_S`. Raises HubError."""
        limit_s = timeout_s or ASK_TIMEOUT_S
        call = HubCall(limit_s, limit_s, RESPONSE_BYTES_MAX, self._token)
        return await self._threads.ask.run(call, lambda: self._ask(call, work), limit_s, self._holder)

    async def owner(self) -> str:
        """The account name of the token's user; requested once, then remembered. Raises HubError, also without a token."""
        token = self.require_token()

        def account_name(api: "HfApi", _: Token) -> str:
            try:
                return whoami(token, api.endpoint, ASK_TIMEOUT_S).name
            except TokenRejected:
                raise HubRefusal("the Hub does not take the owner's token: the owner has to log in again") from None
            except HubUnreachable as error:
                raise HubRefusal(str(error)) from None

        if not self._owner:
            self._owner = await self.ask(account_name)
        return self._owner

    async def follow(
        self,
        lines: "Callable[[HfApi, Token], Iterable[str]]",
        on_text: Callable[[str], Awaitable[None]],
        follow_s: float,
    ) -> FollowEnd:
        """Give what `lines` yields to `on_text` as it comes; what ended it: its `end`, the `time` or the `size`.

        When it is cancelled it returns at once, and the thread that reads is ended. Raises HubError.
        """
        call = HubCall(follow_s, follow_s, LOG_BYTES_MAX, self._token, retries=True)
        pipe = ThreadPipe()

        def work() -> FollowEnd:
            try:
                return self._ask(call, lambda api, token: self._pump(lines(api, token), pipe))
            finally:
                pipe.end()

        reading = await self._threads.follow.begin(call, work, self._holder)
        clock = asyncio.timeout(follow_s + _GRACE_S)
        try:
            async with clock:
                while (text := await pipe.take()) is not None:
                    await on_text(text)
                return await asyncio.shield(reading)
        except TimeoutError:
            if not clock.expired():
                raise
            return "time"
        finally:
            pipe.close()
            call.stop()

    def _pump(self, lines: Iterable[str], pipe: ThreadPipe) -> FollowEnd:
        """Put the lines into the pipe, in the call's thread."""
        size = 0
        try:
            for line in lines:
                size += len(line) + 1
                if size > LOG_BYTES_MAX:
                    return "size"
                pipe.put(f"{line}\n")
        except CallStopped:
            return "time"
        except AnswerTooLarge:
            return "size"
        return "end"

    def _ask(self, call: HubCall, work: "Callable[[HfApi, Token], T]") -> T:
        return call_api(call, self.settings.endpoint, lambda api: work(api, self._token or False))
