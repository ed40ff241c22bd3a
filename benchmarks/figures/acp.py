"""ACP: what `holdfast acp` costs for a burst of text, beside a process with `SessionClient` alone, and its memory."""

import contextlib
from collections.abc import AsyncIterator
from statistics import median
from typing import Any, Literal

import msgspec

from benchmarks.client import TurnFailed
from benchmarks.pairs import in_turn
from benchmarks.processes import Process, Server, scripted_model, server, this_build
from benchmarks.table import Row

MODEL = "openai/scripted"
RATIO_MAX = 1.5
MEMORY_MIB_MAX = 40.0
ADDED_US_MAX = 15.0
Kind = Literal["acp", "client"]


class Size(msgspec.Struct, frozen=True):
    """How much is measured: a turn of `tokens` that come without gaps."""

    tokens: int = 2_000
    pairs: int = 10


FULL = Size()


class Burst(msgspec.Struct, frozen=True):
    """One turn: µs of CPU a token of the client's process and of the server's, and the client's memory after it, in MiB."""

    client_us: float
    server_us: float
    memory_mib: float


class AcpAgent:
    """`holdfast acp`, with a session open. `process`: it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._requests = 0
        self._session = ""
        self._shown: list[str] = []

    async def open(self) -> None:
        """Say who it is, and make a session."""
        await self._request("initialize", protocolVersion=1, clientCapabilities={})
        self._session = (await self._request("session/new", cwd="/", mcpServers=[]))["sessionId"]

    async def turn(self, words: str) -> None:
        """Say this, and receive the whole answer. Raises `TurnFailed`."""
        self._shown.clear()
        prompt = [{"type": "text", "text": words}]
        await self._request("session/prompt", sessionId=self._session, prompt=prompt)
        if "tokens=" in words and not self._shown:
            raise TurnFailed("the editor got no text")

    async def _request(self, method: str, **params: Any) -> Any:
        self._requests += 1
        request = {"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params}
        await self.process.write_line(msgspec.json.encode(request))
        while True:
            line = msgspec.json.decode(await self.process.read_line(), type=dict[str, Any])
            update = line.get("params", {}).get("update", {})
            if update.get("sessionUpdate") == "agent_message_chunk":
                self._shown.append(update["content"]["text"])
            if line.get("id") == self._requests and "method" not in line:
                if "error" in line:
                    raise TurnFailed(str(line["error"]))
                return line["result"]


class ClientAlone:
    """A process with `SessionClient` alone, with a session open. `process`: it."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def open(self) -> None:
        """Wait for its session."""
        await self.process.line("ready")

    async def turn(self, words: str) -> None:
        """Say this, and wait until it has received the whole answer."""
        await self.process.write_line(words.encode())
        await self.process.line("done")


@contextlib.asynccontextmanager
async def opened(target: Server, kind: Kind) -> AsyncIterator[AcpAgent | ClientAlone]:
    """A client's process, ready for a turn."""
    url = target.socket_url.removesuffix("/ws").replace("ws://", "http://")
    if kind == "acp":
        process = await Process.start("holdfast acp", "acp", "--url", url, build=this_build())
    else:
        process = await Process.start("the client", "-m", "benchmarks.session_client", url)
    async with process:
        one = AcpAgent(process) if kind == "acp" else ClientAlone(process)
        await one.open()
        yield one


async def burst(target: Server, kind: Kind, size: Size) -> Burst:
    """A turn of a client that has had a short one before. Raises `TurnFailed`."""
    async with opened(target, kind) as one:
        await one.turn("tokens=20")
        before = await target.cpu_at_rest_s(), await one.process.cpu_at_rest_s()
        await one.turn(f"tokens={size.tokens}")
        after = await target.cpu_at_rest_s(), await one.process.cpu_at_rest_s()
        at_server, at_client = ((late - early) / size.tokens * 1e6 for early, late in zip(before, after, strict=True))
        return Burst(at_client, at_server, one.process.anonymous_kib() / 1024)


async def measure(size: Size = FULL) -> list[Row]:
    """Both kinds of clients at the same server, in turn."""
    async with scripted_model() as api_base, server(api_base, MODEL) as target:
        both: tuple[Kind, Kind] = ("acp", "client")
        pairs = await in_turn(both, lambda kind: burst(target, kind, size), size.pairs)
    ratio = median(acp.client_us / alone.client_us for acp, alone in pairs)
    added = median(acp.server_us - alone.server_us for acp, alone in pairs)
    memory = median(acp.memory_mib for acp, _ in pairs)
    return [
        Row(
            figure=f"CPU a token of `holdfast acp`, a burst of {size.tokens:,} tokens",
            ours=median(acp.client_us for acp, _ in pairs),
            unit="µs",
            floor=median(alone.client_us for _, alone in pairs),
            floor_is="`SessionClient` alone",
            bound=f"at most {RATIO_MAX} x; the median of the pairs is {ratio:.2f}",
            within=ratio <= RATIO_MAX,
        ),
        Row(
            figure="CPU a token of the server for it",
            ours=median(acp.server_us for acp, _ in pairs),
            unit="µs",
            floor=median(alone.server_us for _, alone in pairs),
            floor_is="a socket of `SessionClient`",
            bound=f"at most {ADDED_US_MAX:g} µs more; it is {added:.1f}",
            within=added <= ADDED_US_MAX,
        ),
        Row(
            figure="memory of `holdfast acp` after it",
            ours=memory,
            unit="MiB",
            bound=f"at most {MEMORY_MIB_MAX:g} MiB",
            within=memory <= MEMORY_MIB_MAX,
        ),
    ]
