"""OpenAI client patch: sends requests as they are. The client walks over each: 0.1 s of the loop for 700 messages, 4 ms for any.

The walk looks up a type for each field, to rename fields that have aliases and to encode files. Nothing in a request for a
chat completion has either; a test holds that. There is no public way around it (openai-python `_utils/_transform.py`,
called by `create`).

Each client also asks for the name of the platform in a thread of the default executor (`_base_client.py`); it is known
already.

LiteLLM walks over the schema of each tool in each call, for patterns that Python cannot read: it is given only those that
hold a pattern, and such a schema once. It searches its table in each call twice for what the model is: once is enough. It
notes about each answer what only its callbacks read, and there are none.

httpx makes a request and a response of the standard library's kind of each answer, to look for cookies: only where one is set.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

import httpx
import litellm.main
import litellm.utils
import msgspec
from litellm.litellm_core_utils.prompt_templates import common_utils
from litellm.llms.openai.chat import gpt_transformation
from openai import _base_client
from openai._utils import is_given
from openai.resources.chat.completions import completions

original_transform: Any = completions.async_maybe_transform  # imported there, not exported
"""The client's own function."""
original_drop_patterns: Any = common_utils.drop_non_python_regex_patterns
"""LiteLLM's own function."""
_PATTERN_KEYWORD = b'"pattern'
"""The begin of `pattern` and `patternProperties` as a schema's JSON holds them."""
original_model_info: Any = litellm.main.get_model_info_helper
"""LiteLLM's own function: it only reads the table that LiteLLM came with, which nothing here changes."""
original_extract_cookies = httpx.Cookies.extract_cookies
"""httpx's own function."""
original_response_metadata: Any = litellm.utils.update_response_metadata
"""LiteLLM's own function."""
KEPT_SCHEMAS_MAX, KEPT_BYTES_MAX = 512, 8_192
"""Schemas that are known to be kept whole, and how long they may be: 4 MiB together at most."""
KEPT_MODELS_MAX = 256
_encode = msgspec.json.Encoder().encode


async def _as_it_is(data: Any, expected_type: object) -> Any:
    if not isinstance(data, dict) or "messages" not in data:
        return await original_transform(data, expected_type)
    return {name: value for name, value in data.items() if is_given(value)}


def _drop_patterns(schema: Mapping[str, object]) -> Mapping[str, object]:
    encoded = _encode(schema)
    if _PATTERN_KEYWORD not in encoded or (len(encoded) <= KEPT_BYTES_MAX and _is_kept_whole(encoded)):
        return schema
    return original_drop_patterns(schema)  # type: ignore[no-any-return]  # as above


@lru_cache(maxsize=KEPT_SCHEMAS_MAX)
def _is_kept_whole(encoded: bytes) -> bool:
    schema = msgspec.json.decode(encoded)
    return original_drop_patterns(schema) is schema


def _model_info(model: str, custom_llm_provider: str | None = None) -> dict[str, Any]:
    """As LiteLLM's: the caller may change what it gets. Raises ValueError for a model that is not in the table."""
    found = _found_info(model, custom_llm_provider)
    if found is None:
        raise ValueError(f"{model} is not in the table")
    return {**found}


@lru_cache(maxsize=KEPT_MODELS_MAX)
def _found_info(model: str, provider: str | None) -> dict[str, Any] | None:
    try:
        return original_model_info(model=model, custom_llm_provider=provider)  # type: ignore[no-any-return]  # as above
    except Exception:  # noqa: BLE001  # LiteLLM raises that itself, for a model that it does not know
        return None


def _extract_cookies(jar: httpx.Cookies, response: httpx.Response) -> None:
    if "set-cookie" in response.headers:
        original_extract_cookies(jar, response)


def _note_nothing(**_: object) -> None:
    """In place of what LiteLLM notes about an answer."""


def _known(platform: object) -> Callable[[object], Callable[[], Awaitable[object]]]:
    async def answer() -> object:
        return platform

    return lambda function: answer


def install() -> None:
    """Patch the client, for all calls of the process."""
    _base_client.asyncify = _known(_base_client.get_platform())  # used for that alone
    completions.async_maybe_transform = _as_it_is  # imported there, not exported
    for module in (common_utils, gpt_transformation):  # the second imports it from the first, which uses it too
        module.drop_non_python_regex_patterns = _drop_patterns
    litellm.main.get_model_info_helper = _model_info
    litellm.utils.update_response_metadata = _note_nothing
    jars: Any = httpx.Cookies  # of all clients
    jars.extract_cookies = _extract_cookies
