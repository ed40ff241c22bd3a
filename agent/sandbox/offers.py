"""What a kind of sandbox offers to sessions, and whom it is made for. Data alone."""

import msgspec

from agent.sandbox.claims import Claims
from agent.workspace.workspace import Workspace


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What sessions have, as `GET /api/config` tells it. `shell`: whether commands run; if not, `reason` says why.

    `says`: where commands run and what they reach, in words for the model and for people.
    """

    kind: str
    says: str
    shell: bool
    network: bool = False
    reason: str = ""


class ForSession(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a sandbox is made for. `workspace`: the session's files on this machine; `hf_token`: of its owner.

    `claims`: what it holds outside of this machine.
    """

    session_id: str
    workspace: Workspace
    hf_token: str | None = None
    claims: Claims | None = None
