"""Fingerprints: digests of the settings that should be the same at all servers on a database, by which they see what differs."""

import hmac
from hashlib import sha256
from typing import Final

import msgspec

from server.config.settings import Settings

GROUPS: Final = (
    "users",
    "sessions",
    "model",
    "turn",
    "workspace",
    "web",
    "hub",
    "sandbox",
    "policy",
    "research",
    "redaction",
    "export",
    "mcp",
    "mcp_servers",
)
"""Not `server`, `journal`, `nodes` and the like: those are each server's own."""

HEX_CHARS: Final = 16


def fingerprints(settings: Settings) -> dict[str, str]:
    """By group; keyed by `auth.secret`, so that no credential among the settings can be guessed from them."""
    groups: dict[str, object] = {name: getattr(settings, name) for name in GROUPS}
    # The folder that they share is mounted where each machine has it.
    groups["workspace"] = msgspec.structs.replace(settings.workspace, place="own", shared_folder="")
    return {name: _digest(settings.auth.secret, group) for name, group in groups.items()}


def _digest(secret: str, group: object) -> str:
    data = msgspec.json.encode(group, order="deterministic")
    return hmac.digest(secret.encode(), b"holdfast settings " + data, sha256).hex()[:HEX_CHARS]
