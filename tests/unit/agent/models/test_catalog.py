"""Model catalog: the address, key, context limit, prices and reasoning effort of each model."""

import pytest

from agent.models import Catalog, ModelEntry, ModelRequest, Models, ModelSettings, OwnerModelClient
from agent.models.catalog import Address
from agent.models.prompt_caching import mark_for_caching, needs_cache_marks
from tests.support.backends import Sink
from tests.support.models.scripted_model import Finish, Request, ScriptedModel, Text, Usage, stream

HI: list[dict[str, object]] = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("name", "model", "api_base"),
    [
        ("ollama/qwen3:8b", "openai/qwen3:8b", "http://localhost:11434/v1"),
        ("ollama_chat/qwen3:8b", "ollama_chat/qwen3:8b", "http://localhost:11434"),
        ("vllm/openai/gpt-oss-20b", "openai/openai/gpt-oss-20b", "http://localhost:8000/v1"),
        ("lm_studio/gemma", "openai/gemma", "http://localhost:1234/v1"),
        ("llamacpp/any", "openai/any", "http://localhost:8080/v1"),
    ],
)
def test_a_prefix_names_a_server_of_this_machine(name: str, model: str, api_base: str) -> None:
    route = Catalog([]).route(name, {"OPENAI_API_KEY": "sk-of-another-address"})
    assert (route.model, route.api_base, route.api_key) == (model, api_base, "none")


def test_address_of_a_local_server_comes_from_the_entry_or_the_environment() -> None:
    listed = Catalog([ModelEntry(name="ollama/a", api_base="http://box:1/v1", api_key="k")])
    environ = {"OLLAMA_API_BASE": "http://gpu:11434/v1"}
    assert (listed.route("ollama/a", environ).api_base, listed.route("ollama/a", environ).api_key) == (
        "http://box:1/v1",
        "k",
    )
    assert listed.route("ollama/b", environ).api_base == "http://gpu:11434/v1"


def test_listed_address_never_gets_another_addresss_key() -> None:
    assert Catalog([ModelEntry(name="openai/x", api_base="http://box/v1")]).route("openai/x").api_key == "none"
    assert Catalog(["openai/x"]).route("openai/x").api_key == ""


def hello(requests: list[Request]) -> ScriptedModel:
    def answer(request: Request) -> object:
        requests.append(request)
        return stream(Text("Hello."), Finish(), Usage(40_000, 500_000))

    return ScriptedModel(answer)  # type: ignore[arg-type]  # an Answer


async def test_a_listed_model_is_called_at_its_address_with_its_key_effort_and_price() -> None:
    requests: list[Request] = []
    async with hello(requests) as model:
        entry = ModelEntry(
            name="vllm/small",
            label="Small",
            api_base=model.api_base,
            api_key="its-key",
            context_limit=8_192,
            input_usd=2.0,
            output_usd=8.0,
            reasoning_effort="low",
        )
        settings = ModelSettings(api_base="http://127.0.0.1:1/v1", api_key="the-usual-key")
        models = Models(settings, Catalog([entry]))
        info = models.info("vllm/small")
        reply = await models.call(ModelRequest("vllm/small", HI, []), Sink())
        await models.call(ModelRequest("vllm/small", HI, [], reasoning_effort="high"), Sink())
        await models.aclose()
    assert (info.label, info.context_limit, info.input_usd, info.output_usd) == ("Small", 8_192, 2.0, 8.0)
    assert requests[0].headers["authorization"] == "Bearer its-key"
    assert [request.body.get("reasoning_effort") for request in requests] == ["low", "high"]
    assert [request.body["model"] for request in requests] == ["small", "small"]
    assert reply.usage is not None
    assert reply.usage.cost_usd == pytest.approx(0.08 + 4.0)


async def test_no_address_of_the_operators_is_called_with_the_owners_token() -> None:
    requests: list[Request] = []
    async with hello(requests) as model:
        models = Models(ModelSettings(api_base=model.api_base, api_key="the-servers"))
        owners = OwnerModelClient(models, "hf_of_the_owner")
        await owners.call(ModelRequest("huggingface/org/name", HI, []), Sink())
        await owners.call(ModelRequest("openai/name", HI, []), Sink())
        await models.aclose()
    keys = [request.headers["authorization"] for request in requests]
    assert keys == ["Bearer the-servers", "Bearer the-servers"]


USUAL = Address("http://box:8000/v1", "its-key")
ROUTES = [  # the model, the model that is configured, and the address and key it is called with
    ("hosted_vllm/a", "hosted_vllm/a", "http://box:8000/v1", "its-key"),
    ("hosted_vllm/b", "hosted_vllm/a", "http://box:8000/v1", "its-key"),
    ("ollama/a", "ollama/a", "http://box:8000/v1", "its-key"),
    ("openai/gpt-5.6", "hosted_vllm/a", "", ""),
    ("gpt-5.6", "hosted_vllm/a", "", ""),
    ("huggingface/org/m", "hosted_vllm/a", "", "hf_of_the_owner"),
    ("huggingface/org/m", "huggingface/org/m", "http://box:8000/v1", "its-key"),
    ("openai/keyed", "openai/a", "", "the-key-of-openai"),
    ("openai/listed", "openai/a", "http://other/v1", "none"),
    ("ollama/b", "hosted_vllm/a", "http://localhost:11434/v1", "none"),
]


@pytest.mark.parametrize(("model", "configured", "api_base", "api_key"), ROUTES)
def test_the_usual_address_and_key_are_for_the_models_of_one_provider(
    model: str, configured: str, api_base: str, api_key: str
) -> None:
    entries = [
        ModelEntry(name="openai/keyed", api_key="the-key-of-openai"),
        ModelEntry(name="openai/listed", api_base="http://other/v1"),
    ]
    catalog = Catalog([*entries])
    usual = catalog.address(model, configured, USUAL)
    route = catalog.route(model, {}, usual, "hf_of_the_owner")
    assert (route.api_base, route.api_key) == (api_base, api_key)


@pytest.mark.parametrize("given", ["http://gpu:11434", "http://gpu:11434/", "http://gpu:11434/v1"])
def test_the_address_of_a_local_server_may_have_the_path_of_openais_api_or_lack_it(given: str) -> None:
    assert Catalog([]).route("ollama/a", {"OLLAMA_API_BASE": given}).api_base.rstrip("/") == "http://gpu:11434/v1"
    assert Catalog([]).route("ollama_chat/a", {"OLLAMA_API_BASE": given}).api_base == "http://gpu:11434"


def test_cache_marks_are_set_on_copies_of_the_messages() -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "", "tool_calls": []},
    ]
    result = mark_for_caching(messages)
    mark = {"type": "ephemeral"}
    assert result[0]["content"] == [{"type": "text", "text": "You help.", "cache_control": mark}]
    assert result[3]["content"] == [{"type": "text", "text": "three", "cache_control": mark}]
    assert (result[1], result[2], result[4]) == (messages[1], messages[2], messages[4])
    assert messages[0]["content"] == "You help."
    assert needs_cache_marks("anthropic/claude-sonnet-5")
    assert not needs_cache_marks("openai/gpt-5.6")
