"""Catalogue: what the root channel tells: the agent with its models, the settings of a session, the list of sessions. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from agent.models.types import ModelInfo
from server.ahp.addresses import PROVIDER, folder_uri, session_uri
from server.ahp.rpc import INVALID_PARAMS, UNSUPPORTED_VERSION, Message, RpcError
from server.ahp.state import IDLE, IN_PROGRESS, INPUT_NEEDED
from server.sessions.rows import SessionInfo

VERSIONS: Final = ("0.9.0",)
"""What this server speaks."""
STATUS = {"idle": IDLE, "running": IN_PROGRESS, "awaiting_approval": INPUT_NEEDED, "closed": IDLE}
OFFERED_MAX: Final = 32
"""Versions that a client may offer."""


def choose_version(offered: object) -> str:
    """The version to speak: the client's first that this server knows. Raises `RpcError`."""
    if not isinstance(offered, list) or len(offered) > OFFERED_MAX:
        raise RpcError(INVALID_PARAMS, f"`protocolVersions` must be a list of {OFFERED_MAX} versions at most")
    for version in offered:
        if version in VERSIONS:
            return str(version)
    told = f"this server speaks version {', '.join(VERSIONS)} of the protocol alone"
    raise RpcError(UNSUPPORTED_VERSION, told, {"supportedVersions": list(VERSIONS)})


def root_state(models: Sequence[ModelInfo]) -> Message:
    """The state of the root channel."""
    agent = {
        "provider": PROVIDER,
        "displayName": "Holdfast",
        "description": "Sessions on a Holdfast server",
        "models": [_model(one) for one in models],
    }
    return {"agents": [agent]}


def _model(info: ModelInfo) -> Message:
    model: Message = {"id": info.model, "provider": PROVIDER, "name": info.label or info.model}
    return model | ({"maxContextWindow": info.context_limit} if info.context_limit else {})


def config_schema(modes: Sequence[str]) -> Message:
    """What can be set for a session."""
    approvals = {
        "type": "string",
        "title": "Approvals",
        "description": "Which calls ask, and which are refused",
        "enum": list(modes),
        "default": "default",
        "sessionMutable": True,
    }
    return {"type": "object", "properties": {"approvals": approvals}}


def listed(info: SessionInfo) -> Message:
    """A session in the list."""
    summary: Message = {
        "resource": session_uri(info.session_id),
        "provider": PROVIDER,
        "title": info.title,
        "status": STATUS.get(info.state, IDLE) if info.questions is UNSET else INPUT_NEEDED,
        "createdAt": info.created_at,
        "modifiedAt": info.last_active_at,
    }
    return summary if info.cwd is UNSET else summary | {"workingDirectories": [folder_uri(info.cwd)]}
