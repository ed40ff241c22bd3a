"""OpenAI responses: what is added to the calls that LiteLLM makes by /v1/responses instead of by chat completions.

It does so for some models always, and for others where they get tools. There the reasoning of a message is an item of its
own, which only comes back encrypted, and only if it is asked for (platform.openai.com, guides/reasoning, "Encrypted
reasoning items"). Asked for in a chat completion, or of a model that does not reason, it is an error.
"""

from collections.abc import Mapping
from typing import Any

import litellm
from litellm.main import responses_api_bridge_check

lite: Any = litellm  # its annotations do not hold under strict checking
check: Any = responses_api_bridge_check

ENCRYPTED_REASONING = "reasoning.encrypted_content"
_PROVIDERS = frozenset({"openai", "azure", "azure_ai"})


def responses_model(parameters: Mapping[str, object], provider: str) -> str | None:
    """The model's name if LiteLLM makes the call with these parameters by the Responses API, else None."""
    if provider not in _PROVIDERS:
        return None
    name, provider, _, base = lite.get_llm_provider(parameters["model"], api_base=parameters.get("api_base"))
    about, name = check(
        model=name,
        custom_llm_provider=provider,
        tools=parameters.get("tools"),
        reasoning_effort=parameters.get("reasoning_effort"),
        api_base=base,
    )
    return str(name) if about.get("mode") == "responses" else None


def responses_parameters(parameters: Mapping[str, object], model: str, provider: str) -> dict[str, object]:
    """The parameters to add to these of a call by the Responses API; none if they are set already. `model`: see `responses_model`.

    `store: false`: OpenAI keeps no copy of the answer. The session sends the whole conversation with each call.
    """
    if "store" in parameters or "include" in parameters:
        return {}
    reasons = "gpt-5" in model or lite.supports_reasoning(model=model, custom_llm_provider=provider)
    return {"store": False, **({"include": [ENCRYPTED_REASONING]} if reasons else {})}
