"""Player for AG-UI: has clients ask for runs of one thread, cuts them off, and takes the steps of a case."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

import httpx

from clients.prove import steps as st
from clients.prove.ag_ui.cases import SAME_RUN
from clients.prove.ag_ui.client import Client
from clients.prove.ag_ui.order import Event
from clients.prove.attendee import Changes
from clients.prove.ground import Ground, NotPromised, Target
from clients.prove.links import Links
from clients.prove.player import AFTERWARDS_S
from clients.prove.trace import WITNESS, Entry, Received, Sent, Waited
from clients.session.tasks import Start, owned_tasks
from protocol.submissions import UserInput


async def play(target: Target, steps: Sequence[st.Step]) -> list[Entry]:
    """The trace of these steps on a new thread of the endpoint at the target's URL. Raises `Refusal`, `NotPromised`."""
    trace: list[Entry] = []
    headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
    links = Links(target.url)
    async with httpx.AsyncClient(timeout=target.patience_s, trust_env=False, headers=headers) as http:
        keeps = await _keeps(target.url, http)
        if not keeps and any(isinstance(step, st.Cut | st.Open) and not _is_first(step) for step in steps):
            raise NotPromised("it keeps no threads: asked without a message it does not show what was said")
        async with links.running(), owned_tasks() as start:
            player = _Player(target, links, trace, start, http, keeps=keeps)
            try:
                for step in steps:
                    if not player.stuck:
                        await player.take(step)
                await player.end()
            finally:
                player.leave()
    return trace


def _is_first(step: st.Step) -> bool:
    return isinstance(step, st.Open) and step.at == "start"


async def _keeps(url: str, http: httpx.AsyncClient) -> bool:
    """Whether the endpoint shows a thread to who has no message of it. Raises `Refusal`."""
    trace: list[Entry] = []
    client = Client("keeps", url, f"prove-{secrets.token_hex(8)}", http, trace, Changes())
    own_id = f"say-{secrets.token_hex(4)}"
    client.conversation.said(own_id, "hello tokens=3")
    await client.run()
    if client.refusal is not None:
        raise client.refusal
    await client.run(anew=True)
    return any(one["id"] == own_id for one in client.conversation.messages)


class _Player:
    def __init__(
        self, target: Target, links: Links, trace: list[Entry], start: Start, http: httpx.AsyncClient, *, keeps: bool
    ) -> None:
        parts = urlsplit(target.url)
        self._through = urlunsplit(parts._replace(netloc=f"127.0.0.1:{links.port}"))
        if parts.scheme == "https":
            self._through = target.url  # a certificate is not for the proxy's address
        self._target = target
        self._thread_id = f"prove-{secrets.token_hex(8)}"
        self._ground = Ground(target, links, trace)
        self._links = links
        self._trace = trace
        self._start = start
        self._http = http
        self._keeps = keeps
        self._changes = Changes()
        self._clients: dict[str, Client] = {}
        self._behind: set[str] = set()  # who has not seen what others said
        self.stuck = False

    async def take(self, step: st.Step) -> None:
        """Take one step. Those of a client that is not there are left out: a shortened case has such steps."""
        match step:
            case st.Open():
                await self._open(step)
            case st.Say(client=name) if name in self._clients:
                await self._say(self._clients[name], step)
            case st.Answer(client=name) if name in self._clients:
                await self._answer(self._clients[name])
            case st.Raw(client=name) if name in self._clients:
                await self._odd(step)
            case st.Until(client=name) if name in self._clients:
                client = self._clients[name]
                goal = client.events + step.events if step.what == "events" else 0
                holds = (lambda: client.events >= goal or not client.asks) if goal else (lambda: not client.asks)
                await self._wait(client, holds, "an event of its run" if goal else "the end of its run")
            case st.Cut() | st.Free():
                await self._ground.take(step)

    async def end(self) -> None:
        """Let all runs end, answer what waits, and have a witness read the thread."""
        self._links.free()
        for client in list(self._clients.values()):
            await self._rest(client)
        for client in list(self._clients.values()):
            await self._catch_up(client)
            await self._answer(client)
            await self._rest(client)
        witness = self._client(WITNESS, self._target.url)
        if self._keeps:
            self._begin(witness, anew=True)
            await self._rest(witness)
        else:
            one = next(iter(self._clients.values()), witness)  # what it has is all there is
            witness.conversation = one.conversation
            witness.show()

    def leave(self) -> None:
        """Have all clients go."""
        for client in self._clients.values():
            client.leave()

    def _client(self, name: str, url: str) -> Client:
        client = Client(name, url, self._thread_id, self._http, self._trace, self._changes)
        client.comes_back = self._keeps
        self._clients[name] = client
        return client

    async def _open(self, step: st.Open) -> None:
        client = self._clients.get(step.client) or self._client(step.client, self._through)
        if step.at != "start":
            await self._rest(client)
            self._begin(client, anew=True)
        else:
            client.show()

    async def _catch_up(self, client: Client) -> None:
        """Have a client read the thread, if another one went on with it."""
        await self._rest(client)
        if client.name in self._behind:
            self._begin(client, anew=True)
            await self._rest(client)

    async def _say(self, client: Client, step: st.Say) -> None:
        await self._catch_up(client)
        client.conversation.said(step.id, step.text)
        self._trace.append(Sent(client.name, UserInput(id=step.id, text=step.text)))
        self._begin(client, run_id=f"{self._thread_id}-same" if step.id.startswith(SAME_RUN) else "")

    async def _answer(self, client: Client) -> None:
        """Approve the calls that wait."""
        await self._rest(client)
        if client.waits:
            payload = {"status": "resolved", "payload": {"approved": True}}
            self._begin(client, resume=[{"interruptId": one["id"], **payload} for one in client.waits])

    def _begin(self, client: Client, run_id: str = "", resume: Sequence[Event] = (), *, anew: bool = False) -> None:
        self._behind = self._behind - {client.name} if anew else set(self._clients) - {client.name}
        client.asks = True
        self._start(client.run(run_id=run_id, resume=resume, anew=anew), f"prove {client.name}")

    async def _odd(self, step: st.Raw) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await self._http.post(self._target.url, content=step.data, headers=headers)
        if not 400 <= answer.status_code < 500:
            what = f"the body {step.data} was answered with {answer.status_code}, not with 4xx"
            self._trace.append(Received(step.client, what))

    async def _rest(self, client: Client) -> None:
        await self._wait(client, lambda: not client.asks, "the end of its run")

    async def _wait(self, client: Client, holds: Callable[[], bool], what: str) -> None:
        patience_s = min(self._target.patience_s, AFTERWARDS_S) if self.stuck else self._target.patience_s
        try:
            async with asyncio.timeout(patience_s):
                while client.refusal is None and not holds():
                    await self._changes.wait()
        except TimeoutError:
            self.stuck = True
            self._trace.append(Waited(client.name, what, patience_s))
        if client.refusal is not None:
            raise client.refusal
