"""OpenAI client patch: sends requests as they are. The client walks over each: 0.1 s of the loop for 700 messages, 4 ms for any.

The walk looks up a type for each field, to rename fields that have aliases and to encode files. Nothing in a request for a
chat completion has either; a test holds that. There is no public way around it (openai-python `_utils/_transform.py`,
called by `create`).

Each client also asks for the name of the platform in a thread of the default executor (`_base_client.py`); it is known
already.

LiteLLM walks over the schema of each tool in each call, for patterns that Python cannot read: it is given only those that
hold a pattern.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litellm.litellm_core_utils.prompt_templates import common_utils
from litellm.llms.openai.chat import gpt_transformation
from openai import _base_client
from openai._utils import is_given
from openai.resources.chat.completions import completions

original_transform: Any = completions.async_maybe_transform  # type: ignore[attr-defined]  # imported there, not exported
"""The client's own function."""
original_drop_patterns: Any = common_utils.drop_non_python_regex_patterns
"""LiteLLM's own function."""
_PATTERN_KEYWORD = b'"pattern'
"""The begin of `pattern` and `patternProperties` as a schema's JSON holds them."""
_encode = msgspec.json.Encoder().encode


async def _as_it_is(data: Any, expected_type: object) -> Any:
    if not isinstance(data, dict) or "messages" not in data:
        return await original_transform(data, expected_type)
    return {name: value for name, value in data.items() if is_given(value)}


def _drop_patterns(schema: Mapping[str, object]) -> Mapping[str, object]:
    return original_drop_patterns(schema) if _PATTERN_KEYWORD in _encode(schema) else schema


def _known(platform: object) -> Callable[[object], Callable[[], Awaitable[object]]]:
    async def answer() -> object:
        return platform

    return lambda function: answer


def install() -> None:
    """Patch the client, for all calls of the process."""
    _base_client.asyncify = _known(_base_client.get_platform())  # type: ignore[attr-defined,assignment]  # used for that alone
    completions.async_maybe_transform = _as_it_is  # type: ignore[attr-defined]  # imported there, not exported
    for module in (common_utils, gpt_transformation):  # the second imports it from the first, which uses it too
        module.drop_non_python_regex_patterns = _drop_patterns
