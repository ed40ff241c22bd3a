"""Raw caller: models over a raw HTTP server, and the chunks that it sends."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agent.models import ModelError, ModelReply, ModelRequest, Models, ModelSettings
from tests.support.backends import API_KEY, Sink
from tests.support.constants import built_in
from tests.support.models.raw_http import RawServer, Sent, events, refused

TOOL: dict[str, object] = {"type": "function", "function": {"name": "list", "parameters": {"type": "object"}}}


def chunk(delta: object = None, finish: str | None = None, **fields: object) -> dict[str, object]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"object": "chat.completion.chunk", "choices": choices, **fields}


HELLO = chunk({"role": "assistant", "content": "Hello"})
STOP = chunk({}, "stop")
ANSWER = events(HELLO, STOP, "[DONE]")


@dataclass
class Caller:
    """Models over a raw server. The address of the server is its configured one."""

    server: RawServer
    models: Models
    model: str

    async def call(
        self, *messages: dict[str, object], tools: bool = False, output: Sink | None = None
    ) -> tuple[ModelReply, Sink]:
        output = output or Sink()
        asked = [*messages] or [{"role": "user", "content": "Hello?"}]
        return await self.models.call(ModelRequest(self.model, asked, [TOOL] if tools else []), output), output

    async def fails(self, *, tools: bool = False, output: Sink | None = None) -> ModelError:
        with pytest.raises(ModelError) as raised:
            await self.call(tools=tools, output=output)
        return raised.value


@asynccontextmanager
async def caller(
    answers: Sequence[Sent], model: str = "hosted_vllm/m", listing: Sent | None = None, **settings: object
) -> AsyncIterator[Caller]:
    async with RawServer(answers, listing or refused(404, {"error": "no such path"})) as server:
        native = model.startswith(("anthropic/", "gemini/"))
        given = {"api_base": server.address + ("" if native else "/v1"), "api_key": API_KEY, "backoff_initial_s": 0.001}
        models = Models(ModelSettings(**built_in("model.calls", {**given, **settings})), named=[model])
        try:
            yield Caller(server, models, model)
        finally:
            await models.aclose()
