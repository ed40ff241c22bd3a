"""Calls of language models: one call streams an answer, with retries, time limits and clear errors. Imports LiteLLM.

Model: a name as LiteLLM knows it, such as `openai/gpt-5.6`, or the built-in `demo`.
Catalog: the models that the server offers, and what is set for each.
Provider: opens the streams of all models with LiteLLM.
ProviderStream: the answer of one call while it arrives.
StreamChunk: one chunk of such a stream, in one shape for all providers.
Sink: the function that receives the text of an answer.
Reply: what remains when the text is through: tool calls, finish reason, usage.

Worth knowing. LiteLLM opens every stream, but its wrapper costs some 350 us of CPU a chunk. Most streams are read from the
bytes of their response (`streams/direct.py`), at about 6 us, some by LiteLLM's iterator for the provider, at about 40; the rest
goes through the wrapper. Text that arrives in one network read is one delta. LiteLLM is imported in a thread once the server
listens, and its objects are frozen out of garbage collection: a full collection would stop the event loop for 0.2 s. What the
wrapper invents (a `stop`, token counts) when a provider sends nothing is ignored: no finish reason is `model_stream_cut`, no
usage is no `usage` event. Retries happen in one place, before the first token only.
"""

import os

from agent.models.bases import operator_bases
from agent.models.catalog import Catalog, ModelChoice, ModelEntry, choose_model
from agent.models.client import Models, OwnerModelClient
from agent.models.errors import ModelError
from agent.models.settings import ModelSettings
from agent.models.types import (
    DeltaKind,
    ModelInfo,
    ModelReply,
    ModelRequest,
    ModelUsage,
    RawToolCall,
    Sink,
    TextSink,
)

__all__ = [
    "Catalog",
    "DeltaKind",
    "ModelChoice",
    "ModelEntry",
    "ModelError",
    "ModelInfo",
    "ModelReply",
    "ModelRequest",
    "ModelSettings",
    "ModelUsage",
    "Models",
    "OwnerModelClient",
    "RawToolCall",
    "Sink",
    "TextSink",
    "choose_model",
    "operator_bases",
]

# For LiteLLM, which reads both when it is imported, by whatever module. It would fetch the price table from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# Its wrapper takes this many equal chunks in a row for a model in a loop and raises; a table's rule may be as long.
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", "1000000000")
