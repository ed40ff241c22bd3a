"""The doctor looks at the model: which one answers by which credentials, and with `--online` whether it does."""

from collections.abc import Mapping

import msgspec

from agent.models import DeltaKind, ModelError, ModelRequest, Models, choose_model
from server.config.settings import Settings
from server.doctor.finding import Finding, fail, ok, warn

OUTPUT_TOKENS = 16
"""Enough for a word; some providers take no less."""


def chosen(settings: Settings, environ: Mapping[str, str]) -> Finding:
    """Which model answers, and why."""
    choice = choose_model(settings.model.model, environ, settings.model.calls.defaults)
    if choice.demo and not settings.model.model.strip():
        advice = "set OPENAI_API_KEY, ANTHROPIC_API_KEY, HF_TOKEN ..., or name a model (--model, HOLDFAST_MODEL)"
        return warn("model", f"the built-in demo answers: {choice.reason}", advice)
    return ok("model", f"{choice.model}: {choice.reason}")


async def answers(settings: Settings, environ: Mapping[str, str]) -> Finding:
    """Whether it does: one real call of a few tokens, without retries."""
    model = choose_model(settings.model.model, environ, settings.model.calls.defaults).model
    models = Models(msgspec.structs.replace(settings.model.calls, max_retries=0))
    said: list[str] = []

    async def sink(kind: DeltaKind, text: str) -> None:
        said.append(text)

    messages: list[dict[str, object]] = [{"role": "user", "content": "Say: ok"}]
    try:
        await models.call(ModelRequest(model, messages, [], max_output_tokens=OUTPUT_TOKENS), sink)
    except ModelError as error:
        return fail("model call", f"{error.code}", error.message)
    finally:
        await models.aclose()
    return ok("model call", f"{model} answered with {len(''.join(said))} characters")
