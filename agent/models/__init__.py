"""Models: one call streams an answer in; retries, time limits and honest errors. The one importer of LiteLLM."""

from agent.models.catalog import Catalog, ModelChoice, ModelEntry, choose_model
from agent.models.client import Models, OwnerModelClient
from agent.models.errors import ModelError
from agent.models.settings import ModelSettings
from agent.models.types import DeltaKind, ModelInfo, ModelReply, ModelRequest, ModelUsage, RawToolCall, Sink

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
    "choose_model",
]
