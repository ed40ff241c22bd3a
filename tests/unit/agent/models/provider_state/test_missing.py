"""Messages without the state that their provider wants: of another model, or of an older version. Strict servers take them."""

from typing import Any

import pytest

from agent.models import ModelRequest, Models, ModelSettings
from tests.support.backends import Sink
from tests.support.models.strict_provider import StrictProvider
from tests.support.models.strict_providers import Anthropic, DeepSeek, Gemini, Responses
from tests.support.models.strict_server import StrictServer

READ: dict[str, Any] = {
    "type": "function",
    "function": {"name": "read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}
OTHERS: list[dict[str, object]] = [
    {"role": "user", "content": "calls=1,1"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.txt"}'}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "text of a.txt"},
]
"""A turn under way whose first message another model wrote."""


@pytest.mark.parametrize("kind", [DeepSeek, Anthropic, Gemini, Responses])
async def test_a_turn_that_another_model_began_goes_on(kind: type[StrictProvider]) -> None:
    async with StrictServer(kind()) as server:
        models = Models(ModelSettings(api_base=server.base, api_key="key", max_retries=0))
        try:
            request = ModelRequest(server.provider.model, OTHERS, [READ], reasoning_effort=server.provider.effort)
            reply = await models.call(request, Sink())
        finally:
            await models.aclose()
    assert server.provider.refusals == []
    assert len(reply.tool_calls) == 1
