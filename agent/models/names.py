"""Model names: whether a name may be used at all. It names a known provider and a model of it, and never an address. Pure."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from agent.models.catalog import LOCAL_SERVERS
from agent.models.providers import provider_calls

NAME_CHARS_MAX: Final = 200
_CHARS: Final = re.compile(r"[A-Za-z0-9._:/@+~=,-]+")
_HOST: Final = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z]{2,}", re.IGNORECASE)
"""A name of a host as it ends in a domain of letters; `qwen2.5` and `us.anthropic.claude-v1` are none."""
_REGISTRIES: Final = frozenset({"hf.co", "huggingface.co"})
"""Hosts that local servers have in the names of models they got there; they connect to nothing when such a model is called."""
_TEXT_COMPLETION: Final = re.compile(r"ft:(?:babbage|davinci)-002")
"""OpenAI models that LiteLLM calls as the refused provider `text-completion-openai`, whatever the prefix."""


def refuse_name(name: str) -> str | None:
    """Why no model of this name may be called, or None. A name without a slash is a model that LiteLLM knows by itself."""
    if len(name) > NAME_CHARS_MAX:
        return f"a model's name has at most {NAME_CHARS_MAX} characters"
    if not _CHARS.fullmatch(name):
        return "a model's name holds letters, digits and ._:/@+~=,- alone"
    provider, slash, model = name.partition("/")
    if _holds_address(model if slash else name, local=provider in LOCAL_SERVERS):
        return "a model's name may not hold an address; an operator sets addresses in the settings (`api_base`)"
    if _TEXT_COMPLETION.search(name):
        return "this model has no chat completions"
    if not slash or provider in LOCAL_SERVERS:
        return None
    return refuse_provider(provider)


def refuse_provider(provider: str) -> str | None:
    """Why this provider of LiteLLM is not called, or None."""
    calls = provider_calls(provider)
    return f"the provider `{provider}` cannot be used: {calls.why}" if calls.calls == "refused" else None


def refuse_unguarded(name: str, provider: str, named: Collection[str]) -> str | None:
    """Why a model of this provider is not called, or None: a part of its requests goes past the check of addresses, and
    the operator, who named the models `named`, named none of this provider. `provider`: as LiteLLM calls it."""
    if provider in LOCAL_SERVERS or provider_calls(provider).guarded or name in named:
        return None
    if any(one.startswith(f"{provider}/") for one in named):
        return None
    return (
        f"the provider `{provider}` can be used only where the operator named a model of it in the settings "
        "(`model.models`), because LiteLLM makes some requests to it by itself"
    )


def _holds_address(model: str, *, local: bool) -> bool:
    """Whether a part of the name is a path, an IP address, this machine, or a host with something behind it."""
    segments = model.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        return True
    for place, segment in enumerate(segments):
        if local and place == 0 and segment in _REGISTRIES:
            continue
        parts = re.split("[:@]", segment)
        for index, part in enumerate(parts):
            followed = place + 1 < len(segments) or index + 1 < len(parts)
            preceded = index > 0 and "@" in segment
            if _is_machine(part) or (_HOST.fullmatch(part) and (followed or preceded)):
                return True
        if _is_machine(segment):
            return True
    return False


def _is_machine(part: str) -> bool:
    """An IP address, or a name of this machine or network."""
    lowered = part.lower().rstrip(".")
    if lowered == "localhost" or lowered.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ipaddress.ip_address(part)
    except ValueError:
        return False
    return True
