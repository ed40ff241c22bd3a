"""Model backends: models over a scripted server, in each way they can be reached and read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.models import ModelError, ModelReply, ModelRequest, Models, ModelSettings
from tests.support.constants import built_in
from tests.support.models.scripted_model import Request, Script, ScriptedModel

API_KEY = "sk-test-0123456789"
SCRIPTED = ("openai, direct", "openai, wrapped", "hosted_vllm, direct", "hosted_vllm, wrapped")


@dataclass
class Sink:
    """A sink that keeps the deltas; `first` is set by the first of them. `at_once`: how many came without waiting."""

    deltas: list[tuple[str, str]] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)
    has_room: bool = True
    at_once: int = 0

    async def __call__(self, kind: str, piece: str) -> None:
        self.deltas.append((kind, piece))
        self.first.set()

    def put(self, kind: str, piece: str) -> None:
        self.deltas.append((kind, piece))
        self.at_once += 1

    def all(self, kind: str = "text") -> str:
        return "".join(piece for one, piece in self.deltas if one == kind)


@dataclass
class Backend:
    """Models and a model's name, with the server behind it; the demo has none."""

    models: Models
    model: str
    scripted: ScriptedModel | None
    sink: Sink = field(default_factory=Sink)

    @property
    def server(self) -> ScriptedModel:
        assert self.scripted is not None
        return self.scripted

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    def ask(self, *messages: str | Mapping[str, object], tools: list[dict[str, object]] | None = None) -> ModelRequest:
        history: list[dict[str, object]] = [
            {"role": "user", "content": one} if isinstance(one, str) else dict(one) for one in messages
        ]
        return ModelRequest(self.model, history, tools or [])

    async def call(
        self, *messages: str | Mapping[str, object], tools: list[dict[str, object]] | None = None
    ) -> ModelReply:
        """One call; its deltas are in a new `sink`."""
        self.sink = Sink()
        return await self.models.call(self.ask(*(messages or ("hello",)), tools=tools), self.sink)

    async def fails(self) -> ModelError:
        """One call that must fail: its error."""
        try:
            reply = await self.call()
        except ModelError as error:
            return error
        raise AssertionError(f"the call succeeded: {reply}")


@asynccontextmanager
async def scripted(way: str, script: Script, **settings: object) -> AsyncIterator[Backend]:
    """Models over a server with this script. `way`: one of SCRIPTED; `settings`: of ModelSettings."""
    provider, _, reading = way.partition(", ")
    async with ScriptedModel(script) as server:
        given: dict[str, object] = {
            "api_base": server.api_base,
            "api_key": API_KEY,
            "direct_streams": reading == "direct",
            "backoff_initial_s": 0.001,
            **settings,
        }
        models = Models(ModelSettings(**built_in("model.calls", given)))
        try:
            yield Backend(models, f"{provider}/scripted", server)
        finally:
            await models.aclose()
