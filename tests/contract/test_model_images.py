"""Model images: each provider gets the user's images in its own shape; who does not see them is told their names."""

import base64
import json
from typing import Any

import pytest

from agent.models import ModelRequest, Models, ModelSettings
from agent.models.catalog import Catalog, ModelEntry
from agent.util.errors import ImageRefused
from tests.support.backends import API_KEY, Sink
from tests.support.constants import built_in
from tests.support.models.images import messages_of, png
from tests.support.models.scripted_model import Answer, Refusal, Request, ScriptedModel, text

DATA = base64.b64encode(png()).decode()
URL = f"data:image/png;base64,{DATA}"
OPENAI = [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "What is it?"}]
MARK = {"cache_control": {"type": "ephemeral"}}
SHAPES: dict[str, tuple[str, Any]] = {
    "openai/gpt-4o": ("messages", {"role": "user", "content": OPENAI}),
    "hosted_vllm/of-ones-own": ("messages", {"role": "user", "content": OPENAI}),
    "anthropic/claude-sonnet-4-5": (
        "messages",
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
                {"type": "text", "text": "What is it?", **MARK},
            ],
        },
    ),
    "gemini/gemini-2.5-flash": (
        "contents",
        {
            "role": "user",
            "parts": [{"inline_data": {"data": DATA, "mime_type": "image/png"}}, {"text": "What is it?"}],
        },
    ),
}
ASKED: dict[str, object] = {"role": "user", "content": "What is it?", "images": ["a.png"]}


async def read_image(path: str, most: int) -> str:
    if path == "gone.png":
        raise ImageRefused("it is gone")
    return URL


async def asked(server: ScriptedModel, model: str, *messages: dict[str, object], **settings: Any) -> list[Request]:
    """One call of the model with these messages; the requests that its server got."""
    entries, own = settings.pop("entries", []), model.startswith(("anthropic/", "gemini/"))
    base = server.api_base.removesuffix("/v1") if own else server.api_base
    calls = ModelSettings(api_base=base, api_key=API_KEY, **built_in("model.calls", settings))
    models = Models(calls, Catalog(entries), named=[model])
    try:
        await models.call(ModelRequest(model, [*messages], [], read_image=read_image), Sink())
    finally:
        await models.aclose()
    return server.requests


@pytest.mark.parametrize("model", SHAPES)
async def test_a_provider_gets_an_image_in_its_own_shape(model: str) -> None:
    field, shape = SHAPES[model]
    async with ScriptedModel([text("A square.")], lenient=True) as server:
        [request] = await asked(server, model, ASKED)
    assert request.body[field] == [shape]


@pytest.mark.parametrize(
    ("model", "entries"),
    [("openai/gpt-3.5-turbo", []), ("hosted_vllm/m", [ModelEntry(name="hosted_vllm/m", images=False)])],
    ids=["as the table says", "as its entry says"],
)
async def test_a_model_that_sees_no_images_is_told_their_names(model: str, entries: list[ModelEntry]) -> None:
    async with ScriptedModel([text("I can't see it.")]) as server:
        [request] = await asked(server, model, ASKED, entries=entries)
    told = messages_of(request)[0]["content"]
    assert (
        told == "What is it?\n[The user shows you the image a.png, but you do not see it: this model takes no images.]"
    )


async def test_a_provider_that_refuses_images_is_asked_again_without_them() -> None:
    def answer(request: Request) -> Answer:
        if "image_url" in json.dumps(request.body):
            return Refusal(500, "image input is not supported - hint: you may need an mmproj", code="server_error")
        return text("I can't see it.")

    async with ScriptedModel(answer) as server:
        _, request = await asked(server, "hosted_vllm/of-ones-own", ASKED)
    assert "its provider refused the request with it" in messages_of(request)[0]["content"]
    assert "mmproj" in messages_of(request)[0]["content"]


async def test_the_newest_images_are_sent_within_the_bound_and_the_model_is_told_of_the_others() -> None:
    conversation: list[dict[str, object]] = [
        ASKED,
        {"role": "assistant", "content": "A square."},
        {"role": "user", "content": "And these?", "images": ["b.png", "gone.png"]},
    ]
    async with ScriptedModel([text("Squares.")]) as server:
        [request] = await asked(server, "openai/gpt-4o", *conversation, images_bytes_max=len(png()) + 20)
    first, _, last = messages_of(request)
    assert "a.png, but you do not see it: the conversation has too many or too large images" in first["content"]
    assert [part["type"] for part in last["content"]] == ["image_url", "text"]
    assert last["content"][1]["text"] == (
        "And these?\n[The user shows you the image gone.png, but you do not see it: it is gone.]"
    )
