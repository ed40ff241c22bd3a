"""Providers: how LiteLLM calls each of its providers, and which of them may be called."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Calls = Literal["async", "prepares", "refused"]
"""How LiteLLM calls a provider. `async`: all of its requests are made on the event loop. `prepares`: it may block a thread
first, to ask for a token, a template or a listing; the request itself is made on the loop. `refused`: it is not called."""


class ProviderCalls(msgspec.Struct, frozen=True):
    """How one provider is called. `why`: why it is refused. `guarded`: whether all requests of a call to it go through
    `guarded_transport`; a provider without that is called only where the operator named a model of it."""

    calls: Calls
    why: str = ""
    guarded: bool = True


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ASYNC: Final = _names("""
    a2a abliteration ai21 ai21_chat aihubmix aiml anthropic anthropic_text apertis assemblyai baseten cerebras
    charity_engine chutes cloudflare codestral cognition cohere cohere_chat cometapi compactifai cortecs crusoe
    custom_openai darkbloom dashscope datarobot deepinfra deepseek docker_model_runner edenai empiriolabs empower
    featherless_ai fireworks_ai friendliai galadriel gemini github gmi gradient_ai groq helicone heroku hosted_vllm
    hyperbolic inception lambda_ai langflow langgraph libertai litellm_proxy llamafile llamagate lm_studio meta
    meta_llama minimax mistral modelscope moonshot morph nadir nano-gpt nebius neosantara novita nscale nvidia_nim
    ollama_chat openai openrouter ovhcloud parasail perplexity pinstripes poe prism publicai qwen_ai_platform qwencloud reka sail
    sambanova sarvam scaleway scx-ai snowflake synthetic tencent tensormesh together_ai v0 veniceai vercel_ai_gateway
    volcengine wandb xai xiaomi_mimo xinference zai
""")
"""Measured: against an address that never answers, LiteLLM leaves no thread behind (tests/unit/agent/models/test_providers.py)."""

PREPARES: Final = _names("""
    azure azure_ai azure_text bedrock bedrock_mantle bytez clarifai databricks gdc gigachat lemonade oci
    ollama predibase ragflow replicate sagemaker sagemaker_chat sagemaker_nova sap text-completion-codestral
    triton vertex_ai vertex_ai_beta watsonx watsonx_text
""")
"""Clouds that log in first; those that read a model's description first; and those that could not be measured without an
account. What they ask first may go past the check of addresses: boto3, google-auth, requests and httpx by itself do."""

GUARDED_PREPARES: Final = ("huggingface",)
"""Read a model's description first, through the check of addresses (`guarded_transport.install`)."""

_BLOCKS = "LiteLLM's requests to it block a thread until it answers"
_LOGS_IN = "LiteLLM waits for somebody to log in on the server's terminal"
_OWN_CLIENT = "LiteLLM's requests to it go past the check of addresses"
_NO_CHAT = "it streams no chat completions"

REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(_names("amazon_nova custom maritalk nlp_cloud oobabooga petals vllm"), _BLOCKS),
    **dict.fromkeys(_names("chatgpt github_copilot"), _LOGS_IN),
    **dict.fromkeys(_names("aiohttp_openai text-completion-inception text-completion-openai"), _OWN_CLIENT),
    **dict.fromkeys(
        _names("""
        a2a_agent auto_router aws_polly aws_textract azure_speech black_forest_labs cursor deepgram dotprompt elevenlabs
        fal_ai humanloop infinity jina_ai langfuse litellm_agent manus milvus mongodb nvidia_riva openai_like pg_vector
        recraft reducto runwayml s3_vectors soniox stability strands_decider topaz transcribe typesafe valkey voyage
        """),
        _NO_CHAT,
    ),
}
"""Providers that are not called, each with the reason. `vllm` is LiteLLM's own, which runs the model in this process; the
prefix `vllm/` of a model's name means a local server instead (`catalog.LOCAL_SERVERS`)."""

PROVIDERS: Final[Mapping[str, ProviderCalls]] = {
    **{name: ProviderCalls("async") for name in ASYNC},
    **{name: ProviderCalls("prepares", guarded=False) for name in PREPARES},
    **{name: ProviderCalls("prepares") for name in GUARDED_PREPARES},
    **{name: ProviderCalls("refused", why) for name, why in REFUSED.items()},
}
"""Every provider of the LiteLLM that this project is tested with. One that is not here is refused."""

UNKNOWN: Final = ProviderCalls("refused", "it is not known to this server")


def provider_calls(provider: str) -> ProviderCalls:
    """How the provider is called."""
    return PROVIDERS.get(provider, UNKNOWN)
