"""Credential rows: logins, API tokens and the like in the database, where every server on it has them. The interface."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Kind = Literal["login", "token", "hub_token", "code", "ticket", "secret"]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `hash`: of the secret that its holder shows. `data`: what its kind keeps, which the journal does not read.

    `version`: changes with each change of the row; 0 before it is stored. Times in seconds since 1970, by the clock of who made it.
    """

    kind: Kind
    id: str
    hash: bytes
    user_id: str
    created_at: float
    expires_at: float | None
    data: bytes
    version: int = 0


class Bounds(msgspec.Struct, frozen=True):
    """How many rows of a kind there may be. `now`: those that expired until then make room first, then the oldest."""

    now: float
    most: int
    most_of_user: int


class CredentialRows(Protocol):
    """The rows, for a running server. All calls raise `JournalError`."""

    @property
    def epoch(self) -> str:
        """The journal's epoch. When it changes, rows may be what they were before, with versions that were given again."""

    async def find(self, kind: Kind, secret_hash: bytes) -> Credential | None:
        """The row with this hash."""

    async def get(self, kind: Kind, credential_id: str) -> Credential | None:
        """The row with this id."""

    async def all(self, kind: Kind, user_id: str | None = None) -> list[Credential]:
        """The rows of a kind, or those of one user, the newest first."""

    async def changed(self, kind: Kind, versions: Mapping[str, int]) -> dict[str, Credential | None]:
        """Of the rows with these ids those that have another version than given; None: there is none any more."""

    async def add(self, credential: Credential, bounds: Bounds | None = None) -> bool:
        """Store a new row. False if there is one with its id or hash already."""

    async def add_all(self, credentials: Sequence[Credential], bounds: Bounds) -> None:
        """Store those of these rows, all of one kind, that are not there, in one transaction; then the oldest make room."""

    async def put(self, credential: Credential) -> None:
        """Store a row in place of that with its id, if there is one. Rows of its kind that had expired when it was made are removed."""

    async def replace(self, credential: Credential) -> bool:
        """Store a row's new state, and end its renewal. False if it has another version by now than the given, or is gone."""

    async def take_renewal(self, credential: Credential, for_s: float) -> bool:
        """Be the only one that renews what a row keeps, until `replace` or `release_renewal`, or for so long. False if another does,
        or the row has another version by now, or is gone.
        """

    async def release_renewal(self, credential: Credential) -> None:
        """Let another renew it."""

    async def remove(self, kind: Kind, credential_ids: Sequence[str]) -> None:
        """Remove rows, and tell the other servers."""

    async def take(self, kind: Kind, secret_hash: bytes) -> Credential | None:
        """Remove the row with this hash, which one caller gets."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` in the event loop when another server or command removed rows. No promise: a word may be lost."""


class CredentialTable(Protocol):
    """The rows, for a command. All calls block, and raise `JournalError`."""

    where: str

    def all(self, kind: Kind) -> list[Credential]:
        """The rows of a kind, the newest first."""

    def add(self, credential: Credential) -> bool:
        """See `CredentialRows.add`."""

    def remove(self, kind: Kind, credential_id: str) -> bool:
        """Remove a row, and tell the servers. False if there is none."""
