"""The Hugging Face token of a session's owner: from their login, or given with `create_session`."""

from pathlib import Path

import msgspec
import pytest

from agent.models import ModelReply, ModelRequest, Models, Sink
from protocol import events as ev
from server.auth.owner_tokens import OwnerTokens
from tests.support.application import Listener, running, settings_for

LOGINS = {"ann": "hf_of_anns_login"}


async def of_login(user_id: str) -> str | None:
    return LOGINS.get(user_id)


async def test_a_given_token_is_used_before_that_of_the_login() -> None:
    tokens = OwnerTokens(of_login, 4)
    assert (await tokens.get("ann"), await tokens.get("bob")) == ("hf_of_anns_login", None)
    tokens.give("ann", "hf_given")
    assert (await tokens.get("ann"), await tokens.get("bob")) == ("hf_given", None)


async def test_given_tokens_are_bounded_and_the_oldest_is_forgotten() -> None:
    tokens = OwnerTokens(of_login, 2)
    for user_id in ("a", "b", "a", "c"):
        tokens.give(user_id, f"hf_{user_id}")
    assert [await tokens.get(user_id) for user_id in "abc"] == ["hf_a", None, "hf_c"]


async def test_the_token_of_create_session_reaches_the_model_calls_of_the_owners_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The router's address is its own: an address of the operator's would not get the token."""
    tokens: list[str] = []

    async def call(models: Models, request: ModelRequest, sink: Sink) -> ModelReply:
        tokens.append(request.hub_token)
        return ModelReply((), "stop", None)

    monkeypatch.setattr(Models, "call", call)
    settings = settings_for(tmp_path)
    choice = msgspec.structs.replace(settings.model, model="huggingface/org/name")
    async with running(msgspec.structs.replace(settings, model=choice)) as manager:
        first = await manager.create_session("ann", "hf_" + "a" * 34)
        second = await manager.create_session("ann")
        others = await manager.create_session("bob")
        for session_id in (first, second, others):
            async with manager.registry.activated(session_id) as actor:
                listener = Listener(actor)
            await manager.submit_user_input(session_id, "go")
            await listener.until_type(ev.TurnComplete)
    assert tokens == ["hf_" + "a" * 34, "hf_" + "a" * 34, ""]
