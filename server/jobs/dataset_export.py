"""Dataset export: uploads finished sessions to their owners' datasets. The journal knows which are due."""

import asyncio
import hashlib
import logging
import math
import tempfile
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path
from typing import IO

import msgspec

from agent.hub.dataset_upload import DatasetFile, upload_to_private_dataset
from agent.hub.errors import HubError
from agent.tools.hub import HubClient
from agent.util.backoff import Backoff
from agent.util.errors import log_fault
from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.util.tasks import TaskOwner
from server.config.export import ExportSettings
from server.journal.base import Deleted, Journal, JournalError, NotFound, SessionRow, Stat
from server.sessions.export import export_chunks
from server.telemetry.metrics import Metrics

log = logging.getLogger("holdfast.exporter")

FOLDER = "sessions"
"""The folder in the dataset."""


UPLOADS_MAX = 2
"""Uploads at once, each of another user: export is not urgent, and leaves the network to the sessions."""

UPLOAD_TIMEOUT_S = 300.0
"""How long one upload may take: the largest session by a slow line."""

LOOK_EVERY_S = 60.0
"""How often owners whose token is not known are looked for again. It costs one query."""

EXPORT_BYTES_MAX = 268_435_456
"""Largest session that is exported. The file takes this much of the disk while it is uploaded."""

RETRY_INITIAL_S = 10.0
"""Pause before a failed upload is tried again; it doubles each time."""

RETRY_MAX_S = 3_600.0
"""The longest such pause: an outage of the Hub costs one try an hour for each session."""


class OwnerPause(msgspec.Struct):
    """An owner whose sessions are not tried until a time of the loop, or until another token of the owner is known.

    `row`: the session that failed. `token`: a digest of the token that failed; empty if there was none.
    """

    row: SessionRow
    token: str
    until: float
    backoff: Backoff


class TooLarge(Exception):
    """The session is larger than `EXPORT_BYTES_MAX`."""


class SessionExporter:
    """Uploads one session of an owner at a time, of several owners at once. A failure delays its owner alone.

    `token_of`: the Hugging Face token of a user, None where none is known.
    `hub_of`: a Hub client with a token. `folder`: where the temporary file is made, by `disk`.
    """

    def __init__(
        self,
        journal: Journal,
        settings: ExportSettings,
        token_of: Callable[[str], Awaitable[str | None]],
        hub_of: Callable[[str], HubClient],
        metrics: Metrics,
        folder: Path,
        disk: WorkExecutor,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._token_of = token_of
        self._hub_of = hub_of
        self._metrics = metrics
        self._folder = folder
        self._disk = disk
        self._pauses: dict[str, OwnerPause] = {}
        self._look = asyncio.Event()
        self._tasks = TaskOwner("exporter")

    def start(self, used: Callable[[], Collection[str]], is_first: Callable[[], bool] = lambda: True) -> None:
        """Start the task, if the settings ask for exports. `used`: the ids of sessions that are awake or have sockets. `is_first`:
        whether it is this server, of several on a database, that exports.
        """
        if self._settings.save_sessions:
            self._tasks.start(self._run(used, is_first), "look")

    def look(self) -> None:
        """Look for due sessions soon."""
        self._look.set()

    async def aclose(self) -> None:
        """Stop; an upload under way is due again at the next start."""
        await self._tasks.aclose()

    async def _run(self, used: Callable[[], Collection[str]], is_first: Callable[[], bool]) -> None:
        while True:
            self._look.clear()
            try:
                while is_first() and await self._round(used()):
                    pass
            except JournalError as error:
                log.warning("sessions to export cannot be listed; trying again: %s", error)
            now = asyncio.get_running_loop().time()
            soonest = min((one.until - now for one in self._pauses.values()), default=math.inf)
            try:
                async with asyncio.timeout(max(0.0, min(soonest, LOOK_EVERY_S))):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _round(self, used: Collection[str]) -> bool:
        """Try one session of each of some owners; False if none is due. Raises `JournalError`."""
        paused = await self._paused_owners()
        due = await self._journal.unexported(UPLOADS_MAX, not_of=paused, but=used)
        tried = [self._tasks.start(self._try(stat), stat.row.session_id) for stat in due]
        if tried:
            await asyncio.wait(tried)
        return bool(due)

    async def _paused_owners(self) -> list[str]:
        """The owners whose pause is not over."""
        now = asyncio.get_running_loop().time()
        paused: list[str] = []
        for user_id, waiting in list(self._pauses.items()):
            if waiting.until > now and _digest(await self._token_of(waiting.row.user_id)) == waiting.token:
                paused.append(user_id)
        return paused

    async def _try(self, stat: Stat) -> None:
        row, token = stat.row, None
        try:
            token = await self._token_of(row.user_id)
            outcome = "no_token" if token is None else await self._export(stat, token)
        except (HubError, JournalError, OSError) as error:
            pause_s = self._pause(row, token)
            log.warning("session %s: not exported; trying again in %.1f s: %s", row.session_id, pause_s, error)
            outcome = "failure"
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not be tried again at once
            pause_s = self._pause(row, token)
            log_fault(log, error, "session %s: not exported; trying again in %.1f s", row.session_id, pause_s)
            outcome = "failure"
        if outcome == "no_token":
            self._await_login(row)
        self._metrics.exports.of(outcome).inc()

    async def _export(self, stat: Stat, token: str) -> str:
        """Upload the session and record that in the journal; returns the outcome. Raises `HubError`, `JournalError`, `OSError`."""
        session_id, outcome = stat.row.session_id, "success"
        try:
            await self._upload(stat, token)
            log.info("session %s: exported to its owner's dataset up to %d", session_id, stat.head)
        except TooLarge:
            outcome = "too_large"
            log.warning("session %s: too large to export: it has more than %d bytes", session_id, EXPORT_BYTES_MAX)
        try:
            await self._journal.exported(session_id, stat.head)
        except (Deleted, NotFound):
            log.info("session %s: was deleted during its export", session_id)
        self._pauses.pop(stat.row.user_id, None)
        return outcome

    async def _upload(self, stat: Stat, token: str) -> None:
        """Upload the file that `GET /api/sessions/{id}/export` answers."""
        session_id = stat.row.session_id
        with tempfile.TemporaryFile(dir=self._folder) as file:
            await self._write(stat, file)
            kept = DatasetFile(
                self._settings.session_dataset_repo, f"{FOLDER}/{session_id}.jsonl", file, f"Session {session_id}"
            )
            await upload_to_private_dataset(self._hub_of(token), kept, UPLOAD_TIMEOUT_S)

    async def _write(self, stat: Stat, file: IO[bytes]) -> None:
        disk = self._disk.of(Holder(stat.row.user_id))
        size = 0
        async for piece in export_chunks(self._journal, stat):
            size += len(piece)
            if size > EXPORT_BYTES_MAX:
                raise TooLarge
            await disk.run(partial(file.write, piece))
        file.seek(0)

    def _await_login(self, row: SessionRow) -> None:
        log.warning(
            "session %s: the owner's sessions are exported once the owner logs in to Hugging Face", row.session_id
        )
        self._pauses[row.user_id] = OwnerPause(row, _digest(None), math.inf, self._backoff())

    def _pause(self, row: SessionRow, token: str | None) -> float:
        """Pause the owner, each time for twice as long; another token starts from the beginning. Returns seconds."""
        known, before = _digest(token), self._pauses.get(row.user_id)
        backoff = before.backoff if before is not None and before.token == known else self._backoff()
        pause_s = backoff.next_s()
        self._pauses[row.user_id] = OwnerPause(row, known, asyncio.get_running_loop().time() + pause_s, backoff)
        return pause_s

    def _backoff(self) -> Backoff:
        return Backoff(RETRY_INITIAL_S, RETRY_MAX_S)


def _digest(token: str | None) -> str:
    """A digest that identifies a token; empty for none."""
    return "" if token is None else hashlib.sha256(token.encode()).hexdigest()
