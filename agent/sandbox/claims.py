"""What a session holds outside of the server and must give back: named in the journal before it is asked for."""

from typing import Protocol

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """A thing that lives, and may cost money, until it is given back: a sandbox elsewhere.

    `claim_id`: of our making. `kind`: who knows how to give it back, such as `space`. `detail`: by what it is found, in
    that kind's own words; never a secret.
    """

    claim_id: str
    kind: str
    detail: str = ""


class Claims(Protocol):
    """One session's claims, in the journal. Every call may raise the journal's `Unavailable`."""

    async def held(self) -> list[Claim]:
        """What the session has, or may have, the oldest first."""

    async def put(self, claim: Claim) -> None:
        """Durable on return; takes the place of a claim with the same id."""

    async def release(self, claim_id: str) -> None:
        """It was given back, or was never there."""
