"""Models: one call streams an answer in; retries, time limits and honest errors. The one importer of LiteLLM."""

from agent.models.catalog import Catalog, Choice, ModelEntry, choose_model
from agent.models.client import Models, OwnersModels
from agent.models.errors import ModelError
from agent.models.settings import ModelSettings
from agent.models.types import DeltaKind, ModelInfo, ModelReply, ModelRequest, ModelUsage, RawToolCall, Sink

__all__ = [
    "Catalog",
    "Choice",
    "DeltaKind",
    "ModelEntry",
    "ModelError",
    "ModelInfo",
    "ModelReply",
    "ModelRequest",
    "ModelSettings",
    "ModelUsage",
    "Models",
    "OwnersModels",
    "RawToolCall",
    "Sink",
    "choose_model",
]
