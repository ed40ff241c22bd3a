"""Model listing: how much context a model has, in the list of models of an OpenAI-compatible server. Pure."""

from typing import Any, Final

import msgspec

BYTES_MAX: Final = 1_048_576
"""How much of a list is read: those of routers with hundreds of models are half as long."""
_KEYS: Final = (
    "max_model_len",  # vLLM, SGLang
    "loaded_context_length",  # LM Studio
    "n_ctx",  # llama.cpp, in `meta`
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_context_length",
)
_MIN, _MAX = 256, 100_000_000


def listed_limit(body: bytes, name: str) -> int | None:
    """Tokens of context of the model of this name, or of the only model of the list; None if the list does not say."""
    try:
        listing: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    models = listing.get("data") if isinstance(listing, dict) else listing
    if not isinstance(models, list):
        return None
    known = [one for one in models if isinstance(one, dict)]
    mine = [one for one in known if name in (one.get("id"), one.get("name"))] or (known if len(known) == 1 else [])
    return _limit(mine[0]) if mine else None


def _limit(model: dict[str, Any]) -> int | None:
    meta = model.get("meta")
    for holder in (model, meta if isinstance(meta, dict) else {}):
        for key in _KEYS:
            value = holder.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and _MIN <= value <= _MAX:
                return value
    return None
