"""Seen credentials: those rows of the database that this server was shown, which it asks for again all at once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from server.journal.credentials import Credential, CredentialRows, Kind
from server.util.lru_map import LruMap

SEEN_MAX = 10_000
"""Rows of a kind that are kept, those shown longest ago forgotten first: some MiB. One that is forgotten is looked up again."""

T = TypeVar("T")


class SeenCredentials(Generic[T]):
    """The rows of one kind that were shown here, each read by `read`. A row that was removed elsewhere goes with `reread`."""

    def __init__(self, rows: CredentialRows, kind: Kind, read: Callable[[Credential], T]) -> None:
        self._rows = rows
        self._kind: Kind = kind
        self._read = read
        self._epoch = rows.epoch
        self._by_id: LruMap[str, tuple[Credential, T]] = LruMap(SEEN_MAX)
        self._by_hash: LruMap[bytes, str] = LruMap(SEEN_MAX)

    def find_here(self, secret_hash: bytes) -> T | None:
        """The one with this hash, if it was seen."""
        seen = self._by_id.get(self._by_hash.get(secret_hash, ""))
        return None if seen is None else self._use(*seen)

    async def find(self, secret_hash: bytes) -> T | None:
        """The one with this hash, from the database if it was not seen yet. Raises `JournalError`."""
        here = self.find_here(secret_hash)
        if here is not None:
            return here
        found = await self._rows.find(self._kind, secret_hash)
        return None if found is None else self.keep(found)

    async def get(self, credential_id: str) -> T | None:
        """The one with this id. Raises `JournalError`."""
        seen = self._by_id.get(credential_id)
        if seen is not None:
            return self._use(*seen)
        found = await self._rows.get(self._kind, credential_id)
        return None if found is None else self.keep(found)

    def row(self, credential_id: str) -> Credential | None:
        """The row with this id as it was seen last."""
        seen = self._by_id.get(credential_id)
        return None if seen is None else seen[0]

    def keep(self, row: Credential) -> T:
        """This row was seen, unless a newer state of it was."""
        seen = self._by_id.get(row.id)
        return (
            self._use(*seen) if seen is not None and seen[0].version > row.version else self._use(row, self._read(row))
        )

    def forget(self, credential_id: str) -> None:
        """The row with this id is gone."""
        seen = self._by_id.pop(credential_id, None)
        if seen is not None:
            self._by_hash.pop(seen[0].hash, None)

    async def reread(self) -> bool:
        """Ask for all that were seen; whether one has changed or is gone. In another epoch all are. Raises `JournalError`."""
        if self._epoch != self._rows.epoch:
            self._epoch = self._rows.epoch
            self._by_id.clear()
            self._by_hash.clear()
            return True
        versions = {credential_id: row.version for credential_id, (row, _) in self._by_id.items()}
        differing = await self._rows.changed(self._kind, versions) if versions else {}
        for credential_id, row in differing.items():
            seen = self.row(credential_id)
            if seen is None or seen.version != versions[credential_id]:
                continue  # it changed here meanwhile
            if row is None:
                self.forget(credential_id)
            else:
                self.keep(row)
        return bool(differing)

    def _use(self, row: Credential, value: T) -> T:
        self._by_id[row.id] = row, value
        self._by_hash[row.hash] = row.id
        return value
