"""Client: a socket to `/ahp` whose every frame is held against the protocol's types, with the state that its actions make."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from tests.support.ahp import types
from tests.support.ahp.reducer import State, content, reduce_chat, reduce_session
from tests.support.live import PATIENCE_S, Address

ROOT = "ahp-root://"


class RpcFailed(Exception):
    """The server answered a request with an error."""

    def __init__(self, error: State) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.data = error.get("data")


class AhpClient:
    """A client. `states`: by channel. `seen`: its last `serverSeq`. `history`: both after each
    action, if a test wants it. `notes`: what else it was told. `envelopes`: all actions, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.states: dict[str, State] = {}
        self.seen = 0
        self.history: list[tuple[int, dict[str, State]]] | None = None
        self.envelopes: list[State] = []
        self.notes: list[State] = []
        self.client_seq = 0
        self._requests = 0

    async def request(self, method: str, **params: Any) -> Any:
        """The result of a request. Raises `RpcFailed`."""
        self._requests += 1
        number = self._requests
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"channel": ROOT, **params}}
        await self.socket.send(msgspec.json.encode(call).decode())
        answer = await self.next(lambda frame: frame.get("id") == number)
        if "error" in answer:
            raise RpcFailed(answer["error"])
        msgspec.convert(answer["result"], types.RESULTS[method])
        return answer["result"]

    async def notify(self, method: str, **params: Any) -> None:
        call = {"jsonrpc": "2.0", "method": method, "params": params}
        await self.socket.send(msgspec.json.encode(call).decode())

    async def dispatch(self, channel: str, action: State) -> int:
        """Dispatch an action; its number."""
        self.client_seq += 1
        await self.notify("dispatchAction", channel=channel, clientSeq=self.client_seq, action=action)
        return self.client_seq

    async def next(self, wanted: Callable[[State], bool]) -> State:
        """Read until a frame is the wanted one; all are held against the types and reduced."""
        while True:
            async with asyncio.timeout(PATIENCE_S):
                text = await self.socket.recv()
            frame: State = msgspec.json.decode(text)
            assert frame.pop("jsonrpc") == "2.0"
            if "method" in frame:
                msgspec.convert(frame["params"], types.NOTIFICATIONS[frame["method"]])
                self.take(frame["params"]) if frame["method"] == "action" else self.notes.append(frame)
            if wanted(frame):
                return frame

    def take(self, envelope: State) -> None:
        """An action arrived."""
        assert envelope["serverSeq"] >= self.seen, "serverSeq fell"
        self.seen = envelope["serverSeq"]
        self.envelopes.append(envelope)
        state, action = self.states.get(envelope["channel"]), copy.deepcopy(envelope["action"])
        if state is not None and "rejectionReason" not in envelope:
            (reduce_chat if action["type"].startswith("chat/") else reduce_session)(state, action)
        if self.history is not None:
            self.history.append((self.seen, copy.deepcopy(self.states)))

    async def action(self, *kinds: str, **fields: Any) -> State:
        """The next envelope whose action has one of these types, and these fields."""

        def wanted(frame: State) -> bool:
            action = frame["params"]["action"] if frame.get("method") == "action" else {}
            return action.get("type") in kinds and all(action.get(name) == value for name, value in fields.items())

        return (await self.next(wanted))["params"]  # type: ignore[no-any-return]

    async def returned(self, number: int) -> State:
        """The envelope by which an own action comes back."""

        def wanted(frame: State) -> bool:
            return frame.get("method") == "action" and frame["params"].get("origin", {}).get("clientSeq") == number

        return (await self.next(wanted))["params"]  # type: ignore[no-any-return]

    async def initialize(self, *subscriptions: str) -> Any:
        result = await self.request(
            "initialize", protocolVersions=["0.9.0"], clientId="test", initialSubscriptions=list(subscriptions)
        )
        self.seen = result["serverSeq"]
        self.keep(result["snapshots"])
        return result

    async def subscribe(self, channel: str) -> State:
        result = await self.request("subscribe", channel=channel)
        self.keep([result["snapshot"]])
        return self.states[channel]

    def keep(self, snapshots: list[State]) -> None:
        for snapshot in snapshots:
            types.check_state(snapshot["resource"], snapshot["state"])
            self.states[snapshot["resource"]] = snapshot["state"]
            self.seen = max(self.seen, snapshot["fromSeq"])

    async def create(self, **params: Any) -> tuple[str, str]:
        """A new session, subscribed to: its URI and its chat's."""
        session = f"holdfast:/{uuid4()}"
        await self.request("createSession", **{"channel": session, "provider": "holdfast", **params})
        chat = (await self.subscribe(session))["defaultChat"]
        await self.subscribe(chat)
        return session, chat

    async def say(self, chat: str, text: str, turn_id: str) -> int:
        message = {"text": text, "origin": {"kind": "user"}}
        started = {
            "type": "chat/turnStarted",
            "turnId": turn_id,
            "startedAt": "2026-01-01T00:00:00Z",
            "message": message,
        }
        return await self.dispatch(chat, started)

    async def reconnect(self, seen: int, *subscriptions: str) -> Any:
        result = await self.request(
            "reconnect", clientId="test", lastSeenServerSeq=seen, subscriptions=list(subscriptions)
        )
        if result["type"] == "replay":
            for envelope in result["actions"]:
                self.take(envelope)
        else:
            self.seen = 0
            self.keep(result["snapshots"])
        return result


@contextlib.asynccontextmanager
async def ahp_client(live: Address, path: str = "/ahp", query: str = "", **options: Any) -> AsyncIterator[AhpClient]:
    """A connected client."""
    address = f"ws://127.0.0.1:{live.port}{path}?{query}".removesuffix("?")
    async with connect(address, max_size=2**25, compression=None, **options) as socket:
        yield AhpClient(socket)


async def same_as_fresh(live: Address, one: AhpClient, *channels: str) -> None:
    """Hold what the client has made of the actions against what somebody gets who subscribes now."""
    async with ahp_client(live) as fresh:
        await fresh.initialize()
        for channel in channels:
            made, given = content(one.states[channel]), content(await fresh.subscribe(channel))
            assert made == given, f"{channel}: {msgspec.json.encode(made)!r} is not {msgspec.json.encode(given)!r}"
