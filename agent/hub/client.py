"""The Hub as one session reaches it: with its owner's token or none, off the event loop, in bounds."""

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

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")
Token = str | bool
"""What every call of the API is given as its `token`: the owner's, or False. Never None: that is the server's own."""
FollowEnd = Literal["end", "time", "size"]

_GRACE_S = 1.0


class HubClient:
    """`token`: the owner's, or None; the process's own login and `HF_TOKEN` are never used."""

    def __init__(self, settings: HubSettings, threads: HubThreads, token: str | None) -> None:
        self.settings = settings
        self._threads = threads
        self._token = token or None
        self._owner = ""

    def require_token(self) -> str:
        """The owner's token. Raises HubError that says how there could be one."""
        if self._token is None:
            raise HubRefusal(LOGIN_NEEDED)
        return self._token

    async def ask(self, work: "Callable[[HfApi, Token], T]", timeout_s: float | None = None) -> T:
        """What `work(api, token)` gives, in a thread. `timeout_s`: `settings.timeout_s` unless told. Raises HubError."""
        most = timeout_s or self.settings.timeout_s
        call = HubCall(most, most, self.settings.answer_bytes_max, self._token)
        return await self._threads.ask.run(call, lambda: self._ask(call, work), most)

    async def owner(self) -> str:
        """The name of the token's user, asked for once. Raises HubError, also without a token."""
        token = self.require_token()

        def who(api: "HfApi", _: Token) -> str:
            try:
                return whoami(token, api.endpoint, self.settings.timeout_s).name
            except TokenRejected:
                raise HubRefusal("the Hub does not take the owner's token: the owner has to log in again") from None
            except HubUnreachable as error:
                raise HubRefusal(str(error)) from None

        if not self._owner:
            self._owner = await self.ask(who)
        return self._owner

    async def follow(
        self,
        lines: "Callable[[HfApi, Token], Iterable[str]]",
        heard: Callable[[str], Awaitable[None]],
        follow_s: float,
    ) -> FollowEnd:
        """Give what `lines` yields to `heard`, as it comes, until its end or a bound; which of them it was.

        Cancelled, it leaves at once and the thread that reads is ended. Raises HubError.
        """
        call = HubCall(follow_s, follow_s, self.settings.log_bytes_max, self._token)
        pipe = ThreadPipe()

        def read(api: "HfApi", token: Token) -> FollowEnd:
            try:
                taken = 0
                for line in lines(api, token):
                    taken += len(line) + 1
                    if taken > self.settings.log_bytes_max:
                        return "size"
                    pipe.put(f"{line}\n")
            except CallStopped:
                return "time"
            except AnswerTooLarge:
                return "size"
            return "end"

        def work() -> FollowEnd:
            try:
                return self._ask(call, read)
            finally:
                pipe.end()

        reading = await self._threads.follow.begin(call, work)
        clock = asyncio.timeout(follow_s + _GRACE_S)
        try:
            async with clock:
                while (text := await pipe.take()) is not None:
                    await heard(text)
                return await asyncio.shield(reading)
        except TimeoutError:
            if not clock.expired():
                raise
            return "time"
        finally:
            pipe.close()
            call.stop()

    def _ask(self, call: HubCall, work: "Callable[[HfApi, Token], T]") -> T:
        return call_api(call, self.settings.endpoint, lambda api: work(api, self._token or False))
