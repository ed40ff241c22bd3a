"""Models documented: the table of how each provider's answers are read is what happens, for every provider of LiteLLM."""

import re

import pytest

from agent.models import guarded_transport, library_threads
from agent.models.bases import base_of
from agent.models.litellm_provider import lite
from agent.models.providers import PROVIDERS
from agent.models.streams import cohere_events, openai_chunks
from agent.models.streams.anthropic_events import AnthropicDecoder
from agent.models.streams.gemini_chunks import GeminiDecoder
from agent.models.streams.ollama_lines import OllamaDecoder
from agent.models.streams.readers import body_of, iterator_of
from agent.util.executors import Executors
from agent.util.places import SERVER
from tests.faults.harness.lengths import few
from tests.support.models.raw_http import RawServer, Sent
from tests.support.paths import ROOT

WRAPPER = "LiteLLM's wrapper"
CHAT = "chat completions, from bytes"
NOT_REACHED = frozenset(
    [
        "bytez",
        "gdc",
        "gigachat",
        "langflow",
        "oci",
        "predibase",
        "replicate",
        "sagemaker",
        "sagemaker_chat",
        "sagemaker_nova",
        "sap",
        "vertex_ai",
        "vertex_ai_beta",
    ]
)
"""Those that make no request to a server of the test: without an account, or to another address."""
KEYS = ("aws_access_key_id", "aws_secret_access_key")
PARAMETERS: dict[str, dict[str, str]] = {
    "bedrock": {"model": "bedrock/converse/m", "aws_region_name": "us-east-1", **dict.fromkeys(KEYS, "key")},
    "clarifai": {"model": "clarifai/user.app.m"},
    "ragflow": {"model": "ragflow/chat/1/m"},
    "triton": {"path": "/generate"},
    "watsonx": {"project_id": "p", "token": "t"},
    "watsonx_text": {"project_id": "p", "token": "t"},
}


def documented() -> dict[str, str]:
    """How each provider is read, as the table says."""
    section = (ROOT / "docs/models.md").read_text().partition("## How answers are read")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+`) \|$", section, re.MULTILINE)
    names = [(name, how) for how, providers in rows for name in re.findall(r"`([^`]+)`", providers)]
    assert len(names) == len(dict(names)), "a provider stands twice in the table"
    return dict(names)


def test_the_table_has_every_provider_that_is_called() -> None:
    """A new LiteLLM with another provider: see how it is read, and add it to the table."""
    called = {name for name, calls in PROVIDERS.items() if calls.calls != "refused"}
    assert set(documented()) == called


def how(wrapper: object) -> str:
    """How a stream of LiteLLM's is read, in the words of the table."""
    body = body_of(wrapper)
    if body is None:
        return WRAPPER if iterator_of(wrapper) is None else "LiteLLM's iterator"
    words: dict[object, str] = {
        cohere_events.decode: "Cohere's events or lines",
        openai_chunks.decode: "chat completions",
        AnthropicDecoder: "Anthropic's events",
        GeminiDecoder: "Gemini's events",
        OllamaDecoder: "Ollama's lines",
    }
    return f"{words.get(body.decode) or words[type(body.decode)]}, from bytes"


OWN = [name for name, way in documented().items() if way != CHAT and name not in NOT_REACHED]
ALIKE = [name for name, way in documented().items() if way == CHAT]


@pytest.mark.parametrize("names", [OWN, few(ALIKE, 6)], ids=["formats of their own", "chat completions"])
async def test_each_provider_is_read_as_the_table_says(names: list[str]) -> None:
    found, executors = {}, Executors()
    library_threads.call_threads.set(executors.models.of(SERVER))
    async with RawServer([Sent("data: {}\n\n")]) as server:
        base = base_of(server.address)
        assert base is not None
        guarded_transport.GUARD.allow(frozenset([base]))
        for name in names:
            given = dict(PARAMETERS.get(name, {}))
            address = server.address + given.pop("path", "")
            hi = [{"role": "user", "content": "hi"}]
            parameters = {"model": f"{name}/m", "api_base": address, "api_key": "key", "max_retries": 0, **given}
            wrapper = await lite.acompletion(messages=hi, stream=True, _skip_mcp_handler=True, **parameters)
            if getattr(wrapper, "make_call", None) is not None:
                await wrapper.fetch_stream()
            found[name] = how(wrapper)
            await wrapper.aclose()
        guarded_transport.GUARD.forget(frozenset([base]))
    await executors.aclose()
    assert found == {name: documented()[name] for name in names}
