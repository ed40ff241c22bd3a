"""One session's claims: what it holds outside of the server, as the journal keeps them. Handed to its tools."""

import msgspec

from agent.sandbox.claims import Claim
from server.journal.base import HeldClaim, Journal
from server.util.clock import utc_now


class SessionClaims:
    """`agent.sandbox.claims.Claims` over the journal. Every call may raise its `Unavailable`."""

    def __init__(self, journal: Journal, session_id: str, user_id: str) -> None:
        self._journal = journal
        self._session_id = session_id
        self._user_id = user_id

    async def held(self) -> list[Claim]:
        """What the session has, or may have, the oldest first."""
        return [told(claim) for claim in await self._journal.claims(self._session_id)]

    async def put(self, claim: Claim) -> None:
        """Durable on return. Raises `Deleted` for a new claim of a session that was deleted meanwhile."""
        await self._journal.claim(
            HeldClaim(
                session_id=self._session_id,
                user_id=self._user_id,
                claimed_at=utc_now(),
                **msgspec.structs.asdict(claim),
            )
        )

    async def release(self, claim_id: str) -> None:
        """It was given back, or was never there."""
        await self._journal.release_claim(claim_id)


def told(claim: HeldClaim) -> Claim:
    """A stored claim, as who gives it back needs it."""
    return Claim(claim.claim_id, claim.kind, claim.detail)
