"""Claims: what a session holds outside of the server and must give back, recorded before it is requested."""

from typing import Protocol

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """A remote sandbox, which runs and may cost money until it is given back.

    `claim_id`: chosen by the server. `kind`: the backend that can give it back, such as `space`. `detail`: how that backend
    finds it, such as a Space's name; empty until it is known, never a secret.
    """

    claim_id: str
    kind: str
    detail: str = ""


class Claims(Protocol):
    """One session's claims in the journal. Each call may raise the journal's `Unavailable`."""

    async def held(self) -> list[Claim]:
        """The session's claims, the oldest first."""

    async def put(self, claim: Claim) -> None:
        """Store a claim, durably; it replaces one with the same id."""

    async def release(self, claim_id: str) -> None:
        """Delete a claim: what it names was given back, or never existed."""
